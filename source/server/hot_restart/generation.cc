#include "source/server/hot_restart/generation.h"

#include <algorithm>
#include <cstdio>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "source/base/log.h"
#include "source/server/build.h"

namespace baton::server::hot_restart {
namespace {

// Descriptors that a process needs beside the sockets that cross: logs, epoll, shared memory, resolver, some clients.
constexpr uint64_t kOwnDescriptors = 64;

}  // namespace

Generation::Generation(event::Loop& loop, const Options& options, Events events)
    : loop_(loop),
      options_(options),
      events_(std::move(events)),
      base_id_(options.restart.base_id),
      restart_socket_(loop, [this](network::Fd socket) { parent_side_->onChild(std::move(socket)); }) {}

Generation::~Generation() = default;

network::Address Generation::socketAddress() const {
  const auto address = network::Address::unixSocket(options_.restart.socket_path + "_" + std::to_string(base_id_));
  return address ? *address : network::Address();
}

stats::RegionOptions Generation::regionOptions() const {
  stats::RegionOptions region;
  region.name = "baton_shared_memory_" + std::to_string(base_id_);
  region.max_stats = static_cast<uint32_t>(options_.max_stats);
  region.max_name_bytes = options_.max_obj_name_len;
  return region;
}

std::string Generation::layout() const {
  if (options_.restart.disabled) return {};
  return stats::Region::layoutString(static_cast<uint32_t>(options_.max_stats), options_.max_obj_name_len);
}

base::Result<std::unique_ptr<stats::Store>> Generation::enter() {
  const RestartOptions& restart = options_.restart;
  if (restart.disabled) return stats::Store::inMemory();
  if (auto address = network::Address::unixSocket(restart.socket_path + "_" + std::to_string(base_id_)); !address) {
    return base::Error{base::ErrorCode::kInvalidArgument, "--socket-path: " + address.error().message};
  }
  if (restart.epoch == uint64_t{0}) return found();

  auto socket = connectToParent();
  if (socket) return join(std::move(*socket));
  if (socket.error().code != base::ErrorCode::kNotFound) return socket.error();
  if (!restart.epoch) {
    if (auto region = regionOfTheDraining()) {
      const uint64_t epoch = region->generations().back().epoch + 1;
      return replaceTheDead(std::move(region), epoch);
    }
  }
  const bool alive = Lineage::alive(base_id_);
  if (!alive && (!restart.epoch || restart.skip_on_no_parent)) {
    BATON_LOG(kRestart, info, "no parent under base id {}: a first start", base_id_);
    return found();
  }
  if (alive) {
    return base::Error{base::ErrorCode::kUnavailable, "a process holds base id " + std::to_string(base_id_) +
                                                          " but does not answer on " + socketAddress().text() +
                                                          "; is --socket-path the same?"};
  }
  return base::Error{base::ErrorCode::kNotFound,
                     "no parent under base id " + std::to_string(base_id_) + " for restart epoch " +
                         std::to_string(*restart.epoch) +
                         "; start with --restart-epoch 0 or auto, or give --skip-hot-restart-on-no-parent"};
}

base::Result<network::Fd> Generation::connectToParent() {
  // The parent may be about to open its socket: as long as somebody holds the lineage it is worth another try.
  const auto deadline = loop_.clock().monotonic() + options_.restart.step_timeout;
  for (;;) {
    auto socket = Channel::connect(socketAddress());
    if (socket || socket.error().code != base::ErrorCode::kNotFound || !Lineage::alive(base_id_) ||
        regionOfTheDraining() != nullptr || loop_.clock().monotonic() > deadline) {
      return socket;
    }
    loop_.runOnce(std::chrono::milliseconds(20));
    ::usleep(20'000);
  }
}

base::Result<std::unique_ptr<stats::Store>> Generation::found() {
  auto lineage = options_.restart.use_dynamic_base_id ? Lineage::foundAnywhere() : Lineage::found(base_id_);
  if (!lineage) return lineage.error();
  lineage_ = std::move(*lineage);
  base_id_ = lineage_->baseId();
  if (!options_.restart.base_id_path.empty()) {
    std::FILE* file = std::fopen(options_.restart.base_id_path.c_str(), "we");
    if (file == nullptr) return base::systemError("--base-id-path " + options_.restart.base_id_path);
    std::fprintf(file, "%u\n", base_id_);
    std::fclose(file);
  }
  // With the lineage locked, a region that is still there belongs to the dead.
  if (!stats::Region::removeIfUnused(regionOptions())) {
    return base::Error{
        base::ErrorCode::kUnavailable,
        "/dev/shm/" + regionOptions().name + " is in use although nobody holds base id " + std::to_string(base_id_)};
  }
  return makeStore(network::Fd());
}

base::Result<std::unique_ptr<stats::Store>> Generation::join(network::Fd socket) {
  ChildSide::Events events;
  events.dismissed = events_.dismissed;
  events.probation_over = events_.probation_over;
  events.parent_gone = [this] {
    loseParent();
    if (events_.parent_gone) events_.parent_gone();
  };
  events.parent_lives = [this] { return parentLives(); };
  events.stats = [this](const std::vector<StatValue>& values) {
    if (options_.restart.skip_parent_stats) return;
    for (const StatValue& value : values) {
      if (value.gauge) {
        importer_->gauge(value.name, static_cast<int64_t>(value.value));
      } else {
        importer_->counter(value.name, value.value);
      }
    }
  };
  child_side_ = std::make_unique<ChildSide>(loop_, options_.restart, std::move(events));
  auto welcome = child_side_->hello(std::move(socket), options_.restart.epoch, version(), layout());
  if (!welcome && welcome.error().code == base::ErrorCode::kUnavailable) return replaceTheParent(welcome.error());
  if (!welcome) return welcome.error();
  parent_epoch_ = welcome->parent_epoch;
  epoch_ = parent_epoch_ + 1;
  const bool same_layout = welcome->parent_layout == layout();
  if (welcome->stats_region) {
    // Closes the descriptor, with which the parent's lock on its place would outlive it.
    auto region = stats::Region::observe(welcome->stats_region.release());
    if (region) {
      parents_region_ = std::move(*region);
    } else if (same_layout) {
      return region.error();
    } else {
      BATON_LOG(kRestart, info, "{}: if the parent is killed, what it counts in its last second is lost",
                region.error().message);
    }
  }
  BATON_LOG(kRestart, info, "taking over from epoch {} (pid {}, version {})", welcome->parent_epoch,
            welcome->parent_pid, welcome->parent_version);
  auto lineage = Lineage::join(base_id_);
  if (!lineage) return lineage.error();
  lineage_ = std::move(*lineage);
  if (auto received = receiveSockets(welcome->sockets); !received) return received.error();
  const bool shares = same_layout && parents_region_ != nullptr && !options_.restart.skip_parent_stats;
  carries_parent_stats_ = !shares && !options_.restart.skip_parent_stats;
  return makeStore(network::Fd(shares ? ::fcntl(parents_region_->fd(), F_DUPFD_CLOEXEC, 0) : -1));
}

void Generation::loseParent() {
  parent_lost_ = true;
  if (importer_ != nullptr) importer_->dropGauges();
  observeElders();
}

void Generation::observeElders() {
  // Before that the parent tells us all itself, with what lives in its process memory only.
  if (parents_region_ == nullptr || !parent_lost_ || importer_ == nullptr) return;
  // Asked first: what one that dies in between has counted last is taken in the next time.
  const bool all_ended = parents_region_->generations().empty();
  if (carries_parent_stats_) importer_->everythingOf(*parents_region_);
  if (!carries_parent_stats_ || all_ended) parents_region_.reset();
}

std::optional<bool> Generation::parentLives() const {
  // Before it has said who it is: somebody serves, perhaps with a region of its own, or nobody does.
  if (!lineage_) {
    return Lineage::alive(base_id_) && (regionOfTheDraining() == nullptr || Channel::connect(socketAddress()).ok());
  }
  if (parents_region_ == nullptr) return std::nullopt;
  const auto living = parents_region_->generations();
  return std::any_of(living.begin(), living.end(), [this](const auto& one) { return one.epoch == parent_epoch_; });
}

base::Result<std::unique_ptr<stats::Store>> Generation::replaceTheParent(const base::Error& why) {
  BATON_LOG(kRestart, warn, "{}", why.message);
  child_side_.reset();
  if (auto region = stats::Region::observe(regionOptions())) {
    const uint64_t epoch = options_.restart.epoch.value_or((*region)->lastEpoch().value_or(0) + 1);
    return replaceTheDead(std::move(*region), epoch);
  }
  epoch_ = options_.restart.epoch.value_or(0);
  return found();
}

std::unique_ptr<stats::Region> Generation::regionOfTheDraining() const {
  auto region = stats::Region::observe(regionOptions());
  if (!region) return nullptr;
  const auto generations = (*region)->generations();
  const bool draining = std::all_of(generations.begin(), generations.end(), [](const auto& generation) {
    return generation.state == stats::GenerationState::kDraining;
  });
  return draining && !generations.empty() ? std::move(*region) : nullptr;
}

base::Result<std::unique_ptr<stats::Store>> Generation::replaceTheDead(std::unique_ptr<stats::Region> region,
                                                                       uint64_t epoch) {
  auto lineage = Lineage::join(base_id_);
  if (!lineage) return lineage.error();
  lineage_ = std::move(*lineage);
  epoch_ = epoch;
  BATON_LOG(kRestart, warn, "nobody serves under base id {}: epoch {} begins without a parent", base_id_, epoch_);
  if (options_.restart.skip_parent_stats || region->layoutString() != layout()) {
    parents_region_ = std::move(region);
    parent_lost_ = true;
    carries_parent_stats_ = !options_.restart.skip_parent_stats;
    auto anonymous = stats::Region::anonymous(regionOptions());
    if (!anonymous) return anonymous.error();
    return claim(std::move(*anonymous));
  }
  auto store = claim(std::move(region));
  if (!store) return store;
  // Two that found this at the same moment see each other at least once.
  const auto generations = (*store)->region()->generations();
  const auto serving = std::count_if(generations.begin(), generations.end(), [](const auto& generation) {
    return generation.state != stats::GenerationState::kDraining;
  });
  if (serving > 1)
    return base::Error{base::ErrorCode::kUnavailable,
                       "another process starts under base id " + std::to_string(base_id_)};
  return store;
}

base::Result<std::unique_ptr<stats::Store>> Generation::makeStore(network::Fd region_from_parent) {
  const stats::RegionOptions region_options = regionOptions();
  std::unique_ptr<stats::Region> region;
  if (region_from_parent) {
    auto adopted = stats::Region::adopt(region_from_parent.release(), region_options);
    if (!adopted) return adopted.error();
    region = std::move(*adopted);
  } else if (child_side_ == nullptr) {
    auto created = stats::Region::create(region_options);
    if (!created) return created.error();
    region = std::move(*created);
  } else {
    // Another layout: the parent keeps the name; ours goes to our own children by its descriptor.
    auto anonymous = stats::Region::anonymous(region_options);
    if (!anonymous) return anonymous.error();
    region = std::move(*anonymous);
  }
  return claim(std::move(region));
}

base::Result<std::unique_ptr<stats::Store>> Generation::claim(std::unique_ptr<stats::Region> region) {
  if (auto claimed = region->claim(epoch_, options_.concurrency); !claimed) return claimed.error();
  auto store = std::make_unique<stats::Store>(std::move(region));
  importer_ = std::make_unique<stats::Importer>(*store);
  observeElders();
  return store;
}

std::optional<base::Error> Generation::orLost(const base::Error& error) {
  if (error.code != base::ErrorCode::kUnavailable) return error;
  BATON_LOG(kRestart, warn, "{}: going on without it", error.message);
  loseParent();
  return std::nullopt;
}

base::Result<std::vector<std::string>> Generation::parity(const Inventory& own) {
  if (!hasParent()) return std::vector<std::string>{};
  auto losses = child_side_->parity(own);
  if (losses) return losses;
  if (auto error = orLost(losses.error())) return *error;
  return std::vector<std::string>{};
}

base::Result<void> Generation::receiveSockets(uint64_t announced) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur < announced + kOwnDescriptors) {
    return base::Error{base::ErrorCode::kResourceExhausted, "open-file limit " + std::to_string(limit.rlim_cur) +
                                                                " is too low for the " + std::to_string(announced) +
                                                                " sockets that the parent hands over"};
  }
  auto sockets = child_side_->listeners();
  if (!sockets) {
    if (auto error = orLost(sockets.error())) return *error;
    return {};
  }
  for (HandedSocket& socket : *sockets) {
    if (socket.kind == HandedSocket::Kind::kRestart) {
      restart_socket_.adopt(std::move(socket.fd));
      restart_socket_inherited_ = true;
    } else {
      sockets_.push_back(std::move(socket));
    }
  }
  BATON_LOG(kRestart, info, "{} listening sockets received", sockets_.size());
  return {};
}

