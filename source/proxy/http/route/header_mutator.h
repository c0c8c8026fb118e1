// Headers to remove and to add, as one level of the configuration (route, virtual host ...) says, with %OPERATORS% in
// the values. Built on the main thread, immutable, read by all workers.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/headers.h"

#include "source/access_log/formatter.h"
#include "source/base/result.h"
#include "source/http/header_map.h"

namespace baton::proxy {

class HeaderMutator {
 public:
  HeaderMutator() = default;
  // Pseudo-headers and Host can't be removed; pseudo-headers can be overwritten but not appended to.
  static base::Result<HeaderMutator> build(const std::vector<api::HeaderValueOption>& to_add,
                                           const std::vector<std::string>& to_remove);

  bool empty() const { return removals_.empty() && additions_.empty(); }
  // Removals first, so that a name that is removed and added ends up with the new value only.
  void apply(http::HeaderMap& headers, const access_log::FormatContext& context) const;

 private:
  using Action = api::HeaderValueOption::AppendAction;
  struct Addition {
    std::string name;
    http::HeaderName id = http::HeaderName::kOther;
    Action action = Action::kAppendIfExistsOrAdd;
    bool keep_empty = false;
    bool constant = false;
    std::string text;  // when constant
    access_log::Formatter formatter;
  };
  void add(const Addition& addition, std::string_view value, http::HeaderMap& headers) const;

  std::vector<std::string> removals_;
  std::vector<Addition> additions_;
};

}  // namespace baton::proxy
