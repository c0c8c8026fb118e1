// Every way in which bytes fail to be an HTTP/1.1 message, with what is said about it. One table, so that status,
// details and meaning can't disagree.
#pragma once

#include <cstdint>
#include <string_view>

#include "source/http/codec.h"

namespace baton::http {

// Enumerator, status for a request, details.
#define BATON_HTTP1_ERRORS(X)                                                         \
  X(kNone, 0, "")                                                                     \
  X(kTooManyLeadingCrlf, 400, "http1.too_many_leading_crlf")                          \
  X(kBareLineFeed, 400, "http1.bare_line_feed")                                       \
  X(kBadRequestLine, 400, "http1.bad_request_line")                                   \
  X(kBadMethod, 400, "http1.bad_method")                                              \
  X(kUnknownMethod, 501, "http1.unknown_method")                                      \
  X(kBadTarget, 400, "http1.bad_target")                                              \
  X(kAbsoluteTargetNotAllowed, 400, "http1.absolute_url_not_allowed")                 \
  X(kTargetTooLong, 414, "http1.target_too_long")                                     \
  X(kBadVersion, 400, "http1.bad_version")                                            \
  X(kUnsupportedVersion, 505, "http1.unsupported_version")                            \
  X(kHttp10NotAccepted, 426, "http1.http_10_not_accepted")                            \
  X(kBadStatusLine, 502, "http1.bad_status_line")                                     \
  X(kHeadTooLarge, 431, "http1.headers_too_large")                                    \
  X(kTooManyHeaders, 431, "http1.too_many_headers")                                   \
  X(kObsFold, 400, "http1.obs_fold")                                                  \
  X(kBadHeaderName, 400, "http1.bad_header_name")                                     \
  X(kSpaceBeforeColon, 400, "http1.space_before_colon")                               \
  X(kBadHeaderValue, 400, "http1.bad_header_value")                                   \
  X(kUnderscoreInHeaderName, 400, "http1.unexpected_underscore")                      \
  X(kMissingHost, 400, "http1.missing_host")                                          \
  X(kSeveralHosts, 400, "http1.several_hosts")                                        \
  X(kBadHost, 400, "http1.bad_host")                                                  \
  X(kBadContentLength, 400, "http1.bad_content_length")                               \
  X(kSeveralContentLengths, 400, "http1.several_content_lengths")                     \
  X(kLengthAndTransferEncoding, 400, "http1.content_length_and_chunked_not_allowed")  \
  X(kBadTransferEncoding, 400, "http1.bad_transfer_encoding")                         \
  X(kUnsupportedTransferEncoding, 501, "http1.unsupported_transfer_encoding")         \
  X(kTransferEncodingInHttp10, 400, "http1.transfer_encoding_not_allowed_in_http_10") \
  X(kTransferEncodingInConnect, 400, "http1.body_not_allowed_in_connect")             \
  X(kBadChunkSize, 400, "http1.bad_chunk_size")                                       \
  X(kBadChunkExtension, 400, "http1.bad_chunk_extension")                             \
  X(kChunkExtensionsTooLong, 413, "http1.chunk_extensions_too_long")                  \
  X(kBadChunkEnd, 400, "http1.bad_chunk_end")                                         \
  X(kTrailersTooLarge, 431, "http1.trailers_too_large")                               \
  X(kTooManyInterimResponses, 502, "http1.too_many_1xx_headers")                      \
  X(kUnexpectedSwitch, 502, "http1.unexpected_101")                                   \
  X(kUnexpectedBytes, 502, "http1.unexpected_bytes_after_response")                   \
  X(kEndInMessage, 400, "http1.connection_ended_in_message")

enum class Http1Error : uint8_t {
#define BATON_HTTP1_ERROR_ENUMERATOR(enumerator, status, details) enumerator,
  BATON_HTTP1_ERRORS(BATON_HTTP1_ERROR_ENUMERATOR)
#undef BATON_HTTP1_ERROR_ENUMERATOR
};

// What to answer when it was a request.
RequestError requestError(Http1Error error);
inline std::string_view detailsOf(Http1Error error) {
  return requestError(error).details;
}

}  // namespace baton::http
