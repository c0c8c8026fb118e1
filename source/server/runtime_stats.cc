#include "source/server/runtime_stats.h"

namespace baton::server {

RuntimeStats::RuntimeStats(stats::Store& store)
    : load_success_(store.counter("runtime.load_success")),
      load_error_(store.counter("runtime.load_error")),
      num_keys_(store.gauge("runtime.num_keys", stats::GaugeMode::kOwn)),
      num_layers_(store.gauge("runtime.num_layers", stats::GaugeMode::kOwn)),
      admin_overrides_active_(store.gauge("runtime.admin_overrides_active", stats::GaugeMode::kOwn)) {
  // Baton has no override directories (they belong to layers on disk); dashboards ask for the names all the same.
  store.counter("runtime.override_dir_exists");
  store.counter("runtime.override_dir_not_exists");
}

void RuntimeStats::loaded(const base::Runtime& runtime, bool admin_overrides) {
  load_success_.add();
  num_keys_.set(static_cast<int64_t>(runtime.size()));
  num_layers_.set(static_cast<int64_t>(runtime.layerNames().size()));
  admin_overrides_active_.set(admin_overrides ? 1 : 0);
}

}  // namespace baton::server
