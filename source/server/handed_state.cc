#include "source/server/handed_state.h"

#include <algorithm>
#include <cstring>
#include <openssl/crypto.h>

#include "source/base/log.h"

namespace baton::server {
namespace {

using hot_restart::Fields;
using hot_restart::StatePart;
using hot_restart::Tag;

constexpr std::string_view kTicketKeys = "tls.ticket_keys";
constexpr std::string_view kTokenBuckets = "local_rate_limit.buckets";
constexpr std::string_view kUptime = "server.uptime";
constexpr std::string_view kHealthPrefix = "health/";
// Of a host's entry: which of its marks are set.
enum HealthBit : uint64_t { kFailedActive = 1, kFailedOutlier = 2, kDegraded = 4, kChecked = 8 };

template <size_t kSize>
std::string_view bytes(const std::array<uint8_t, kSize>& array) {
  return {reinterpret_cast<const char*>(array.data()), kSize};
}

std::string encodeTicketKeys(const std::vector<tls::TicketKeySet>& sets) {
  Fields all;
  for (const tls::TicketKeySet& set : sets) {
    Fields one;
    one.add(Tag::kName, set.policy);
    for (const tls::TicketKey& key : set.keys) {
      const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(key.created.time_since_epoch()).count();
      std::string raw;
      raw.append(bytes(key.name)).append(bytes(key.mac_key)).append(bytes(key.cipher_key));
      Fields entry;
      entry.add(Tag::kValue, raw).add(Tag::kMilliseconds, static_cast<uint64_t>(age));
      OPENSSL_cleanse(raw.data(), raw.size());
      one.add(Tag::kEntry, entry);
    }
    all.add(Tag::kEntry, one);
  }
  return all.encode();
}

std::vector<tls::TicketKeySet> decodeTicketKeys(std::string_view encoded) {
  std::vector<tls::TicketKeySet> sets;
  const auto all = Fields::decode(encoded);
  if (!all) return sets;
  for (const std::string_view one_encoded : all->all(Tag::kEntry)) {
    const auto one = Fields::decode(one_encoded);
    if (!one) continue;
    tls::TicketKeySet set;
    set.policy = std::string(one->text(Tag::kName).value_or(""));
    for (const std::string_view entry_encoded : one->all(Tag::kEntry)) {
      const auto entry = Fields::decode(entry_encoded);
      if (!entry) continue;
      const base::WallTime created{std::chrono::milliseconds(entry->number(Tag::kMilliseconds).value_or(0))};
      auto key = tls::TicketKey::fromBytes(entry->text(Tag::kValue).value_or(""), created);
      if (key) set.keys.push_back(*key);
    }
    if (!set.keys.empty()) sets.push_back(std::move(set));
  }
  return sets;
}

std::string encodeHealth(const upstream::ExportedHealth& health) {
  Fields fields;
  for (const upstream::ExportedHost& host : health.hosts) {
    uint64_t bits = 0;
    if (host.failed_active_check) bits |= kFailedActive;
    if (host.failed_outlier_check) bits |= kFailedOutlier;
    if (host.degraded_by_check) bits |= kDegraded;
    if (host.checked) bits |= kChecked;
    Fields entry;
    entry.add(Tag::kAddress, host.address).add(Tag::kValue, bits);
    fields.add(Tag::kEntry, entry);
  }
  return fields.encode();
}

upstream::ExportedHealth decodeHealth(std::string_view cluster, std::string_view encoded) {
  upstream::ExportedHealth health{std::string(cluster), {}};
  const auto fields = Fields::decode(encoded);
  if (!fields) return health;
  for (const std::string_view entry_encoded : fields->all(Tag::kEntry)) {
    const auto entry = Fields::decode(entry_encoded);
    if (!entry) continue;
    const uint64_t bits = entry->number(Tag::kValue).value_or(0);
    health.hosts.push_back(upstream::ExportedHost{std::string(entry->text(Tag::kAddress).value_or("")),
                                                  (bits & kFailedActive) != 0, (bits & kFailedOutlier) != 0,
                                                  (bits & kDegraded) != 0, (bits & kChecked) != 0});
  }
  return health;
}

std::string encodeLevels(const std::vector<proxy::BucketLevel>& levels) {
  Fields fields;
  for (const proxy::BucketLevel& level : levels) {
    Fields entry;
    entry.add(Tag::kName, level.name).add(Tag::kCount, level.tokens);
    entry.add(Tag::kNanoseconds, static_cast<uint64_t>(level.since_fill.count()));
    fields.add(Tag::kEntry, entry);
  }
  return fields.encode();
}

std::vector<proxy::BucketLevel> decodeLevels(std::string_view encoded) {
  std::vector<proxy::BucketLevel> levels;
  const auto fields = Fields::decode(encoded);
  if (!fields) return levels;
  for (const std::string_view entry_encoded : fields->all(Tag::kEntry)) {
    const auto entry = Fields::decode(entry_encoded);
    if (!entry) continue;
    levels.push_back({std::string(entry->text(Tag::kName).value_or("")), entry->number(Tag::kCount).value_or(0),
                      std::chrono::nanoseconds(entry->number(Tag::kNanoseconds).value_or(0))});
  }
  return levels;
}

}  // namespace

std::vector<StatePart> exportState(Configuration& configuration, base::MonotonicTime now) {
  std::vector<StatePart> parts;
  parts.push_back(StatePart{std::string(kTicketKeys), encodeTicketKeys(configuration.ticketKeys().exportKeys())});
  parts.push_back(StatePart{std::string(kTokenBuckets), encodeLevels(configuration.tokenBuckets().levels(now))});
  for (const upstream::ExportedHealth& health : configuration.clusters().exportHealth()) {
    parts.push_back(StatePart{std::string(kHealthPrefix) + health.cluster, encodeHealth(health)});
  }
  return parts;
}

void importState(const std::vector<StatePart>& parts, Configuration& configuration, base::MonotonicTime now) {
  std::vector<upstream::ExportedHealth> health;
  for (const StatePart& part : parts) {
    if (part.name == kTicketKeys) {
      const size_t rings = configuration.ticketKeys().importKeys(decodeTicketKeys(part.value));
      BATON_LOG(kRestart, debug, "ticket keys of {} TLS policies taken over", rings);
    } else if (part.name == kTokenBuckets) {
      configuration.tokenBuckets().restore(decodeLevels(part.value), now);
    } else if (part.name.rfind(kHealthPrefix, 0) == 0) {
      health.push_back(decodeHealth(std::string_view(part.name).substr(kHealthPrefix.size()), part.value));
    }
  }
  configuration.clusters().importHealth(health);
}

StatePart uptimePart(std::chrono::milliseconds uptime) {
  Fields fields;
  fields.add(Tag::kMilliseconds, static_cast<uint64_t>(uptime.count()));
  return StatePart{std::string(kUptime), fields.encode()};
}

std::chrono::milliseconds uptimeOf(const std::vector<StatePart>& parts) {
  for (const StatePart& part : parts) {
    if (part.name != kUptime) continue;
    const auto fields = Fields::decode(part.value);
    return std::chrono::milliseconds(fields ? fields->number(Tag::kMilliseconds).value_or(0) : 0);
  }
  return std::chrono::milliseconds(0);
}

std::vector<hot_restart::StatValue> exportStatValues(stats::Store& store) {
  std::vector<hot_restart::StatValue> values;
  const stats::Snapshot snapshot = store.snapshot();
  for (const auto& counter : snapshot.counters) {
    if (counter.used()) values.push_back({std::string(counter.name), false, counter.value});
  }
  for (const auto& gauge : snapshot.gauges) {
    if (gauge.mode != stats::GaugeMode::kSum || !gauge.used()) continue;
    values.push_back({std::string(gauge.name), true, static_cast<uint64_t>(gauge.value)});
  }
  return values;
}

}  // namespace baton::server
