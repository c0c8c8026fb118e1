// Splits a stat's name into what is counted and for whom, as Envoy's default tags do, so that Prometheus sees one
// metric with labels: cluster.web.upstream_rq_200 is envoy_cluster_upstream_rq{envoy_cluster_name="web",
// envoy_response_code="200"}. Immutable after it is made; any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/base/result.h"

namespace re2 {
class RE2;
}

namespace baton::stats {

// stats_config.stats_tags: either a fixed value, or a regex whose first group is cut out of the name and whose second
// (or first, if there is one only) is the value.
struct CustomTag {
  std::string name;
  std::string regex;
  std::string fixed_value;
};

struct TaggedName {
  std::string name;                                       // without the tags' parts
  std::vector<std::pair<std::string, std::string>> tags;  // names as Prometheus wants them: envoy_cluster_name
};

class TagExtractor {
 public:
  // Envoy's default tags only.
  TagExtractor();
  static base::Result<std::unique_ptr<TagExtractor>> create(const std::vector<CustomTag>& custom, bool use_defaults);
  ~TagExtractor();

  TaggedName extract(std::string_view name) const;

 private:
  struct Rule {
    std::string label;
    std::unique_ptr<re2::RE2> regex;  // null: `fixed_value` for every stat
    std::string fixed_value;
  };
  std::vector<Rule> rules_;
  bool use_defaults_ = true;
};

}  // namespace baton::stats
