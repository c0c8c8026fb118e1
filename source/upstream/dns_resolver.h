// Looks host names up without blocking. An interface, so that clusters can be tested without a network. Main thread.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "source/base/result.h"
#include "source/network/address.h"

namespace baton::upstream {

enum class DnsFamily { kAuto, kV4Only, kV6Only, kV4Preferred, kAll };

struct DnsAnswer {
  std::vector<network::Address> addresses;  // port 0; never empty
  std::chrono::seconds ttl{0};              // the shortest; 0 when not known
};

// Destroying a query ends it without an answer.
class DnsQuery {
 public:
  virtual ~DnsQuery() = default;
};

class DnsResolver {
 public:
  using Done = std::function<void(base::Result<DnsAnswer> answer)>;

  virtual ~DnsResolver() = default;
  // `done` is called once from the loop, never from inside this call, unless the query is destroyed before; it may
  // destroy the query. kNotFound: the name exists nowhere or has no address.
  virtual std::unique_ptr<DnsQuery> resolve(const std::string& name, DnsFamily family, Done done) = 0;
};

}  // namespace baton::upstream
