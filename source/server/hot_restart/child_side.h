// The child's half of a hot restart, as the sequence that start-up walks through: each step sends its question and
// turns the loop until the answer, the end of the channel, or the deadline. After ready() it lives on in the loop:
// heartbeats through probation, then the parent's drain status until the parent has ended. Owned by the server; main
// thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/result.h"
#include "source/event/timer_queue.h"
#include "source/server/hot_restart/channel.h"
#include "source/server/hot_restart/handover.h"
#include "source/server/options.h"

namespace baton::server::hot_restart {

struct Welcome {
  uint64_t parent_epoch = 0;
  int parent_pid = 0;
  std::string parent_version;
  std::string parent_layout;
  uint64_t sockets = 0;      // that will cross
  network::Fd stats_region;  // to share, or only to observe when the layouts differ; invalid without one
};

class ChildSide final : private Channel::Handler {
 public:
  enum class State { kStarting, kAccepting, kProbation, kConfirmed, kParentGone };

  struct Events {
    // The parent is gone, in whatever state. In kProbation and later nothing needs to be done but to go on alone.
    std::function<void()> parent_gone;
    // The parent has taken the sockets back (it gave us up): this process must end.
    std::function<void(const std::string& why)> dismissed;
    std::function<void()> probation_over;
    std::function<void(const std::vector<StatValue>&)> stats;
    // Whether the parent is alive, for those who know it by more than its pid: that may be one of another namespace, or
    // be gone before we look. Nothing when it isn't known.
    std::function<std::optional<bool>()> parent_lives;
  };

  ChildSide(event::Loop& loop, const RestartOptions& options, Events events);

  // Every step: kUnavailable when the parent has died (go on alone with what was received), kInvalidArgument when it
  // refused, kTimeout when it does not answer.
  base::Result<Welcome> hello(network::Fd socket, std::optional<uint64_t> epoch, const std::string& version,
                              const std::string& layout);
  base::Result<std::vector<std::string>> parity(const Inventory& own);
  base::Result<std::vector<HandedSocket>> listeners();
  base::Result<std::vector<StatePart>> handedState();
  // The child accepts now. Waits for COMMIT; a parent that does not answer is left alone, and its COMMIT may come
  // later.
  base::Result<void> ready();
  // Tells the parent why this process gives up.
  void abort(const std::string& why);
  // Ends the parent at once, or the oldest generation before it.
  void endParent();

  State state() const { return state_; }
  // The parent, while it is there, and what it has last said of the generations before it.
  const std::vector<GenerationStatus>& elders() const { return elders_; }
  std::optional<std::chrono::milliseconds> probationLeft() const;

 private:
  void onMessage(Message&& message) override;
  void onChannelClosed(const std::string& why) override;

  // Turns the loop until `type` has come (other answers of the step are in inbox_).
  base::Result<void> await(MessageType type, const char* step);
  bool parentDied();
  void enterProbation();
  void heartbeat();
  void confirm();
  void takeStats(const Message& message);

  event::Loop& loop_;
  const RestartOptions options_;
  const Events events_;
  State state_ = State::kStarting;
  std::unique_ptr<Channel> channel_;
  network::Fd parent_pidfd_;
  std::vector<Message> inbox_;
  std::optional<std::string> closed_;
  std::vector<GenerationStatus> elders_;
  base::MonotonicTime probation_end_{};
  event::Timer heartbeat_;
  event::Timer probation_;
};

}  // namespace baton::server::hot_restart
