#include "source/proxy/http/route/hash_policy.h"

#include <bit>

#include <re2/re2.h>

#include "source/base/strings.h"
#include "source/http/cookie.h"
#include "source/http/query.h"

namespace baton::proxy {

uint64_t stableHash(std::string_view text) {
  // FNV-1a with a finalizer, because the ring looks at the high bits.
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}

base::Result<HashPolicy> HashPolicy::build(const std::vector<api::HashPolicy>& config) {
  HashPolicy policy;
  for (const api::HashPolicy& one : config) {
    Entry entry;
    entry.terminal = one.terminal;
    if (one.header) {
      entry.kind = Kind::kHeader;
      entry.name = base::lower(one.header->header_name);
      if (entry.name == "host") entry.name = ":authority";
      if (one.header->regex_rewrite && one.header->regex_rewrite->pattern) {
        auto regex = http::compileRegex(one.header->regex_rewrite->pattern->regex);
        if (!regex) return regex.error();
        entry.pattern = *regex;
        entry.substitution = one.header->regex_rewrite->substitution;
      }
    } else if (one.cookie) {
      entry.kind = Kind::kCookie;
      entry.name = one.cookie->name;
      entry.ttl = one.cookie->ttl;
      entry.path = one.cookie->path;
    } else if (one.connection_properties) {
      if (!one.connection_properties->source_ip) continue;
      entry.kind = Kind::kSourceIp;
    } else if (one.query_parameter) {
      entry.kind = Kind::kQueryParameter;
      entry.name = one.query_parameter->name;
    } else {
      return base::Error{base::ErrorCode::kInvalidArgument,
                         "a hash policy needs one of header, cookie, connection_properties and query_parameter"};
    }
    policy.entries_.push_back(std::move(entry));
  }
  return policy;
}

std::optional<uint64_t> HashPolicy::hashOf(const Entry& entry, const http::HeaderMap& headers,
                                           const network::Address& remote_address, base::Random& random,
                                           std::vector<std::string>& new_cookies) {
  switch (entry.kind) {
    case Kind::kHeader: {
      if (!headers.has(entry.name)) return std::nullopt;
      std::string storage;
      const std::string_view value = headers.getJoined(entry.name, storage);
      if (entry.pattern == nullptr) return stableHash(value);
      std::string rewritten(value);
      re2::RE2::GlobalReplace(&rewritten, *entry.pattern, entry.substitution);
      return stableHash(rewritten);
    }
    case Kind::kCookie: {
      if (const auto value = http::findCookie(headers, entry.name); value && !value->empty()) return stableHash(*value);
      if (!entry.ttl) return std::nullopt;
      const uint64_t number = random.next();
      const std::string value = base::hexEncode({reinterpret_cast<const char*>(&number), sizeof(number)});
      http::CookieAttributes attributes{.path = entry.path};
      if (entry.ttl->count() > 0) attributes.max_age = std::chrono::duration_cast<std::chrono::seconds>(*entry.ttl);
      new_cookies.push_back(http::makeSetCookie(entry.name, value, attributes));
      return stableHash(value);
    }
    case Kind::kSourceIp:
      if (!remote_address.isIp()) return std::nullopt;
      return stableHash(remote_address.ipBytes());
    case Kind::kQueryParameter:
      if (const auto value = http::findQueryParameter(headers.path(), entry.name)) return stableHash(*value);
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<uint64_t> HashPolicy::hash(const http::HeaderMap& headers, const network::Address& remote_address,
                                         base::Random& random, std::vector<std::string>& new_cookies) const {
  std::optional<uint64_t> hash;
  for (const Entry& entry : entries_) {
    if (const auto piece = hashOf(entry, headers, remote_address, random, new_cookies)) {
      // Rotated, so that two equal pieces don't cancel out.
      hash = hash ? std::rotl(*hash, 1) ^ *piece : *piece;
    }
    if (entry.terminal && hash) break;
  }
  return hash;
}

}  // namespace baton::proxy
