#include "source/stats/tags.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>

#include <re2/re2.h>

#include "source/base/strings.h"

namespace baton::stats {
namespace {

bool isNumber(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string labelOf(std::string_view tag) {
  std::string label(tag);
  std::replace_if(
      label.begin(), label.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return label;
}

// A name that is being taken apart: tags remove their pieces from it.
class Parts {
 public:
  explicit Parts(std::string_view name) : rest_(name) {}

  // "<first>.<value>.": takes the value and the dot behind it.
  void takeSecond(std::string_view first, const char* label) {
    if (!startsWithToken(first)) return;
    takeToken(first.size() + 1, label);
  }

  // "listener.<address>.", where an address ends in "_<port>" and may itself hold dots.
  void takeListenerAddress() {
    if (!startsWithToken("listener")) return;
    const size_t start = std::string_view("listener.").size();
    for (size_t dot = rest_.find('.', start); dot != std::string::npos; dot = rest_.find('.', dot + 1)) {
      const std::string_view address = std::string_view(rest_).substr(start, dot - start);
      const size_t underscore = address.rfind('_');
      if (underscore == std::string_view::npos || !isNumber(address.substr(underscore + 1))) continue;
      const bool ip = address[0] == '[' || (address.find('.') != std::string_view::npos && std::isdigit(address[0]));
      if (!ip) return;
      take(start, dot + 1 - start, address.size(), "envoy_listener_address");
      return;
    }
  }

  // ".<token>.<value>." anywhere.
  void takeAfter(std::string_view token, const char* label) {
    const std::string needle = "." + std::string(token) + ".";
    const size_t at = rest_.find(needle);
    if (at != std::string::npos) takeToken(at + needle.size(), label);
  }

  // ".<token>.<value>" at the end of a name that starts with `first`.
  void takeLast(std::string_view first, std::string_view token, const char* label) {
    const std::string needle = "." + std::string(token) + ".";
    const size_t at = rest_.rfind(needle);
    if (!startsWithToken(first) || at == std::string::npos) return;
    const size_t start = at + needle.size() - 1;
    tags_.emplace_back(label, rest_.substr(start + 1));
    rest_.erase(start);
  }

  // "worker_<n>." anywhere after a dot: only the number and its dot go.
  void takeWorker() {
    const size_t at = rest_.find(".worker_");
    if (at == std::string::npos) return;
    const size_t start = at + std::string_view(".worker_").size();
    const size_t dot = rest_.find('.', start);
    if (dot == std::string::npos || !isNumber(std::string_view(rest_).substr(start, dot - start))) return;
    take(start, dot + 1 - start, dot - start, "envoy_worker_id");
  }

  // "<prefix>.<token>." at the start: the prefix is the value.
  void takeBefore(std::string_view token, const char* label) {
    const size_t dot = rest_.find('.');
    if (dot == std::string::npos || rest_.compare(dot + 1, token.size() + 1, std::string(token) + ".") != 0) return;
    take(0, dot + 1, dot, label);
  }

  // "..._rq_200" and "..._rq_2xx" at the end.
  void takeResponseCode() {
    const size_t at = rest_.rfind("_rq_");
    if (at == std::string::npos) return;
    const std::string_view code = std::string_view(rest_).substr(at + 4);
    if (code.size() != 3 || !std::isdigit(code[0])) return;
    if (isNumber(code)) {
      tags_.emplace_back("envoy_response_code", code);
      rest_.erase(at + 3);
    } else if (code.substr(1) == "xx") {
      tags_.emplace_back("envoy_response_code_class", code.substr(0, 1));
      rest_.erase(at + 4, 1);
    }
  }

  void takeRegex(const re2::RE2& regex, const std::string& label) {
    std::array<re2::StringPiece, 3> groups;
    const int count = std::min(regex.NumberOfCapturingGroups(), 2) + 1;
    if (count < 2 || !regex.Match(rest_, 0, rest_.size(), RE2::UNANCHORED, groups.data(), count)) return;
    const re2::StringPiece cut = groups[1];
    const re2::StringPiece value = count > 2 && groups[2].data() != nullptr ? groups[2] : groups[1];
    if (cut.data() == nullptr) return;
    tags_.emplace_back(label, std::string(value.data(), value.size()));
    rest_.erase(static_cast<size_t>(cut.data() - rest_.data()), cut.size());
  }

  void tag(const std::string& label, const std::string& value) { tags_.emplace_back(label, value); }

  TaggedName finish() && {
    while (!rest_.empty() && rest_.back() == '.') rest_.pop_back();
    return {std::move(rest_), std::move(tags_)};
  }

 private:
  bool startsWithToken(std::string_view token) const {
    return rest_.size() > token.size() && rest_.compare(0, token.size(), token) == 0 && rest_[token.size()] == '.';
  }
  void takeToken(size_t start, const char* label) {
    const size_t dot = rest_.find('.', start);
    if (dot != std::string::npos && dot != start) take(start, dot + 1 - start, dot - start, label);
  }
  void take(size_t start, size_t cut, size_t value_size, const char* label) {
    tags_.emplace_back(label, rest_.substr(start, value_size));
    rest_.erase(start, cut);
  }

  std::string rest_;
  std::vector<std::pair<std::string, std::string>> tags_;
};

}  // namespace

TagExtractor::TagExtractor() = default;
TagExtractor::~TagExtractor() = default;

base::Result<std::unique_ptr<TagExtractor>> TagExtractor::create(const std::vector<CustomTag>& custom,
                                                                 bool use_defaults) {
  auto extractor = std::make_unique<TagExtractor>();
  extractor->use_defaults_ = use_defaults;
  for (const CustomTag& tag : custom) {
    Rule rule;
    rule.label = labelOf(tag.name);
    rule.fixed_value = tag.fixed_value;
    if (!tag.regex.empty()) {
      rule.regex = std::make_unique<re2::RE2>(tag.regex, re2::RE2::Quiet);
      if (!rule.regex->ok() || rule.regex->NumberOfCapturingGroups() < 1) {
        return base::Error{base::ErrorCode::kInvalidArgument,
                           "stats tag '" + tag.name + "': expected a regex with one or two groups, found '" +
                               tag.regex + "'" + (rule.regex->ok() ? "" : " (" + rule.regex->error() + ")")};
      }
    }
    extractor->rules_.push_back(std::move(rule));
  }
  return extractor;
}

TaggedName TagExtractor::extract(std::string_view name) const {
  Parts parts(name);
  for (const Rule& rule : rules_) {
    if (rule.regex != nullptr) {
      parts.takeRegex(*rule.regex, rule.label);
    } else {
      parts.tag(rule.label, rule.fixed_value);
    }
  }
  if (use_defaults_) {
    parts.takeResponseCode();
    parts.takeListenerAddress();
    parts.takeLast("listener", "ssl.ciphers", "envoy_ssl_cipher");
    parts.takeLast("cluster", "ssl.ciphers", "envoy_ssl_cipher");
    parts.takeLast("listener", "ssl.curves", "envoy_ssl_curve");
    parts.takeLast("cluster", "ssl.curves", "envoy_ssl_curve");
    parts.takeLast("listener", "ssl.sigalgs", "envoy_ssl_sigalg");
    parts.takeLast("cluster", "ssl.sigalgs", "envoy_ssl_sigalg");
    parts.takeLast("listener", "ssl.versions", "envoy_ssl_version");
    parts.takeLast("cluster", "ssl.versions", "envoy_ssl_version");
    parts.takeSecond("cluster", "envoy_cluster_name");
    parts.takeSecond("http", "envoy_http_conn_manager_prefix");
    parts.takeSecond("tcp", "envoy_tcp_prefix");
    parts.takeSecond("connection_limit", "envoy_connection_limit_prefix");
    parts.takeSecond("local_rate_limit", "envoy_local_ratelimit_prefix");
    parts.takeSecond("vhost", "envoy_virtual_host");
    if (name.substr(0, 6) == "vhost.") {
      parts.takeAfter("vcluster", "envoy_virtual_cluster");
    }
    if (name.substr(0, 9) == "listener.") {
      parts.takeAfter("http", "envoy_http_conn_manager_prefix");
    }
    parts.takeBefore("http_local_rate_limit", "envoy_local_http_ratelimit_prefix");
    parts.takeWorker();
  }
  return std::move(parts).finish();
}

}  // namespace baton::stats
