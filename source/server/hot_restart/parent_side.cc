#include "source/server/hot_restart/parent_side.h"

#include <algorithm>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "source/base/log.h"
#include "source/server/build.h"

namespace baton::server::hot_restart {
namespace {

constexpr std::chrono::milliseconds kStatusInterval{1000};

network::Fd openPidfd(int pid) {
  return network::Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

ParentSide::ParentSide(event::Loop& loop, ParentServer& server, ParentIdentity identity, const RestartOptions& options,
                       ParentStats stats)
    : loop_(loop),
      server_(server),
      identity_(std::move(identity)),
      options_(options),
      stats_(std::move(stats)),
      carrier_(server),
      deadline_(
          loop, [this] { onDeadline(); }, event::Precision::kFine),
      tick_(
          loop, [this] { onTick(); }, event::Precision::kFine) {}

void ParentSide::onChild(network::Fd socket) {
  auto channel = std::make_unique<Channel>(loop_, std::move(socket));
  const PeerCredentials peer = channel->peer();
  std::string refusal;
  if (peer.uid != ::geteuid()) {
    refusal =
        "user " + std::to_string(peer.uid) + " may not take over from a process of user " + std::to_string(::geteuid());
  } else if (state_ != State::kAlone) {
    refusal = "another restart is under way";
  }
  if (!refusal.empty()) {
    BATON_LOG(kRestart, warn, "restart by pid {} refused: {}", peer.pid, refusal);
    if (stats_.refused) stats_.refused();
    Message message{MessageType::kRefuse, {}, {}};
    message.fields.add(Tag::kReason, refusal);
    channel->send(message);
    return;
  }
  channel_ = std::move(channel);
  child_pidfd_ = openPidfd(peer.pid);
  greeted_ = false;
  state_ = State::kHandover;
  expect(options_.step_timeout);
  channel_->start(*this);
}

void ParentSide::onMessage(Message&& message) {
  if (!greeted_ && message.type != MessageType::kHello) return giveUp("it spoke before its HELLO", false);
  switch (message.type) {
    case MessageType::kHello:
      if (greeted_) return giveUp("it said HELLO twice", false);
      return hello(message);
    case MessageType::kHeartbeat:
      if (state_ == State::kHandover) expect(kInitialisationSilence);
      if (state_ == State::kProbation) expect(options_.step_timeout);
      return;
    case MessageType::kParity:
      if (state_ == State::kHandover) sendParityReport(message);
      return;
    case MessageType::kListeners:
      if (state_ == State::kHandover) startListeners();
      return;
    case MessageType::kBatchReceived:
      if (state_ != State::kHandover) return;
      if (message.fields.number(Tag::kCount) != batch_size_) {
        return giveUp("it received another number of sockets than were sent", false);
      }
      return sendNextBatch();
    case MessageType::kState:
      if (state_ == State::kHandover) sendState();
      return;
    case MessageType::kReady:
      if (state_ == State::kHandover) commit(message);
      return;
    case MessageType::kProbationOver:
      if (state_ == State::kProbation) startDraining();
      return;
    case MessageType::kAbort:
      return giveUp("it gave up: " + std::string(message.fields.text(Tag::kReason).value_or("no reason given")), false);
    case MessageType::kStatsReceived:
      return carrier_.acknowledged(*channel_, message.fields.number(Tag::kSequence).value_or(0));
    case MessageType::kEndNow:
      if (state_ == State::kDraining) server_.endNow("the new process asked for it");
      return;
    default:
      return;  // a newer child may say more than we know
  }
}

void ParentSide::hello(const Message& message) {
  greeted_ = true;
  const Fields& fields = message.fields;
  const uint64_t protocol = fields.number(Tag::kProtocol).value_or(0);
  if (protocol != restartProtocol()) {
    return refuse("hot restart protocol " + std::to_string(protocol) + " does not fit the parent's " +
                  std::to_string(restartProtocol()));
  }
  const auto epoch = fields.number(Tag::kEpoch);
  if (epoch && *epoch != identity_.epoch + 1) {
    return refuse("restart epoch " + std::to_string(*epoch) + " is not the parent's epoch " +
                  std::to_string(identity_.epoch) + " + 1");
  }
  child_epoch_ = identity_.epoch + 1;
  if (generation_count_ && generation_count_() >= kMaxGenerations) server_.endOldestGeneration();

  Message welcome{MessageType::kWelcome, {}, {}};
  welcome.fields.add(Tag::kProtocol, restartProtocol()).add(Tag::kVersion, identity_.version);
  welcome.fields.add(Tag::kEpoch, identity_.epoch).add(Tag::kPid, static_cast<uint64_t>(::getpid()));
  welcome.fields.add(Tag::kLayout, identity_.layout).add(Tag::kCount, server_.inventory().sockets);
  const bool same_layout = !identity_.layout.empty() && fields.text(Tag::kLayout) == identity_.layout;
  if (same_layout || fields.number(Tag::kObserves)) {
    if (const int region = server_.duplicateStatsRegion(); region >= 0) welcome.descriptors.emplace_back(region);
  }
  const bool stats_by_message = !same_layout || welcome.descriptors.empty();
  carrier_.restart(stats_by_message);
  BATON_LOG(kRestart, info, "epoch {} (pid {}, version {}) begins to take over{}", child_epoch_, channel_->peer().pid,
            fields.text(Tag::kVersion).value_or("?"), stats_by_message ? "; stats cross by messages" : "");
  channel_->send(welcome);
  expect(kInitialisationSilence);
}

void ParentSide::refuse(const std::string& why) {
  BATON_LOG(kRestart, warn, "restart refused: {}", why);
  if (stats_.refused) stats_.refused();
  Message message{MessageType::kRefuse, {}, {}};
  message.fields.add(Tag::kReason, why);
  channel_->send(message);
  dropChannel();
  state_ = State::kAlone;
}

void ParentSide::sendParityReport(const Message& message) {
  Message report{MessageType::kParityReport, {}, {}};
  for (const std::string& loss : compareInventories(server_.inventory(), decodeInventory(message.fields))) {
    report.fields.add(Tag::kWarning, loss);
  }
  channel_->send(report);
  expect(kInitialisationSilence);
}

void ParentSide::startListeners() {
  to_send_ = server_.duplicateSockets();
  sent_ = 0;
  sendNextBatch();
}

void ParentSide::sendNextBatch() {
  if (sent_ == to_send_.size()) {
    Message done{MessageType::kListenersDone, {}, {}};
    done.fields.add(Tag::kCount, static_cast<uint64_t>(sent_));
    channel_->send(done);
    to_send_.clear();
    expect(kInitialisationSilence);
    return;
  }
  Message batch{MessageType::kListenerBatch, {}, {}};
  batch_size_ = std::min(kMaxDescriptors, to_send_.size() - sent_);
  for (size_t i = 0; i < batch_size_; ++i) {
    HandedSocket& socket = to_send_[sent_++];
    Fields entry;
    entry.add(Tag::kKind, static_cast<uint64_t>(socket.kind)).add(Tag::kAddress, socket.address);
    entry.add(Tag::kWorker, static_cast<uint64_t>(socket.worker));
    batch.fields.add(Tag::kEntry, entry);
    batch.descriptors.push_back(std::move(socket.fd));
  }
  channel_->send(batch);
  expect(options_.step_timeout);
}

void ParentSide::sendState() {
  for (const StatePart& part : server_.exportState()) {
    Message message{MessageType::kStatePart, {}, {}};
    message.fields.add(Tag::kName, part.name).add(Tag::kValue, part.value);
    channel_->send(message);
  }
  carrier_.send(*channel_);
  channel_->send(MessageType::kStateDone);
  expect(kInitialisationSilence);
}

void ParentSide::commit(const Message& message) {
  server_.stopAccepting();
  channel_->send(MessageType::kCommit);
  state_ = State::kProbation;
  const auto probation = std::chrono::milliseconds(message.fields.number(Tag::kMilliseconds).value_or(0));
  BATON_LOG(kRestart, info, "COMMIT: epoch {} accepts, this process does not; probation of {} ms", child_epoch_,
            probation.count());
  expect(options_.step_timeout);
  tick_.arm(kHeartbeatInterval);
}

void ParentSide::onTick() {
  if (state_ == State::kProbation) {
    carrier_.send(*channel_);
    channel_->send(MessageType::kHeartbeat);
    tick_.arm(kHeartbeatInterval);
    return;
  }
  if (state_ != State::kDraining || channel_ == nullptr) return;
  carrier_.send(*channel_);
  Message message{
      MessageType::kDrainStatus, encodeStatus({identity_.epoch, ::getpid(), true, server_.drainStatus()}), {}};
  for (const GenerationStatus& elder : server_.elders()) message.fields.add(Tag::kGenerations, encodeStatus(elder));
  channel_->send(message);
  tick_.arm(kStatusInterval);
}

void ParentSide::startDraining() {
  state_ = State::kDraining;
  deadline_.cancel();
  if (stats_.completed) stats_.completed();
  BATON_LOG(kRestart, info, "epoch {} has passed its probation; this process (epoch {}) drains", child_epoch_,
            identity_.epoch);
  server_.startDrain();
  onTick();
}

void ParentSide::sayGoodbye() {
  if ((state_ != State::kProbation && state_ != State::kDraining) || channel_ == nullptr) return;
  // Whatever the child says from now on, this process accepts no more.
  state_ = State::kDraining;
  carrier_.sendLast(*channel_);
  const auto deadline = loop_.clock().monotonic() + kGoodbyePatience;
  while (channel_ != nullptr && !carrier_.idle()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - loop_.clock().monotonic());
    if (left.count() <= 0 || !channel_->waitReadable(left)) {
      carrier_.flush(*channel_);
      break;
    }
    channel_->receivePending();
  }
  dropChannel();
}

void ParentSide::onChannelClosed(const std::string& why) {
  giveUp(why, false);
}

void ParentSide::giveUp(const std::string& why, bool kill_child) {
  switch (state_) {
    case State::kAlone:
      return;
    case State::kHandover:
      BATON_LOG(kRestart, warn, "the take-over by epoch {} was called off: {}; this process goes on as before",
                child_epoch_, why);
      break;
    case State::kProbation:
      // First the accepting: what the child still holds is only its own connections.
      if (kill_child) killChild();
      server_.resumeAccepting();
      if (stats_.rollback) stats_.rollback();
      BATON_LOG(kRestart, warn, "ROLLBACK: epoch {} failed in probation: {}; this process accepts again", child_epoch_,
                why);
      break;
    case State::kDraining:
      BATON_LOG(kRestart, info, "epoch {} is gone ({}); this process goes on draining", child_epoch_, why);
      dropChannel();
      return;
  }
  dropChannel();
  to_send_.clear();
  state_ = State::kAlone;
}

void ParentSide::onDeadline() {
  // If it was this process that stood still, what the child said meanwhile is waiting.
  const State before = state_;
  channel_->receivePending();
  if (deadline_.armed() || state_ != before) return;
  giveUp("it did not answer within its deadline", true);
}

void ParentSide::killChild() {
  if (!child_pidfd_) return;
  BATON_LOG(kRestart, warn, "ending the child that does not answer");
  ::syscall(SYS_pidfd_send_signal, child_pidfd_.get(), SIGKILL, nullptr, 0);
}

void ParentSide::dropChannel() {
  deadline_.cancel();
  tick_.cancel();
  child_pidfd_.reset();
  if (channel_ != nullptr) channel_->close();
  loop_.deleteLater(std::move(channel_));
}

}  // namespace baton::server::hot_restart
