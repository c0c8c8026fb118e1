#include "source/stats/render.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <fmt/format.h>
#include <iterator>
#include <map>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <re2/re2.h>

#include "source/stats/tags.h"

namespace baton::stats {
namespace {

constexpr std::array kQuantiles{0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 99.0, 99.5, 99.9, 100.0};

template <typename Sample>
bool wanted(const Sample& sample, const RenderOptions& options) {
  if (options.used_only && !sample.used()) return false;
  return options.filter == nullptr ||
         re2::RE2::PartialMatch(re2::StringPiece(sample.name.data(), sample.name.size()), *options.filter);
}

// Calls `counter` and `gauge` in one order of names.
template <typename OnCounter, typename OnGauge>
void forEachValue(const Snapshot& snapshot, const RenderOptions& options, OnCounter&& counter, OnGauge&& gauge) {
  auto c = snapshot.counters.begin();
  auto g = snapshot.gauges.begin();
  while (c != snapshot.counters.end() || g != snapshot.gauges.end()) {
    if (g == snapshot.gauges.end() || (c != snapshot.counters.end() && c->name <= g->name)) {
      if (wanted(*c, options)) counter(*c);
      ++c;
    } else {
      if (wanted(*g, options)) gauge(*g);
      ++g;
    }
  }
}

boost::json::string_view jsonView(std::string_view text) {
  return {text.data(), text.size()};
}

boost::json::value quantileJson(const HistogramValues& values, double percent) {
  if (values.count == 0) return nullptr;
  return values.quantile(percent / 100);
}

std::string metricName(std::string_view name) {
  std::string metric = "envoy_";
  for (const unsigned char c : name) {
    metric += std::isalnum(c) != 0 || c == '_' || c == ':' ? static_cast<char>(c) : '_';
  }
  return metric;
}

std::string labelsOf(const TaggedName& tagged) {
  std::string labels;
  for (const auto& [label, value] : tagged.tags) {
    if (!labels.empty()) labels += ',';
    labels += label + "=\"";
    for (const char c : value) {
      if (c == '\\' || c == '"') labels += '\\';
      if (c == '\n') {
        labels += "\\n";
      } else {
        labels += c;
      }
    }
    labels += '"';
  }
  return labels;
}

// The samples of one metric must stand together under one TYPE line.
using Families = std::map<std::string, std::string>;

void addSample(Families& families, const TagExtractor& tags, std::string_view name, std::string_view value) {
  const TaggedName tagged = tags.extract(name);
  const std::string metric = metricName(tagged.name);
  const std::string labels = labelsOf(tagged);
  fmt::format_to(std::back_inserter(families[metric]), "{}{}{}{} {}\n", metric, labels.empty() ? "" : "{", labels,
                 labels.empty() ? "" : "}", value);
}

void addHistogram(Families& families, const PrometheusOptions& options, const HistogramSample& sample) {
  const TaggedName tagged = options.tags->extract(sample.name);
  const std::string metric = metricName(tagged.name);
  const std::string labels = labelsOf(tagged);
  const char* const comma = labels.empty() ? "" : ",";
  auto out = std::back_inserter(families[metric]);
  for (const double bound : options.bounds ? options.bounds(sample.name) : kDefaultBucketBounds) {
    fmt::format_to(out, "{}_bucket{{{}{}le=\"{}\"}} {}\n", metric, labels, comma, bound,
                   sample.cumulative.countUpTo(bound));
  }
  fmt::format_to(out, "{}_bucket{{{}{}le=\"+Inf\"}} {}\n", metric, labels, comma, sample.cumulative.count);
  fmt::format_to(out, "{}_sum{{{}}} {}\n", metric, labels, sample.cumulative.sum);
  fmt::format_to(out, "{}_count{{{}}} {}\n", metric, labels, sample.cumulative.count);
}

void print(std::string& text, const Families& families, std::string_view type) {
  for (const auto& [metric, samples] : families) {
    fmt::format_to(std::back_inserter(text), "# TYPE {} {}\n{}", metric, type, samples);
  }
}

}  // namespace

std::string renderText(const Snapshot& snapshot, const RenderOptions& options) {
  std::string text;
  auto out = std::back_inserter(text);
  const auto line = [&](const auto& sample) { fmt::format_to(out, "{}: {}\n", sample.name, sample.value); };
  forEachValue(snapshot, options, line, line);
  for (const HistogramSample& histogram : snapshot.histograms) {
    if (!wanted(histogram, options)) continue;
    fmt::format_to(out, "{}:", histogram.name);
    if (!histogram.used()) {
      text += " No recorded values\n";
      continue;
    }
    for (const double percent : kQuantiles) {
      fmt::format_to(out, " P{:g}({:g},{:g})", percent, histogram.interval.quantile(percent / 100),
                     histogram.cumulative.quantile(percent / 100));
    }
    text += '\n';
  }
  return text;
}

std::string renderJson(const Snapshot& snapshot, const RenderOptions& options) {
  boost::json::array stats;
  const auto add = [&](const auto& sample) {
    stats.push_back({{"name", jsonView(sample.name)}, {"value", sample.value}});
  };
  forEachValue(snapshot, options, add, add);
  boost::json::array computed;
  for (const HistogramSample& histogram : snapshot.histograms) {
    if (!wanted(histogram, options)) continue;
    boost::json::array values;
    for (const double percent : kQuantiles) {
      values.push_back({{"interval", quantileJson(histogram.interval, percent)},
                        {"cumulative", quantileJson(histogram.cumulative, percent)}});
    }
    computed.push_back({{"name", jsonView(histogram.name)}, {"values", std::move(values)}});
  }
  if (!computed.empty()) {
    boost::json::object histograms;
    histograms["supported_quantiles"] = boost::json::array(kQuantiles.begin(), kQuantiles.end());
    histograms["computed_quantiles"] = std::move(computed);
    stats.push_back(boost::json::object{{"histograms", std::move(histograms)}});
  }
  boost::json::object root;
  root["stats"] = std::move(stats);
  return boost::json::serialize(root);
}

std::string renderPrometheus(const Snapshot& snapshot, const RenderOptions& options,
                             const PrometheusOptions& prometheus) {
  Families counters;
  Families gauges;
  Families histograms;
  for (const CounterSample& sample : snapshot.counters) {
    if (wanted(sample, options)) addSample(counters, *prometheus.tags, sample.name, std::to_string(sample.value));
  }
  for (const GaugeSample& sample : snapshot.gauges) {
    if (wanted(sample, options)) addSample(gauges, *prometheus.tags, sample.name, std::to_string(sample.value));
  }
  for (const HistogramSample& sample : snapshot.histograms) {
    if (wanted(sample, options)) addHistogram(histograms, prometheus, sample);
  }
  std::string text;
  print(text, counters, "counter");
  print(text, gauges, "gauge");
  print(text, histograms, "histogram");
  return text;
}

}  // namespace baton::stats
