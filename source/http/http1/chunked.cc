#include "source/http/http1/chunked.h"

#include <algorithm>
#include <cstring>

#include "source/http/field_syntax.h"
#include "source/http/http1/field_line.h"

namespace baton::http {
namespace {

// RFC 9110 6.5.1: what frames, routes or controls the message can't come after it.
bool mayBeTrailer(HeaderName name) {
  switch (name) {
    case HeaderName::kAuthorization:
    case HeaderName::kConnection:
    case HeaderName::kContentEncoding:
    case HeaderName::kContentLength:
    case HeaderName::kContentType:
    case HeaderName::kCookie:
    case HeaderName::kExpect:
    case HeaderName::kHost:
    case HeaderName::kKeepAlive:
    case HeaderName::kProxyAuthorization:
    case HeaderName::kProxyConnection:
    case HeaderName::kSetCookie:
    case HeaderName::kTe:
    case HeaderName::kTrailer:
    case HeaderName::kTransferEncoding:
    case HeaderName::kUpgrade:
    case HeaderName::kXForwardedFor:
      return false;
    default:
      return true;
  }
}

}  // namespace

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view bytes) {
  if (error_ != Http1Error::kNone) return {Status::kError, 0, {}};
  size_t at = 0;
  while (at < bytes.size() && state_ != State::kTrailers && state_ != State::kDone) {
    if (state_ == State::kData) {
      const auto size = static_cast<size_t>(std::min<uint64_t>(remaining_, bytes.size() - at));
      remaining_ -= size;
      if (remaining_ == 0) state_ = State::kDataCr;
      return {Status::kData, at + size, bytes.substr(at, size)};
    }
    if (!take(bytes[at++])) return {Status::kError, at, {}};
  }
  if (state_ == State::kTrailers) return trailerLines(bytes, at);
  return {state_ == State::kDone ? Status::kDone : Status::kNeedMore, at, {}};
}

void ChunkedDecoder::reset() {
  trailers_.clear();
  remaining_ = 0;
  size_line_bytes_ = extension_bytes_ = trailer_bytes_ = searched_ = 0;
  trailer_fields_ = 0;
  size_digits_ = 0;
  state_ = State::kSize;
  error_ = Http1Error::kNone;
}

// One byte of what surrounds the data.
bool ChunkedDecoder::take(char c) {
  switch (state_) {
    case State::kSize:
      if (isHexDigit(c)) {
        // 16 digits are all that fits; leading zeros count.
        if (++size_digits_ > 16 || remaining_ >> 59 != 0) return fail(Http1Error::kBadChunkSize);
        remaining_ = remaining_ << 4 | static_cast<uint64_t>(hexValue(c));
        return true;
      }
      if (size_digits_ == 0 || (c != '\r' && c != ';')) return fail(Http1Error::kBadChunkSize);
      size_line_bytes_ = size_digits_;
      state_ = c == '\r' ? State::kSizeLf : State::kExtension;
      return true;
    case State::kExtension:
      if (c == '\r') {
        state_ = State::kSizeLf;
        return true;
      }
      if (!isFieldValueChar(c)) return fail(Http1Error::kBadChunkExtension);
      if (++size_line_bytes_ > kMaxSizeLineBytes || ++extension_bytes_ > kMaxExtensionBytes) {
        return fail(Http1Error::kChunkExtensionsTooLong);
      }
      return true;
    case State::kSizeLf:
      if (c != '\n') return fail(Http1Error::kBadChunkSize);
      size_digits_ = 0;
      state_ = remaining_ == 0 ? State::kTrailers : State::kData;
      return true;
    case State::kDataCr:
      if (c != '\r') return fail(Http1Error::kBadChunkEnd);
      state_ = State::kDataLf;
      return true;
    case State::kDataLf:
      if (c != '\n') return fail(Http1Error::kBadChunkEnd);
      state_ = State::kSize;
      return true;
    case State::kData:
    case State::kTrailers:
    case State::kDone:
      break;
  }
  return false;
}

ChunkedDecoder::Step ChunkedDecoder::trailerLines(std::string_view bytes, size_t consumed) {
  for (;;) {
    const std::string_view rest = bytes.substr(consumed);
    const void* line_feed =
        rest.size() > searched_ ? std::memchr(rest.data() + searched_, '\n', rest.size() - searched_) : nullptr;
    if (line_feed == nullptr) {
      searched_ = rest.size();
      if (trailer_bytes_ + rest.size() > kMaxTrailerBytes) {
        fail(Http1Error::kTrailersTooLarge);
        return {Status::kError, consumed, {}};
      }
      return {Status::kNeedMore, consumed, {}};
    }
    searched_ = 0;
    const auto line_size = static_cast<size_t>(static_cast<const char*>(line_feed) - rest.data()) + 1;
    consumed += line_size;
    if (!trailerLine(rest.substr(0, line_size))) return {Status::kError, consumed, {}};
    if (state_ == State::kDone) return {Status::kDone, consumed, {}};
  }
}

bool ChunkedDecoder::trailerLine(std::string_view line) {
  trailer_bytes_ += line.size();
  if (trailer_bytes_ > kMaxTrailerBytes) return fail(Http1Error::kTrailersTooLarge);
  if (line == "\r\n") {
    state_ = State::kDone;
    return true;
  }
  FieldLine field;
  if (const Http1Error error = parseFieldLine(line, field); error != Http1Error::kNone) return fail(error);
  if (++trailer_fields_ > settings_.max_headers_count) return fail(Http1Error::kTooManyHeaders);
  if (!settings_.enable_trailers) return true;
  if (field.underscore_in_name && settings_.underscores != UnderscoreAction::kAllow) return true;
  const HeaderName name = trailers_.addAnyCase(field.name, field.value);
  if (!mayBeTrailer(name)) trailers_.remove(name);
  return true;
}

}  // namespace baton::http
