// Carries bytes both ways between two plain sockets until both directions have ended: a TCP proxy session, or an
// upgraded tunnel, in its quick form. Small pieces are copied through the loop's buffer; a direction that proves to be
// a bulk transfer goes through a pipe by splice(2), so that its bytes never enter this process. Reads stop while the
// other side is slow. Owned by its session, on its loop.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "source/base/buffer.h"
#include "source/event/loop.h"
#include "source/network/fd.h"

namespace baton::network {

class Relay {
 public:
  enum Side : size_t { kLeft = 0, kRight = 1 };

  // All that a relay is, for starting one and for moving one to another process.
  struct SideState {
    Fd fd;
    std::string unsent;     // read from the other side, and not yet sent to this one
    bool ended = false;     // this side has sent its end
    bool told_end = false;  // this side has been told the end of the other
    uint64_t received = 0;  // bytes read from this side
  };
  using State = std::array<SideState, 2>;

  enum class Ending {
    kDone,       // both directions ended in order
    kLeftBroke,  // a reset or a failed write on that side; the other is reset as well
    kRightBroke,
  };
  class Owner {
   public:
    // Bytes moved, or wait where they did not before: once per turn and side. The relay may be stopped inside.
    virtual void onRelayProgress() {}
    // No callback follows; the sockets are closed. The relay may be destroyed by deleteLater().
    virtual void onRelayEnded(Ending ending) = 0;

   protected:
    ~Owner() = default;
  };

  Relay(event::Loop& loop, Owner& owner, State state);
  ~Relay();

  // The first bytes may move at once, but onRelayEnded() comes from the loop.
  void start();
  // Closes both sockets without a callback, with a reset of both if `abruptly`.
  void stop(bool abruptly);
  // Takes it apart, with what is under way read back from the pipes. Nothing moves afterwards.
  State release();

  uint64_t received(Side side) const { return sides_[side].received; }
  // Bytes that wait until the side takes them.
  size_t unsent(Side side) const { return sides_[side].unsent.size() + sides_[side].in_pipe; }
  base::MonotonicTime lastActivity() const { return last_activity_; }

 private:
  struct SideOfRelay final : event::Watch::Handler, event::EndOfTurnTask {
    SideOfRelay(Relay& relay, Side side) : relay(relay), side(side), watch(relay.loop_, *this) {}
    void onReady(uint32_t events) override { relay.onReady(side, events); }
    void atEndOfTurn() override { relay.onReady(side, 0); }

    Relay& relay;
    const Side side;
    event::Watch watch;
    Fd fd;
    base::Buffer unsent;  // waits for this side to take it
    size_t in_pipe = 0;   // follows `unsent`
    std::array<Fd, 2> pipe;
    bool ended = false;
    bool told_end = false;
    bool bulk = false;  // what is read from this side goes through a pipe
    uint64_t received = 0;
  };
  enum class Moved { kNothing, kSome, kBroke };

  void onReady(Side side, uint32_t events);
  // Moves what there is from one side to the other. False when a side broke, and the relay is over.
  bool pump(Side from);
  // Sends what waits for `to`.
  Moved drain(SideOfRelay& to);
  Moved fillByCopy(SideOfRelay& from, SideOfRelay& to);
  Moved fillByPipe(SideOfRelay& from, SideOfRelay& to);
  void tellEnd(SideOfRelay& to);
  void updateInterest();
  void finish(Ending ending);
  void closeSides(bool abruptly);
  static bool waiting(const SideOfRelay& to) { return !to.unsent.empty() || to.in_pipe > 0; }

  event::Loop& loop_;
  Owner& owner_;
  std::array<SideOfRelay, 2> sides_;
  base::MonotonicTime last_activity_;
  bool over_ = false;
};

}  // namespace baton::network
