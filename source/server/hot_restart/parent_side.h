// The parent's half of a hot restart: takes in one child at a time, hands over, watches it through probation, takes
// everything back when it fails, and drains when it stays. Owned by the server; main thread. Every wait has a deadline
// on the loop's clock, and the end of the channel means something in every state:
//
//   kAlone      nobody there; a child may come
//   kHandover   a child holds the restart lock. EOF or silence: it is forgotten, nothing had changed
//   kProbation  the child accepts, we don't. EOF, ABORT or silence: we accept again (a rollback)
//   kDraining   the child is there to stay. EOF: we drain on, and end when empty
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "source/event/timer_queue.h"
#include "source/network/fd.h"
#include "source/server/hot_restart/channel.h"
#include "source/server/hot_restart/handover.h"
#include "source/server/hot_restart/stats_carrier.h"
#include "source/server/options.h"

namespace baton::server::hot_restart {

inline constexpr uint64_t kMaxGenerations = 4;

struct ParentIdentity {
  uint64_t epoch = 0;
  std::string version;
  std::string layout;  // of the stats region; empty without one
};

struct ParentStats {
  std::function<void()> rollback;  // counts server.hot_restart.rollbacks
  std::function<void()> refused;
  std::function<void()> completed;
};

class ParentSide final : private Channel::Handler {
 public:
  enum class State { kAlone, kHandover, kProbation, kDraining };

  ParentSide(event::Loop& loop, ParentServer& server, ParentIdentity identity, const RestartOptions& options,
             ParentStats stats);

  // A process has connected to the restart socket.
  void onChild(network::Fd socket);
  // The process is about to end: tells the child its last values and waits until it has them, but no longer than
  // kGoodbyePatience.
  void sayGoodbye();
  State state() const { return state_; }
  // How many generations are alive, for the limit. Set by the server.
  void setGenerationCount(std::function<uint64_t()> count) { generation_count_ = std::move(count); }

  // How long a child may be silent while it loads and warms up; it sends heartbeats meanwhile.
  static constexpr std::chrono::seconds kInitialisationSilence{60};
  static constexpr std::chrono::milliseconds kHeartbeatInterval{200};
  static constexpr std::chrono::milliseconds kGoodbyePatience{1000};

 private:
  void onMessage(Message&& message) override;
  void onChannelClosed(const std::string& why) override;

  void hello(const Message& message);
  void sendParityReport(const Message& message);
  void startListeners();
  void sendNextBatch();
  void sendState();
  void commit(const Message& message);
  void startDraining();
  void refuse(const std::string& why);
  // The child is given up; what that means depends on the state.
  void giveUp(const std::string& why, bool kill_child);
  void killChild();
  void onDeadline();
  void dropChannel();
  void expect(std::chrono::nanoseconds within) { deadline_.arm(within); }
  void onTick();

  event::Loop& loop_;
  ParentServer& server_;
  const ParentIdentity identity_;
  const RestartOptions options_;
  const ParentStats stats_;
  std::function<uint64_t()> generation_count_;
  State state_ = State::kAlone;
  std::unique_ptr<Channel> channel_;
  network::Fd child_pidfd_;
  uint64_t child_epoch_ = 0;
  bool greeted_ = false;
  StatsCarrier carrier_;
  std::vector<HandedSocket> to_send_;
  size_t sent_ = 0;
  size_t batch_size_ = 0;
  event::Timer deadline_;  // of the step that the child is to take next
  event::Timer tick_;      // heartbeats in probation, status while draining
};

}  // namespace baton::server::hot_restart
