// Bytes to the ClientHello parser: names are host names of bounded length, and the verdict does not depend on how the
// bytes arrive.
#include <algorithm>
#include <string>
#include <string_view>

#include "source/network/client_hello.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {

using network::ClientHello;
using network::ClientHelloStatus;

BATON_FUZZ_TARGET(client_hello, input) {
  constexpr size_t kMost = 4096;
  const std::string_view bytes = input.substr(0, kMost);
  ClientHello whole;
  const ClientHelloStatus status = network::parseClientHello(bytes, kMost, whole);
  if (status != ClientHelloStatus::kDone) {
    fuzzCheck(whole.server_name.empty() && whole.application_protocols.empty(), "facts of a broken hello");
  }
  fuzzCheck(whole.server_name.size() <= 255, "a name that is no host name");
  fuzzCheck(
      std::ranges::none_of(whole.server_name, [](char c) { return c <= ' ' || c >= 0x7f || (c >= 'A' && c <= 'Z'); }),
      "a name that is no host name");
  for (size_t length = 1; length < bytes.size(); ++length) {
    ClientHello prefix;
    const ClientHelloStatus early = network::parseClientHello(bytes.substr(0, length), kMost, prefix);
    if (early == ClientHelloStatus::kNeedMore) continue;
    fuzzCheck(early == status, "depends on the split");
    fuzzCheck(prefix.server_name == whole.server_name, "another name when split");
    break;
  }
}

}  // namespace baton::test
