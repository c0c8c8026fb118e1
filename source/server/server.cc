#include "source/server/server.h"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "source/access_log/loggers.h"
#include "source/admin/server.h"
#include "source/base/log.h"
#include "source/server/admin_commands.h"
#include "source/server/handed_state.h"
#include "source/stats/region.h"

namespace baton::server {
namespace {

constexpr std::chrono::seconds kLongestWarmUp{60};

// As many open files as the system lets us have: a proxy needs two for each connection.
uint64_t raiseOpenFileLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  if (limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    ::getrlimit(RLIMIT_NOFILE, &limit);
  }
  return limit.rlim_cur;
}

// The numbers of server.state.
int64_t envoyState(Server::State state) {
  switch (state) {
    case Server::State::kLive:
      return 0;
    case Server::State::kDraining:
      return 1;
    case Server::State::kPreInitializing:
      return 2;
    case Server::State::kInitializing:
      break;
  }
  return 3;
}

}  // namespace

Server::Server(Options options)
    : options_(std::move(options)),
      clock_(base::RealClock::instance()),
      start_time_(clock_.monotonic()),
      first_start_time_(start_time_),
      main_loop_(clock_),
      phases_(clock_),
      drain_(clock_),
      health_check_drain_(clock_),
      flush_timer_(main_loop_.loop(), [this] { everyFlush(); }),
      drain_check_(
          main_loop_.loop(), [this] { checkDrained(); }, event::Precision::kFine),
      shutdown_timer_(main_loop_.loop(), [this] { stop("the parent shutdown time has passed"); }) {}

Server::~Server() = default;

int Server::validate(const Options& options) {
  event::Loop loop;
  auto store = stats::Store::inMemory();
  auto bootstrap = Configuration::load(options, *store);
  if (!bootstrap) {
    std::fprintf(stderr, "%s\n", bootstrap.error().message.c_str());
    return 1;
  }
  if (auto built = Configuration::build(*bootstrap, options, loop, *store, true); !built) {
    std::fprintf(stderr, "%s\n", built.error().message.c_str());
    return 1;
  }
  std::printf("configuration '%s' OK\n", options.config_path.empty() ? "--config-yaml" : options.config_path.c_str());
  return 0;
}

int Server::run() {
  signals_ =
      std::make_unique<event::Signals>(main_loop_.loop(), std::initializer_list<int>{SIGTERM, SIGINT, SIGUSR1, SIGHUP},
                                       [this](int number) { onSignal(number); });
  phases_.report(Phase::kStarting);
  auto started = signals_->start();
  if (started) started = start();
  if (!started) {
    const std::string& why = started.error().message;
    if (generation_ != nullptr) generation_->abort(why);
    phases_.report(Phase::kFailed, why.substr(0, why.find('\n')));
    std::fprintf(stderr, "baton: %s\n", why.c_str());
    exit_status_ = 1;
  } else if (options_.mode == Mode::kServe) {
    main_loop_.run();
  }
  // In the order in which they depend on each other.
  if (admin_ != nullptr) admin_->close();
  workers_.reset();
  admin_.reset();
  if (generation_ != nullptr) generation_->leave();
  sockets_.reset();
  configuration_.reset();
  stats_.reset();
  BATON_LOG(kMain, info, "ended with status {}", exit_status_);
  base::flushLog();
  store_.reset();
  return exit_status_;
}

