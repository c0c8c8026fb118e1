// What RFC 9113 section 8 asks of a message and nghttp2 does not check, and how a HeaderMap becomes what nghttp2 sends.
#pragma once

#include <string_view>
#include <vector>

#include <nghttp2/nghttp2.h>

#include "source/http/header_map.h"

namespace baton::http::http2 {

// Checks a request's header section and makes :authority out of host. Returns what is wrong, as static text for
// RESPONSE_CODE_DETAILS, or nothing.
std::string_view checkRequest(HeaderMap& request);
std::string_view checkResponse(const HeaderMap& response);

enum class BlockKind { kRequest, kResponse, kTrailers };

// Fills `block`: pseudo-headers first, without what HTTP/2 forbids (RFC 9113 8.2.2). Its pointers lead into `headers`.
// Returns the size of names and values.
size_t fillBlock(const HeaderMap& headers, BlockKind kind, std::vector<nghttp2_nv>& block);

}  // namespace baton::http::http2
