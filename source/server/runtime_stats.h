// The runtime.* stats, with Envoy's names. Owned by the Configuration; main thread.
#pragma once

#include "source/base/runtime.h"
#include "source/stats/store.h"

namespace baton::server {

class RuntimeStats {
 public:
  explicit RuntimeStats(stats::Store& store);

  // A snapshot came into force; `admin_overrides` says whether a value of POST /runtime_modify is in it.
  void loaded(const base::Runtime& runtime, bool admin_overrides);
  // A change was refused; the snapshot before it stays.
  void refused() { load_error_.add(); }

 private:
  stats::Counter load_success_;
  stats::Counter load_error_;
  stats::Gauge num_keys_;
  stats::Gauge num_layers_;
  stats::Gauge admin_overrides_active_;
};

}  // namespace baton::server
