// WebSocket and other upgrades over HTTP/2 (RFC 8441): between extended CONNECT and the HTTP/1.1 form that the rest of
// Baton knows. The Sec-WebSocket-Key handshake exists only in HTTP/1.1, so whichever codec speaks HTTP/2 plays its
// part.
#pragma once

#include <string>

#include "source/http/header_map.h"

namespace baton::http::http2 {

struct UpgradeState {
  bool extended_connect = false;
  std::string protocol;       // "websocket"
  std::string websocket_key;  // client: the request's Sec-WebSocket-Key

  void clear() {
    extended_connect = false;
    protocol.clear();
    websocket_key.clear();
  }
};

// Server, request: CONNECT with :protocol becomes GET with connection: upgrade.
void fromExtendedConnect(HeaderMap& request, UpgradeState& state);
// Server, response: a 101 becomes 200, and what only HTTP/1.1 needs is removed. True when it opens the tunnel.
bool toExtendedConnectResponse(HeaderMap& response);

// Client, request: true when `request` asks for an upgrade in HTTP/1.1's form.
bool isUpgradeRequest(const HeaderMap& request);
void toExtendedConnect(HeaderMap& request, UpgradeState& state);
// Client, response: a 2xx becomes 101.
void fromExtendedConnectResponse(HeaderMap& response, const UpgradeState& state);

// RFC 6455 4.2.2: the Sec-WebSocket-Accept that answers a Sec-WebSocket-Key.
std::string websocketAccept(std::string_view key);

}  // namespace baton::http::http2