base::Result<void> Server::start() {
  const uint64_t open_files = raiseOpenFileLimit();
  global_limit_.most.store(static_cast<uint32_t>(std::min<uint64_t>(50'000, open_files / 2)));

  hot_restart::Generation::Events events;
  events.dismissed = [this](const std::string& why) {
    phases_.report(Phase::kRolledBack, why);
    stop("the parent took over again: " + why, 1);
  };
  events.probation_over = [this] { onProbationOver(); };
  events.parent_gone = [this] { phases_.report(Phase::kParentEnded); };
  generation_ = std::make_unique<hot_restart::Generation>(main_loop_.loop(), options_, std::move(events));
  auto store = generation_->enter();
  if (!store) return store.error();
  store_ = std::move(*store);
  stats_ = std::make_unique<ServerStats>(*store_);

  if (auto configured = configure(); !configured) return configured;
  phases_.report(Phase::kConfigured);

  // Before the first look at a host: one that is known to be dead is not asked to prove it by a failed request.
  if (auto taken = takeOverState(); !taken) return taken;
  startWorkers();
  inherited_ = generation_->takeSockets();
  if (options_.mode == Mode::kServe) {
    // Before the clusters are warm: a name server that does not answer is when an operator wants to know.
    if (auto opened = openAdmin(); !opened) return opened;
    everyFlush();
  }
  warmUp();
  if (main_loop_.stopping()) return {};
  state_ = State::kInitializing;
  phases_.report(Phase::kWarm);
  if (options_.mode == Mode::kInitOnly) return {};

  if (auto checked = checkParity(); !checked) return checked;
  if (auto taken = takeOverSockets(); !taken) return taken;
  if (main_loop_.stopping()) return {};
  workers_->onEach([](Worker& worker) { worker.startAccepting(); });
  state_ = State::kLive;
  stats_->live.set(1);
  const auto initialization = std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - start_time_);
  stats_->initialization_time_ms.record(static_cast<uint64_t>(initialization.count()));
  const bool child = generation_->hasParent();
  if (auto ready = generation_->ready(); !ready) return ready;
  if (generation_->child() != nullptr) {
    if (auto answering = answerAsAdmin(); !answering) return answering;
  }
  if (store_->region() != nullptr) store_->region()->setState(stats::GenerationState::kServing);
  phases_.report(Phase::kCommitted);
  if (!child || !generation_->hasParent()) onProbationOver();
  updateStats();
  return {};
}

base::Result<void> Server::configure() {
  auto bootstrap = Configuration::load(options_, *store_);
  if (!bootstrap) return bootstrap.error();
  auto configuration = Configuration::build(*bootstrap, options_, main_loop_.loop(), *store_, false);
  if (!configuration) return configuration.error();
  configuration_ = std::move(*configuration);
  return {};
}

void Server::startWorkers() {
  WorkerEnvironment environment{
      clock_,
      server_state_,
      global_limit_,
      configuration_->runtime().get(),
      [this](unsigned, event::Loop& loop) { return configuration_->clusters().makeWorkerClusters(loop); },
  };
  workers_ = std::make_unique<WorkerSet>(options_.concurrency, std::move(environment));
  stats_->workers_started.set(1);
  stats_->concurrency.set(options_.concurrency);
}

void Server::warmUp() {
  bool warm = false;
  configuration_->clusters().start([&warm] { warm = true; });
  const auto deadline = clock_.monotonic() + kLongestWarmUp;
  while (!warm && !main_loop_.stopping()) {
    if (clock_.monotonic() > deadline) {
      BATON_LOG(kMain, warn, "not all clusters are ready after {} s; going on without them", kLongestWarmUp.count());
      break;
    }
    main_loop_.runOnce(std::chrono::milliseconds(20));
  }
}

base::Result<void> Server::checkParity() {
  if (!generation_->hasParent()) return {};
  auto losses = generation_->parity(inventory());
  if (!losses) return losses.error();
  for (const std::string& loss : *losses) BATON_LOG(kRestart, warn, "parity: {}", loss);
  if (!losses->empty() && options_.restart.parity == ParityMode::kRefuse) {
    return base::Error{base::ErrorCode::kInvalidArgument, "--restart-parity refuse: " + losses->front()};
  }
  return {};
}

base::Result<void> Server::takeOverSockets() {
  const size_t taken = inherited_.size();
  std::erase_if(inherited_, [](const auto& socket) { return socket.kind == hot_restart::HandedSocket::Kind::kAdmin; });
  for (const auto& config : configuration_->listeners()) {
    const bool health_check = config->drain_type == api::Listener::DrainType::kDefault;
    listener_drains_.try_emplace(config->name, clock_, drain_, health_check ? &health_check_drain_ : nullptr);
  }
  sockets_ = std::make_unique<ListeningSockets>(configuration_->listeners());
  auto assignments = sockets_->assign(std::move(inherited_), options_.concurrency);
  if (!assignments) return assignments.error();
  const size_t assigned = assignments->size();
  assign(std::move(*assignments), false);
  stats_->listeners_active.set(static_cast<int64_t>(configuration_->listeners().size()));
  stats_->listener_added.add(configuration_->listeners().size());
  stats_->listener_create_success.add(assigned);
  phases_.report(Phase::kListening, fmt::format("{} sockets taken over, {} in use", taken, assigned));
  return {};
}

void Server::assign(std::vector<SocketAssignment> assignments, bool accept_now) {
  for (SocketAssignment& assignment : assignments) {
    OpenSocket open{assignment.config, ListeningSockets::key(*assignment.config, assignment.address_index),
                    assignment.socket_index, assignment.socket.get()};
    const bool known = std::any_of(open_sockets_.begin(), open_sockets_.end(), [&open](const OpenSocket& other) {
      return other.key == open.key && other.index == open.index;
    });
    if (!known) open_sockets_.push_back(std::move(open));
    (*workers_)[assignment.worker].post([accept_now, worker = &(*workers_)[assignment.worker],
                                         drain = &listener_drains_.at(assignment.config->name),
                                         held = std::make_shared<SocketAssignment>(std::move(assignment))] {
      worker->addListener(held->config, held->address_index, std::move(held->socket), *drain, accept_now);
    });
  }
  // What was posted is done when this returns.
  workers_->onEach([](Worker&) {});
}

base::Result<void> Server::openAdmin() {
  const auto& config = configuration_->bootstrap().admin;
  if (!config || !config->address) return {};
  auto address = network::addressOf(*config->address);
  if (!address) return address.error();
  addAdminCommands(handlers_, *this);
  admin::Server::Settings settings;
  for (const api::AccessLog& log : config->access_log) {
    auto logger = access_log::buildLogger(log, configuration_->logFiles());
    if (!logger) return logger.error();
    settings.access_logs.push_back(std::move(*logger));
  }
  for (const api::StringMatcher& path : config->allow_paths) {
    auto matcher = http::StringMatcher::build(path);
    if (!matcher) return matcher.error();
    settings.allowed_paths.push_back(std::move(*matcher));
  }
  admin_ = std::make_unique<admin::Server>(main_loop_.asio(), handlers_, *store_, std::move(settings));
  network::Fd inherited;
  for (hot_restart::HandedSocket& socket : inherited_) {
    if (socket.kind == hot_restart::HandedSocket::Kind::kAdmin) inherited = std::move(socket.fd);
  }
  // The parent's socket serves if it is where ours should be; with port 0 it is by definition.
  const auto there = inherited ? network::Address::localOf(inherited.get()) : address;
  const bool same =
      inherited && there && (*there == *address || (address->port() == 0 && there->ip() == address->ip()));
  auto listening = same ? admin_->adopt(std::move(inherited)) : admin_->listen(*address);
  if (!listening) {
    return base::Error{base::ErrorCode::kSystem,
                       "admin can't listen on " + address->text() + ": " + listening.error().message};
  }
  if (generation_->child() == nullptr) return answerAsAdmin();
  if (!same) admin_->resumeAccepting();
  return {};
}

base::Result<void> Server::answerAsAdmin() {
  if (admin_ == nullptr) return {};
  admin_->resumeAccepting();
  if (options_.admin_address_path.empty()) return {};
  // Whole or not at all: who waits for the file reads it at once.
  const std::string temporary = options_.admin_address_path + "." + std::to_string(::getpid());
  std::FILE* file = std::fopen(temporary.c_str(), "we");
  if (file == nullptr) return base::systemError("--admin-address-path " + options_.admin_address_path);
  std::fprintf(file, "%s", admin_->localAddress().text().c_str());
  std::fclose(file);
  if (::rename(temporary.c_str(), options_.admin_address_path.c_str()) != 0) {
    return base::systemError("--admin-address-path " + options_.admin_address_path);
  }
  return {};
}

base::Result<void> Server::takeOverState() {
  auto parts = generation_->takeState();
  if (!parts) return parts.error();
  importState(*parts, *configuration_, clock_.monotonic());
  first_start_time_ = std::min(start_time_, clock_.monotonic() - uptimeOf(*parts));
  return {};
}

void Server::onProbationOver() {
  if (confirmed_) return;
  confirmed_ = true;
  auto additional = sockets_->openDeferred();
  if (!additional) {
    BATON_LOG(kRestart, err, "workers beyond the parent's stay without a socket: {}", additional.error().message);
  } else {
    assign(std::move(*additional), true);
  }
  if (auto listening = generation_->listenForChildren(*this, *store_); !listening) {
    BATON_LOG(kRestart, err, "no hot restart of this process is possible: {}", listening.error().message);
  }
  phases_.report(Phase::kConfirmed, generation_->hasParent() ? "" : kNoParent);
}

void Server::onSignal(int number) {
  switch (number) {
    case SIGUSR1:
      reopenLogs();
      return;
    case SIGHUP:
      BATON_LOG(kMain, info, "SIGHUP is ignored; a restart is the wrapper's or `baton upgrade`'s business");
      return;
    default:
      break;
  }
  if (options_.sigterm_drain_time.count() > 0 && !sigterm_seen_ && state_ == State::kLive) {
    sigterm_seen_ = true;
    return drainAndEnd();
  }
  stop(number == SIGINT ? "SIGINT" : "SIGTERM");
}

void Server::stop(const std::string& why, int status) {
  BATON_LOG(kMain, info, "ending: {}", why);
  if (starting()) generation_->abort(why);
  exit_status_ = std::max(exit_status_, status);
  // Of a parent whose child serves the service manager must not think that the service ends.
  if (confirmed_ && !parent_drain_) phases_.stopping();
  state_ = State::kDraining;
  main_loop_.stop();
}

void Server::reopenLogs() {
  base::reopenLog();
  if (configuration_ != nullptr) configuration_->logFiles().reopen();
}

Server::State Server::state() const {
  if (starting()) return state_;
  const bool draining = drain_.draining() || health_check_drain_.draining() ||
                        std::any_of(listener_drains_.begin(), listener_drains_.end(),
                                    [](auto& entry) { return entry.second.draining(); });
  return draining ? State::kDraining : state_;
}

std::chrono::milliseconds Server::uptime() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - start_time_);
}

