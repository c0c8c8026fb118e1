// Bytes to the PROXY header parser: never a length beyond what it saw, and the same verdict however the bytes arrive.
#include <string>
#include <string_view>

#include "source/network/proxy_header.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {

using network::ProxyHeader;
using network::ProxyHeaderStatus;

BATON_FUZZ_TARGET(proxy_protocol, input) {
  const std::string_view bytes = input.substr(0, 70'000);
  ProxyHeader whole;
  const ProxyHeaderStatus status = network::parseProxyHeader(bytes, whole);
  if (status == ProxyHeaderStatus::kDone) {
    fuzzCheck(whole.length <= bytes.size(), "a header longer than the input");
    fuzzCheck(whole.source.has_value() == whole.destination.has_value(), "half of the addresses");
  }
  if (status == ProxyHeaderStatus::kNeedMore) fuzzCheck(whole.length > bytes.size(), "asks for what is there");
  // Byte by byte: the first verdict that is not "more" stands.
  for (size_t length = 1; length <= bytes.size(); ++length) {
    ProxyHeader prefix;
    const ProxyHeaderStatus early = network::parseProxyHeader(bytes.substr(0, length), prefix);
    if (early == ProxyHeaderStatus::kNeedMore) continue;
    fuzzCheck(early == status, "depends on the split");
    fuzzCheck(early != ProxyHeaderStatus::kDone || prefix.length == whole.length, "another length when split");
    break;
  }
}

}  // namespace baton::test
