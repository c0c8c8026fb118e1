#include "source/server/hot_restart/child_side.h"

#include <poll.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>

#include "source/base/log.h"
#include "source/server/build.h"
#include "source/server/hot_restart/parent_side.h"

namespace baton::server::hot_restart {
namespace {

constexpr std::chrono::milliseconds kTurn{20};
// Between the end of its channel and its end, a dying process is in the kernel's hands for a moment.
constexpr std::chrono::milliseconds kDeathPatience{1000};
constexpr std::chrono::milliseconds kDeathRetry{5};

}  // namespace

ChildSide::ChildSide(event::Loop& loop, const RestartOptions& options, Events events)
    : loop_(loop),
      options_(options),
      events_(std::move(events)),
      heartbeat_(
          loop, [this] { heartbeat(); }, event::Precision::kFine),
      probation_(
          loop, [this] { confirm(); }, event::Precision::kFine) {}

base::Result<void> ChildSide::await(MessageType type, const char* step) {
  const auto deadline = loop_.clock().monotonic() + options_.step_timeout;
  const auto answered = [&] {
    for (const Message& message : inbox_) {
      if (message.type == type || message.type == MessageType::kRefuse) return true;
    }
    return false;
  };
  while (!answered()) {
    if (closed_) {
      if (parentDied()) {
        return base::Error{base::ErrorCode::kUnavailable, std::string("the parent died during ") + step};
      }
      return base::Error{base::ErrorCode::kInvalidArgument,
                         std::string("the parent called the restart off during ") + step + ": " + *closed_};
    }
    // One more look after the deadline: if it was this process that stood still, the answer may be there.
    const bool late = loop_.clock().monotonic() >= deadline;
    loop_.runOnce(late ? std::chrono::milliseconds(0) : kTurn);
    if (late && !answered() && !closed_) {
      return base::Error{base::ErrorCode::kTimeout, std::string("the parent did not answer ") + step + " within " +
                                                        std::to_string(options_.step_timeout.count()) + " ms"};
    }
  }
  if (inbox_.back().type == MessageType::kRefuse) {
    return base::Error{base::ErrorCode::kInvalidArgument,
                       "refused by the parent: " + std::string(inbox_.back().fields.text(Tag::kReason).value_or("?"))};
  }
  return {};
}

bool ChildSide::parentDied() {
  if (auto lives = events_.parent_lives ? events_.parent_lives() : std::nullopt) {
    const auto deadline = loop_.clock().monotonic() + kDeathPatience;
    while (lives == true && loop_.clock().monotonic() < deadline) {
      std::this_thread::sleep_for(kDeathRetry);
      lives = events_.parent_lives();
    }
    return lives == false;
  }
  if (!parent_pidfd_) return false;
  pollfd ended{parent_pidfd_.get(), POLLIN, 0};
  return ::poll(&ended, 1, kDeathPatience.count()) > 0;
}

base::Result<Welcome> ChildSide::hello(network::Fd socket, std::optional<uint64_t> epoch, const std::string& version,
                                       const std::string& layout) {
  channel_ = std::make_unique<Channel>(loop_, std::move(socket));
  if (const unsigned uid = channel_->peer().uid; uid != ::geteuid()) {
    return base::Error{base::ErrorCode::kInvalidArgument,
                       "the restart socket belongs to user " + std::to_string(uid) + ", not to this process's"};
  }
  channel_->start(*this);
  Message hello{MessageType::kHello, {}, {}};
  hello.fields.add(Tag::kProtocol, restartProtocol()).add(Tag::kVersion, version).add(Tag::kLayout, layout);
  hello.fields.add(Tag::kPid, static_cast<uint64_t>(::getpid()));
  hello.fields.add(Tag::kObserves, uint64_t{1});
  if (epoch) hello.fields.add(Tag::kEpoch, *epoch);
  channel_->send(hello);
  if (auto answered = await(MessageType::kWelcome, "HELLO"); !answered) return answered.error();

  Message message = std::move(inbox_.back());
  inbox_.clear();
  Welcome welcome;
  welcome.parent_epoch = message.fields.number(Tag::kEpoch).value_or(0);
  welcome.parent_pid = static_cast<int>(message.fields.number(Tag::kPid).value_or(0));
  welcome.parent_version = std::string(message.fields.text(Tag::kVersion).value_or("?"));
  welcome.parent_layout = std::string(message.fields.text(Tag::kLayout).value_or(""));
  welcome.sockets = message.fields.number(Tag::kCount).value_or(0);
  if (!message.descriptors.empty()) welcome.stats_region = std::move(message.descriptors.front());
  parent_pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, welcome.parent_pid, 0)));
  elders_ = {GenerationStatus{welcome.parent_epoch, welcome.parent_pid}};
  heartbeat_.arm(ParentSide::kHeartbeatInterval);
  return welcome;
}

