// The memory of nghttp2's sessions. nghttp2 asks for some ten small blocks for every request and gives them back when
// its stream ends; what has come back is kept, per thread, for the next requests.
#pragma once

#include <nghttp2/nghttp2.h>

namespace baton::http::http2 {

// For nghttp2_session_server_new3() and its kin, on any thread: a block may come back on another thread than it was
// taken on. Null, which stands for malloc(3), under AddressSanitizer, so that a use after the end is still seen.
nghttp2_mem* sessionMemory();

}  // namespace baton::http::http2
