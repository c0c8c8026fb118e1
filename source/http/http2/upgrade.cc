#include "source/http/http2/upgrade.h"

#include <openssl/evp.h>

#include "source/base/random.h"
#include "source/base/strings.h"

namespace baton::http::http2 {

void fromExtendedConnect(HeaderMap& request, UpgradeState& state) {
  state.extended_connect = true;
  state.protocol = request.get(HeaderName::kProtocol);
  request.remove(HeaderName::kProtocol);
  request.set(HeaderName::kMethod, "GET");
  request.set(HeaderName::kConnection, "upgrade");
  request.set(HeaderName::kUpgrade, state.protocol);
  if (base::equalsIgnoreCase(state.protocol, "websocket")) {
    // RFC 8441 5: the key is not used in HTTP/2, but an HTTP/1.1 server insists on one.
    const uint64_t nonce[2] = {base::threadRandom().next(), base::threadRandom().next()};
    request.set("sec-websocket-key", base::base64Encode({reinterpret_cast<const char*>(nonce), sizeof nonce}));
    if (!request.has("sec-websocket-version")) request.add("sec-websocket-version", "13");
  }
}

bool toExtendedConnectResponse(HeaderMap& response) {
  if (response.status() != 101) return false;
  response.setStatus(200);
  response.remove(HeaderName::kConnection);
  response.remove(HeaderName::kUpgrade);
  response.remove(HeaderName::kContentLength);
  response.remove("sec-websocket-accept");
  return true;
}

bool isUpgradeRequest(const HeaderMap& request) {
  if (!request.has(HeaderName::kUpgrade) || request.method() == "CONNECT") return false;
  return !base::forEachListElement(request.get(HeaderName::kConnection),
                                   [](std::string_view option) { return !base::equalsIgnoreCase(option, "upgrade"); });
}

void toExtendedConnect(HeaderMap& request, UpgradeState& state) {
  state.extended_connect = true;
  state.protocol = request.get(HeaderName::kUpgrade);
  state.websocket_key = request.get("sec-websocket-key");
  request.set(HeaderName::kMethod, "CONNECT");
  request.set(HeaderName::kProtocol, state.protocol);
  request.remove(HeaderName::kConnection);
  request.remove(HeaderName::kUpgrade);
  request.remove("sec-websocket-key");
}

void fromExtendedConnectResponse(HeaderMap& response, const UpgradeState& state) {
  if (response.status() / 100 != 2) return;
  response.setStatus(101);
  response.set(HeaderName::kConnection, "upgrade");
  response.set(HeaderName::kUpgrade, state.protocol);
  if (!state.websocket_key.empty()) response.set("sec-websocket-accept", websocketAccept(state.websocket_key));
}

std::string websocketAccept(std::string_view key) {
  std::string text(key);
  text += "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr) != 1) return {};
  return base::base64Encode({reinterpret_cast<const char*>(digest), size});
}

}  // namespace baton::http::http2