base::Result<std::vector<std::string>> ChildSide::parity(const Inventory& own) {
  inbox_.clear();
  channel_->send(Message{MessageType::kParity, encodeInventory(own), {}});
  if (auto answered = await(MessageType::kParityReport, "PARITY"); !answered) return answered.error();
  std::vector<std::string> losses;
  for (const std::string_view loss : inbox_.back().fields.all(Tag::kWarning)) losses.emplace_back(loss);
  inbox_.clear();
  return losses;
}

base::Result<std::vector<HandedSocket>> ChildSide::listeners() {
  inbox_.clear();
  channel_->send(MessageType::kListeners);
  const auto answered = await(MessageType::kListenersDone, "LISTENERS");
  // Of a parent that dies meanwhile, what has come is handed over all the same: nobody else holds these sockets now.
  const bool died = !answered && answered.error().code == base::ErrorCode::kUnavailable;
  if (!answered && !died) return answered.error();
  std::vector<HandedSocket> sockets;
  for (Message& message : inbox_) {
    if (message.type != MessageType::kListenerBatch) continue;
    const auto entries = message.fields.all(Tag::kEntry);
    for (size_t i = 0; i < entries.size() && i < message.descriptors.size(); ++i) {
      const auto entry = Fields::decode(entries[i]);
      if (!entry) return entry.error();
      HandedSocket socket;
      socket.kind = static_cast<HandedSocket::Kind>(entry->number(Tag::kKind).value_or(0));
      socket.address = std::string(entry->text(Tag::kAddress).value_or(""));
      socket.worker = static_cast<uint32_t>(entry->number(Tag::kWorker).value_or(0));
      socket.fd = std::move(message.descriptors[i]);
      sockets.push_back(std::move(socket));
    }
  }
  const uint64_t announced = died ? sockets.size() : inbox_.back().fields.number(Tag::kCount).value_or(0);
  inbox_.clear();
  if (announced != sockets.size()) {
    return base::Error{base::ErrorCode::kProtocol, "the parent announced " + std::to_string(announced) + " sockets, " +
                                                       std::to_string(sockets.size()) + " came"};
  }
  return sockets;
}

base::Result<std::vector<StatePart>> ChildSide::handedState() {
  inbox_.clear();
  channel_->send(MessageType::kState);
  if (auto answered = await(MessageType::kStateDone, "STATE"); !answered) return answered.error();
  std::vector<StatePart> parts;
  for (const Message& message : inbox_) {
    if (message.type != MessageType::kStatePart) continue;
    parts.push_back(StatePart{std::string(message.fields.text(Tag::kName).value_or("")),
                              std::string(message.fields.text(Tag::kValue).value_or(""))});
  }
  inbox_.clear();
  return parts;
}

base::Result<void> ChildSide::ready() {
  inbox_.clear();
  state_ = State::kAccepting;
  Message message{MessageType::kReady, {}, {}};
  message.fields.add(Tag::kMilliseconds, static_cast<uint64_t>(options_.probation_time.count()));
  channel_->send(message);
  auto answered = await(MessageType::kCommit, "READY");
  if (!answered && answered.error().code == base::ErrorCode::kTimeout) {
    BATON_LOG(kRestart, warn, "{}; it may be stopped. This process accepts and goes on", answered.error().message);
    return {};
  }
  return answered;
}

