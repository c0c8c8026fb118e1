// Carries a parent's stats to a child whose region has another layout: all values so far, in chunks of which the child
// acknowledges each before the next is sent, so that a slow child never has more than one waiting. Values are
// cumulative: a round that is left out costs nothing but time. Owned by the parent's side; main thread.
#pragma once

#include <cstdint>
#include <vector>

#include "source/server/hot_restart/channel.h"
#include "source/server/hot_restart/handover.h"

namespace baton::server::hot_restart {

class StatsCarrier {
 public:
  explicit StatsCarrier(ParentServer& server) : server_(server) {}

  // A new child; `needed` when it can't share the region.
  void restart(bool needed);
  // Begins a round, unless one is under way.
  void send(Channel& channel);
  // Begins the last round, whatever is under way.
  void sendLast(Channel& channel);
  // The child has taken in a chunk.
  void acknowledged(Channel& channel, uint64_t sequence);
  // The rest of the round at once: the child has not answered for long, but may still read what is in its socket.
  void flush(Channel& channel);
  bool idle() const { return !outstanding_; }

 private:
  void sendChunk(Channel& channel);

  ParentServer& server_;
  bool needed_ = false;
  bool outstanding_ = false;
  uint64_t sequence_ = 0;  // of the last chunk
  std::vector<StatValue> values_;
  size_t sent_ = 0;
};

}  // namespace baton::server::hot_restart