std::chrono::milliseconds Server::uptimeOfAllEpochs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(clock_.monotonic() - first_start_time_);
}

std::vector<std::pair<std::string, std::string>> Server::listenerAddresses() const {
  std::vector<std::pair<std::string, std::string>> addresses;
  for (const OpenSocket& open : open_sockets_) {
    if (open.index != 0) continue;
    const auto address = network::Address::localOf(open.fd);
    addresses.emplace_back(open.config->name, address ? address->text() : open.key);
  }
  return addresses;
}

void Server::everyFlush() {
  updateStats();
  base::flushLog();
  if (!configuration_->bootstrap().stats_flush_on_admin) store_->mergeHistograms();
  store_->foldDeadGenerations();
  generation_->observeElders();
  configuration_->ticketKeys().rotate();
  flush_timer_.arm(configuration_->bootstrap().stats_flush_interval);
}

void Server::updateStats() {
  stats_->uptime.set(std::chrono::duration_cast<std::chrono::seconds>(uptimeOfAllEpochs()).count());
  stats_->state.set(envoyState(state()));
  stats_->hot_restart_epoch.set(static_cast<int64_t>(generation_->epoch()));
  stats_->hot_restart_generation.set(static_cast<int64_t>(generation_->epoch()) + 1);
  const auto now = clock_.wall();
  int64_t days = INT64_MAX;
  for (const auto& certificate : configuration_->certificates()) {
    days = std::min(days, certificate.daysUntilExpiration(now));
  }
  stats_->days_until_first_cert_expiring.set(days == INT64_MAX ? 0 : std::max<int64_t>(0, days));
  const int64_t own = static_cast<int64_t>(connections());
  int64_t parents = 0;
  for (const hot_restart::GenerationStatus& elder : generation_->elders()) {
    parents += static_cast<int64_t>(elder.drain.connections);
  }
  stats_->parent_connections.set(parents);
  stats_->total_connections.set(own + parents);
  stats_->updateMemory();
}

}  // namespace baton::server
