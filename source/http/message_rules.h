// What a proxy must take off a message before it passes it on (RFC 9110 7.6.1), and questions about a message that
// several places ask. The same for HTTP/1.1 and HTTP/2.
#pragma once

#include <string_view>

#include "source/http/header_map.h"

namespace baton::http {

// Removes what is meant for this hop only: fields nominated by `connection`, keep-alive, proxy-connection,
// transfer-encoding, te (except `trailers`), http2-settings, and connection and upgrade themselves; the latter two stay
// when the message asks for or answers with an upgrade and `keep_upgrade` is set. Fields that routing or framing
// depends on can't be nominated away. Call it before adding fields of one's own.
void stripRequestHopByHop(HeaderMap& request, bool keep_upgrade);
void stripResponseHopByHop(HeaderMap& response, bool keep_upgrade);

// `connection` has this option.
bool connectionHas(const HeaderMap& headers, std::string_view option);
// HTTP/1.1's form of an upgrade: `upgrade` nominated by `connection`.
bool isUpgrade(const HeaderMap& headers);
bool isWebSocketUpgrade(const HeaderMap& headers);
bool isConnect(const HeaderMap& request);
bool isHead(const HeaderMap& request);
// RFC 9110 9.2.2: sending it twice has the effect of sending it once.
bool isIdempotentMethod(std::string_view method);
// RFC 9110 6.4.1: the response has no content, whatever its fields say.
bool hasNoContent(std::string_view request_method, int status);

}  // namespace baton::http
