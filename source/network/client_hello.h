// Finds server name and ALPN in the first bytes of a TLS connection, without a TLS library. Never reads beyond what it
// is given, whatever is in it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace baton::network {

struct ClientHello {
  std::string server_name;  // lower case; empty when there is none, or none that could be a host name
  std::vector<std::string> application_protocols;
};

enum class ClientHelloStatus {
  kDone,
  kNeedMore,   // a prefix of a ClientHello
  kNotTls,     // does not begin like TLS at all
  kMalformed,  // begins like TLS
  kTooLarge,
};

// `bytes`: the stream from its beginning (RFC 8446 4.1.2, records of RFC 8446 5.1).
ClientHelloStatus parseClientHello(std::string_view bytes, size_t max_bytes, ClientHello& hello);

}  // namespace baton::network
