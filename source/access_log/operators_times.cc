// What operators say of bytes and time.
#include <chrono>
#include <optional>

#include "source/access_log/operator_table.h"

namespace baton::access_log {
namespace {

using base::Result;

OperatorValue milliseconds(std::optional<base::MonotonicTime> from, std::optional<base::MonotonicTime> to) {
  if (!from || !to || *to < *from) return OperatorTable::kUnset;
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(*to - *from).count());
}

std::optional<base::MonotonicTime> moment(const http::StreamInfo& info, int which) {
  switch (which) {
    case 0:
      return info.start;
    case 1:
      return info.request_received;
    case 2:
      return info.first_upstream_tx;
    case 3:
      return info.last_upstream_tx;
    case 4:
      return info.first_upstream_rx;
    case 5:
      return info.last_upstream_rx;
    case 6:
      return info.first_downstream_tx;
    default:
      return info.last_downstream_tx;
  }
}

size_t sizeOf(const http::HeaderMap* headers) {
  return headers == nullptr ? 0 : headers->byteSize();
}

}  // namespace

template <TimeFormat::Zone zone>
Result<void> OperatorTable::readTime(Operator& self, std::string_view arguments) {
  if (arguments.find_first_of("\r\n") != std::string_view::npos) return bad(arguments, "a time format of one line");
  self.time_ = std::make_shared<const TimeFormat>(arguments, zone);
  return {};
}

OperatorValue OperatorTable::startTime(const Operator& self, const FormatContext& context, std::string& scratch) {
  scratch.clear();
  self.time_->append(context.info.start_wall, scratch);
  return std::string_view(scratch);
}

OperatorValue OperatorTable::emitTime(const Operator& self, const FormatContext&, std::string& scratch) {
  scratch.clear();
  self.time_->append(base::RealClock::instance().wall(), scratch);
  return std::string_view(scratch);
}

// COMMON_DURATION(from:to:unit).
Result<void> OperatorTable::readDuration(Operator& self, std::string_view arguments) {
  static constexpr Argument kMoments[] = {{"DS_RX_BEG", 0}, {"DS_RX_END", 1}, {"US_TX_BEG", 2}, {"US_TX_END", 3},
                                          {"US_RX_BEG", 4}, {"US_RX_END", 5}, {"DS_TX_BEG", 6}, {"DS_TX_END", 7}};
  static constexpr Argument kUnits[] = {{"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}};
  const auto parts = base::split(arguments, ':');
  if (parts.size() != 3) return bad(arguments, "COMMON_DURATION(FROM:TO:ms|us|ns)");
  int from = 0;
  int to = 0;
  if (auto ok = choose(parts[0], kMoments, from); !ok) return ok;
  if (auto ok = choose(parts[1], kMoments, to); !ok) return ok;
  self.second_option_ = from * 16 + to;
  return choose(parts[2], kUnits, self.option_);
}

OperatorValue OperatorTable::duration(const Operator& self, const FormatContext& context, std::string&) {
  const auto from = moment(context.info, self.second_option_ / 16);
  const auto to = moment(context.info, self.second_option_ % 16);
  if (!from || !to || *to < *from) return kUnset;
  return static_cast<uint64_t>(std::chrono::nanoseconds(*to - *from).count() / self.option_);
}

void OperatorTable::addTimes(Entries& entries) {
  using C = FormatContext;
  const auto add = [&](std::string name, Operator::Evaluate evaluate, Read read = nullptr) {
    entries.push_back({std::move(name), evaluate, read});
  };
  using Zone = TimeFormat::Zone;
  add("START_TIME", startTime, readTime<Zone::kUtc>);
  add("START_TIME_LOCAL", startTime, readTime<Zone::kLocal>);
  add("EMIT_TIME", emitTime, readTime<Zone::kUtc>);
  add("EMIT_TIME_LOCAL", emitTime, readTime<Zone::kLocal>);
  add("DURATION", of<[](const C& c) { return milliseconds(c.info.start, c.info.end); }>);
  add("REQUEST_DURATION", of<[](const C& c) { return milliseconds(c.info.start, c.info.request_received); }>);
  add("REQUEST_TX_DURATION", of<[](const C& c) { return milliseconds(c.info.start, c.info.last_upstream_tx); }>);
  add("RESPONSE_DURATION", of<[](const C& c) { return milliseconds(c.info.start, c.info.first_upstream_rx); }>);
  add("RESPONSE_TX_DURATION",
      of<[](const C& c) { return milliseconds(c.info.first_upstream_rx, c.info.last_downstream_tx); }>);
  add("COMMON_DURATION", duration, readDuration);
  add("BYTES_RECEIVED", of<[](const C& c) { return c.info.bytes_received; }>);
  add("BYTES_SENT", of<[](const C& c) { return c.info.bytes_sent; }>);
  add("REQUEST_HEADERS_BYTES", of<[](const C& c) { return sizeOf(c.request_headers); }>);
  add("RESPONSE_HEADERS_BYTES", of<[](const C& c) { return sizeOf(c.response_headers); }>);
  add("RESPONSE_TRAILERS_BYTES", of<[](const C& c) { return sizeOf(c.response_trailers); }>);
  add("DOWNSTREAM_WIRE_BYTES_SENT", of<[](const C& c) { return c.info.downstream_wire.sent; }>);
  add("DOWNSTREAM_WIRE_BYTES_RECEIVED", of<[](const C& c) { return c.info.downstream_wire.received; }>);
  add("DOWNSTREAM_HEADER_BYTES_SENT", of<[](const C& c) { return c.info.downstream_wire.headers_sent; }>);
  add("DOWNSTREAM_HEADER_BYTES_RECEIVED", of<[](const C& c) { return c.info.downstream_wire.headers_received; }>);
  add("UPSTREAM_WIRE_BYTES_SENT", of<[](const C& c) { return c.info.upstream.wire.sent; }>);
  add("UPSTREAM_WIRE_BYTES_RECEIVED", of<[](const C& c) { return c.info.upstream.wire.received; }>);
  add("UPSTREAM_HEADER_BYTES_SENT", of<[](const C& c) { return c.info.upstream.wire.headers_sent; }>);
  add("UPSTREAM_HEADER_BYTES_RECEIVED", of<[](const C& c) { return c.info.upstream.wire.headers_received; }>);
}

}  // namespace baton::access_log
