#include "source/server/hot_restart/stats_carrier.h"

#include <algorithm>

namespace baton::server::hot_restart {
namespace {

// Keeps a message far below its limit, whatever the names' lengths.
constexpr size_t kStatsPerChunk = 500;

}  // namespace

void StatsCarrier::restart(bool needed) {
  needed_ = needed;
  outstanding_ = false;
  values_.clear();
  sent_ = 0;
}

void StatsCarrier::send(Channel& channel) {
  if (!outstanding_) sendLast(channel);
}

void StatsCarrier::sendLast(Channel& channel) {
  if (!needed_) return;
  values_ = server_.exportStats();
  sent_ = 0;
  sendChunk(channel);
}

void StatsCarrier::acknowledged(Channel& channel, uint64_t sequence) {
  // An older one belongs to a round that was given up.
  if (sequence == sequence_) sendChunk(channel);
}

void StatsCarrier::flush(Channel& channel) {
  while (outstanding_) sendChunk(channel);
}

void StatsCarrier::sendChunk(Channel& channel) {
  outstanding_ = sent_ < values_.size();
  if (!outstanding_) return values_.clear();
  Message message{MessageType::kStats, {}, {}};
  message.fields.add(Tag::kSequence, ++sequence_);
  for (const size_t end = std::min(sent_ + kStatsPerChunk, values_.size()); sent_ < end; ++sent_) {
    Fields entry;
    entry.add(Tag::kName, values_[sent_].name).add(Tag::kValue, values_[sent_].value);
    entry.add(Tag::kKind, static_cast<uint64_t>(values_[sent_].gauge));
    message.fields.add(Tag::kEntry, entry);
  }
  channel.send(message);
}

}  // namespace baton::server::hot_restart
