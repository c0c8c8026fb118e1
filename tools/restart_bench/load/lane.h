// One kind of traffic. A lane begins its requests at moments that do not depend on the answers (an open loop), so that
// a stall is seen by all requests that were meant to run during it.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <string_view>

#include "source/base/random.h"
#include "source/event/loop.h"
#include "source/event/timer_queue.h"
#include "tools/restart_bench/load/report.h"

namespace baton::restart_bench {

// What --lane says: "<kind>:key=value,key=value".
struct LaneOptions {
  std::string kind;
  std::map<std::string, std::string> values;

  static LaneOptions parse(std::string_view text);  // ends the process with a message when it can't
  sockaddr_in address(const std::string& key) const;
  double number(const std::string& key, double otherwise) const;
  std::string text(const std::string& key, const std::string& otherwise) const;
};

class Lane {
 public:
  Lane(event::Loop& loop, std::string name) : loop_(loop), report_(std::move(name), loop.now()) {}
  virtual ~Lane() = default;

  virtual void start() = 0;
  // No new requests; those under way go on.
  virtual void stop() = 0;

  Report& report() { return report_; }

 protected:
  event::Loop& loop_;
  Report report_;
};

// Calls `begin` with intended moments that come at random with the given mean rate, whatever `begin` does.
class Arrivals {
 public:
  Arrivals(event::Loop& loop, double per_second, std::function<void(base::MonotonicTime intended)> begin);
  void start();
  void stop() { timer_.cancel(); }

 private:
  void fire();
  std::chrono::nanoseconds gap();

  event::Loop& loop_;
  double per_second_;
  std::function<void(base::MonotonicTime)> begin_;
  base::MonotonicTime next_{};
  event::Timer timer_;
};

// Seconds at random around `mean`, exponentially distributed.
std::chrono::nanoseconds randomGap(double mean_seconds);

std::unique_ptr<Lane> makeNewConnections(event::Loop& loop, const LaneOptions& options, bool tls);
std::unique_ptr<Lane> makeKeepAlive(event::Loop& loop, const LaneOptions& options);
std::unique_ptr<Lane> makeHttp2(event::Loop& loop, const LaneOptions& options);
std::unique_ptr<Lane> makeStreams(event::Loop& loop, const LaneOptions& options);
std::unique_ptr<Lane> makeTransfers(event::Loop& loop, const LaneOptions& options);

}  // namespace baton::restart_bench