base::Result<std::vector<StatePart>> Generation::takeState() {
  if (!hasParent()) return std::vector<StatePart>{};
  auto parts = child_side_->handedState();
  if (parts) return parts;
  if (auto error = orLost(parts.error())) return *error;
  return std::vector<StatePart>{};
}

base::Result<void> Generation::ready() {
  if (!hasParent()) return {};
  auto committed = child_side_->ready();
  if (committed) return committed;
  if (auto error = orLost(committed.error())) return *error;
  return {};
}

void Generation::abort(const std::string& why) {
  if (child_side_ != nullptr) child_side_->abort(why);
}

void Generation::endParent() {
  if (child_side_ != nullptr) child_side_->endParent();
}

base::Result<void> Generation::listenForChildren(ParentServer& server, stats::Store& store) {
  if (options_.restart.disabled) return {};
  parent_side_ = std::make_unique<ParentSide>(
      loop_, server, ParentIdentity{epoch_, version(), layout()}, options_.restart,
      ParentStats{[counter = store.counter("server.hot_restart.rollbacks")] { counter.add(); },
                  [counter = store.counter("server.hot_restart.refused")] { counter.add(); },
                  [counter = store.counter("server.hot_restart.completed")] { counter.add(); }});
  parent_side_->setGenerationCount([this, &store] { return liveGenerations(store); });
  if (!restart_socket_inherited_) {
    if (auto bound = restart_socket_.bind(socketAddress(), options_.restart.socket_mode); !bound) return bound;
  }
  if (!child_side_) {
    if (auto shared = lineage_->share(); !shared) return shared;
  }
  return restart_socket_.startAccepting();
}

