// Ejects hosts whose requests fail more than those of the others, for a while that grows with each ejection. Owned by
// its cluster; main thread. Workers count into the hosts (outlier_reporting.h); here those counts are judged.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "api/outlier_detection.h"

#include "source/base/clock.h"
#include "source/base/random.h"
#include "source/stats/store.h"
#include "source/upstream/host.h"
#include "source/upstream/outlier_reporting.h"

namespace baton::upstream {

struct OutlierStats {
  OutlierStats() = default;
  explicit OutlierStats(const stats::Scope& scope);  // "cluster.<name>.outlier_detection."

  stats::Counter ejections_enforced_total, ejections_overflow;
  std::array<stats::Counter, kEjectionCauses> enforced, detected;
  stats::Gauge ejections_active;
};

class OutlierDetector {
 public:
  // `changed` is called when hosts were ejected or taken back.
  OutlierDetector(const api::OutlierDetection& config, const OutlierStats& stats, base::Random& random,
                  std::function<void()> changed);

  void add(const HostPtr& host);
  void remove(const HostPtr& host);
  // Hosts that another process had ejected stay so for the rest of their time, which is not known: the shortest.
  void restore(const HostPtr& host, base::MonotonicTime now);

  // A worker saw too many failures in a row.
  void onReached(const HostPtr& host, EjectionCause cause, base::MonotonicTime now);
  // An active health check says that the host is well.
  void onCheckSucceeded(const HostPtr& host);
  // Every `interval`: takes hosts back whose time is up, judges rates, starts counting anew.
  void sweep(base::MonotonicTime now);

  std::chrono::milliseconds interval() const { return config_.interval; }
  size_t ejected() const { return ejected_; }

 private:
  struct Record {
    HostPtr host;
    bool ejected = false;
    base::MonotonicTime until{};
    std::chrono::milliseconds ejection_time{0};
    uint32_t multiplier = 0;  // ejections that are still remembered
  };
  struct Rate {
    Record* record;
    double success_percent;
  };

  uint32_t enforcing(EjectionCause cause) const;
  void consider(Record& record, EjectionCause cause, base::MonotonicTime now);
  bool mayEject() const;
  void eject(Record& record, base::MonotonicTime now);
  void takeBack(Record& record);
  void judgeRates(bool local, base::MonotonicTime now);

  const api::OutlierDetection config_;
  const OutlierStats stats_;
  base::Random& random_;
  const std::function<void()> changed_;
  std::unordered_map<const Host*, Record> records_;
  size_t ejected_ = 0;
  bool anything_changed_ = false;
};

}  // namespace baton::upstream
