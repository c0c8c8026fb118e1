// What RING_HASH and MAGLEV hash of a request: a route's hash_policy, compiled. Immutable.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/route.h"

#include "source/base/random.h"
#include "source/base/result.h"
#include "source/http/header_map.h"
#include "source/http/matchers.h"
#include "source/network/address.h"

namespace baton::proxy {

// The same in every build and process, so that a restart does not send clients elsewhere.
uint64_t stableHash(std::string_view text);

class HashPolicy {
 public:
  static base::Result<HashPolicy> build(const std::vector<api::HashPolicy>& config);

  bool empty() const { return entries_.empty(); }
  // Nothing when no entry yields a hash. `new_cookies` gets a set-cookie value for each cookie that had to be
  // made.
  std::optional<uint64_t> hash(const http::HeaderMap& headers, const network::Address& remote_address,
                               base::Random& random, std::vector<std::string>& new_cookies) const;

 private:
  enum class Kind : uint8_t { kHeader, kCookie, kSourceIp, kQueryParameter };
  struct Entry {
    Kind kind = Kind::kHeader;
    bool terminal = false;
    std::string name;
    std::optional<std::chrono::milliseconds> ttl;
    std::string path;
    http::Regex pattern;
    std::string substitution;
  };
  static std::optional<uint64_t> hashOf(const Entry& entry, const http::HeaderMap& headers,
                                        const network::Address& remote_address, base::Random& random,
                                        std::vector<std::string>& new_cookies);

  std::vector<Entry> entries_;
};

}  // namespace baton::proxy