uint64_t Generation::liveGenerations(stats::Store& store) const {
  if (store.region() != nullptr && !carries_parent_stats_) return store.region()->generations().size();
  // Those of another layout are known by what they have said a while ago.
  const auto known = elders();
  return 1 + std::count_if(known.begin(), known.end(), [](const auto& elder) { return ::kill(elder.pid, 0) == 0; });
}

std::optional<HandedSocket> Generation::duplicateRestartSocket() const {
  if (restart_socket_.fd() < 0) return std::nullopt;
  HandedSocket socket;
  socket.kind = HandedSocket::Kind::kRestart;
  socket.address = socketAddress().text();
  socket.fd = network::Fd(::fcntl(restart_socket_.fd(), F_DUPFD_CLOEXEC, 0));
  return socket;
}

void Generation::leave() {
  if (parent_side_ != nullptr) parent_side_->sayGoodbye();
  importer_.reset();
  if (!lineage_ || !lineage_->leave()) return;
  // The region's name goes when its last generation does; here that is this process, whose slot the store still holds.
  ::unlink(("/dev/shm/" + regionOptions().name).c_str());
  const std::string name = socketAddress().text();
  if (!name.empty() && name.front() != '@') ::unlink(name.c_str());
  lineage_->removeFile();
}

}  // namespace baton::server::hot_restart
