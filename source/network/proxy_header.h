// The header of the PROXY protocol, versions 1 and 2, which a load balancer in front of us puts before a connection's
// first byte. Parsing only; never reads beyond what it is given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/network/address.h"

namespace baton::network {

struct ProxyHeader {
  int version = 0;
  size_t length = 0;  // of the header, in bytes
  // None for UNKNOWN, LOCAL and families without addresses that mean something here: those of the socket stay.
  std::optional<Address> source;
  std::optional<Address> destination;
  std::vector<std::pair<uint8_t, std::string>> tlvs;
};

enum class ProxyHeaderStatus {
  kDone,
  kNeedMore,   // a prefix of a header; `length` is how long it is at least
  kNone,       // does not begin with one
  kMalformed,  // begins with one; `version` is set
};

ProxyHeaderStatus parseProxyHeader(std::string_view bytes, ProxyHeader& header);

}  // namespace baton::network