void ChildSide::abort(const std::string& why) {
  if (channel_ == nullptr || !channel_->open()) return;
  Message message{MessageType::kAbort, {}, {}};
  message.fields.add(Tag::kReason, why);
  channel_->send(message);
}

void ChildSide::endParent() {
  if (channel_ != nullptr && channel_->open()) channel_->send(MessageType::kEndNow);
}

std::optional<std::chrono::milliseconds> ChildSide::probationLeft() const {
  if (state_ != State::kProbation) return std::nullopt;
  const auto left = probation_end_ - loop_.clock().monotonic();
  return std::max(std::chrono::milliseconds(0), std::chrono::duration_cast<std::chrono::milliseconds>(left));
}

void ChildSide::onMessage(Message&& message) {
  switch (message.type) {
    case MessageType::kListenerBatch: {
      Message received{MessageType::kBatchReceived, {}, {}};
      received.fields.add(Tag::kCount, static_cast<uint64_t>(message.descriptors.size()));
      channel_->send(received);
      break;
    }
    case MessageType::kCommit:
      if (state_ == State::kAccepting) enterProbation();
      break;
    case MessageType::kHeartbeat:
      return;
    case MessageType::kDrainStatus:
      elders_ = {decodeStatus(message.fields)};
      for (const std::string_view bytes : message.fields.all(Tag::kGenerations)) {
        if (const auto elder = Fields::decode(bytes)) elders_.push_back(decodeStatus(*elder));
      }
      return;
    case MessageType::kStats:
      takeStats(message);
      return;
    default:
      break;
  }
  inbox_.push_back(std::move(message));
}

void ChildSide::takeStats(const Message& message) {
  std::vector<StatValue> values;
  for (const std::string_view bytes : message.fields.all(Tag::kEntry)) {
    const auto entry = Fields::decode(bytes);
    if (!entry) continue;
    values.push_back(StatValue{std::string(entry->text(Tag::kName).value_or("")), entry->number(Tag::kKind) == 1,
                               entry->number(Tag::kValue).value_or(0)});
  }
  if (events_.stats) events_.stats(values);
  Message received{MessageType::kStatsReceived, {}, {}};
  received.fields.add(Tag::kSequence, message.fields.number(Tag::kSequence).value_or(0));
  channel_->send(received);
}

void ChildSide::enterProbation() {
  state_ = State::kProbation;
  probation_end_ = loop_.clock().monotonic() + options_.probation_time;
  probation_.arm(options_.probation_time);
}

void ChildSide::heartbeat() {
  if (channel_ == nullptr || !channel_->open() || state_ == State::kConfirmed) return;
  channel_->send(MessageType::kHeartbeat);
  heartbeat_.arm(ParentSide::kHeartbeatInterval);
}

void ChildSide::confirm() {
  if (state_ != State::kProbation) return;
  state_ = State::kConfirmed;
  heartbeat_.cancel();
  channel_->send(MessageType::kProbationOver);
  if (events_.probation_over) events_.probation_over();
}

void ChildSide::onChannelClosed(const std::string& why) {
  closed_ = why;
  heartbeat_.cancel();
  probation_.cancel();
  if (state_ == State::kStarting) return;  // the step that waits finds it
  const bool died = parentDied();
  if (!died && state_ != State::kConfirmed) {
    if (events_.dismissed) events_.dismissed(why);
    return;
  }
  const bool in_probation = state_ == State::kProbation || state_ == State::kAccepting;
  state_ = State::kParentGone;
  elders_.clear();
  if (in_probation && events_.probation_over) events_.probation_over();
  if (events_.parent_gone) events_.parent_gone();
}

}  // namespace baton::server::hot_restart
