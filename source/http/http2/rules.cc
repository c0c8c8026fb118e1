#include "source/http/http2/rules.h"

#include <algorithm>

#include "source/base/strings.h"
#include "source/http/field_syntax.h"

namespace baton::http::http2 {

namespace {

uint8_t* bytesOf(std::string_view text) {
  return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
}

nghttp2_nv field(HeaderName id, std::string_view name, std::string_view value) {
  uint8_t flags = NGHTTP2_NV_FLAG_NONE;
  if (id != HeaderName::kOther) {
    name = spelling(id);  // which lives as long as the process
    flags |= NGHTTP2_NV_FLAG_NO_COPY_NAME;
  }
  // Never the same twice: in the table of HPACK each would only drive out what comes again.
  if (id == HeaderName::kXRequestId) flags |= NGHTTP2_NV_FLAG_NO_INDEX;
  return {bytesOf(name), bytesOf(value), name.size(), value.size(), flags};
}

bool isPseudo(HeaderName id) {
  return id <= HeaderName::kStatus;
}

// RFC 9113 8.2.2, and what RFC 9113 8.3.1 moves into :authority.
bool isForbidden(HeaderName id, std::string_view value) {
  switch (id) {
    case HeaderName::kConnection:
    case HeaderName::kHttp2Settings:
    case HeaderName::kKeepAlive:
    case HeaderName::kProxyConnection:
    case HeaderName::kTransferEncoding:
    case HeaderName::kUpgrade:
    case HeaderName::kHost:
      return true;
    case HeaderName::kTe:
      return !base::equalsIgnoreCase(value, "trailers");
    default:
      return false;
  }
}

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::string_view checkRequest(HeaderMap& request) {
  const bool connect = request.method() == "CONNECT";
  const std::string_view host = request.get(HeaderName::kHost);
  std::string_view authority = request.authority();
  if (request.has(HeaderName::kHost)) {
    // RFC 9113 8.3.1: a Host that names something else than :authority makes the request malformed.
    if (request.has(HeaderName::kAuthority)) {
      if (!base::equalsIgnoreCase(host, authority)) return "http2.host_differs_from_authority";
    } else {
      request.set(HeaderName::kAuthority, host);
      authority = request.authority();
    }
    request.remove(HeaderName::kHost);
  }
  if (authority.empty()) return "http2.missing_authority";
  if (authority.find('@') != std::string_view::npos) return "http2.userinfo_in_authority";
  if (!isAuthority(authority)) return "http2.invalid_authority";
  if (connect && !request.has(HeaderName::kProtocol)) {
    if (request.has(HeaderName::kPath) || request.has(HeaderName::kScheme)) return "http2.connect_with_path";
    return {};
  }
  if (request.has(HeaderName::kProtocol) && !connect) return "http2.protocol_without_connect";
  const std::string_view path = request.path();
  if (path.empty() || !printable(path)) return "http2.invalid_path";
  if (path.front() != '/' && !(path == "*" && request.method() == "OPTIONS")) return "http2.invalid_path";
  return {};
}

std::string_view checkResponse(const HeaderMap& response) {
  const int status = response.status();
  // RFC 9113 8.6: 101 does not exist in HTTP/2.
  if (status < 100 || status > 599 || status == 101) return "http2.invalid_status";
  return {};
}

size_t fillBlock(const HeaderMap& headers, BlockKind kind, std::vector<nghttp2_nv>& block) {
  block.clear();
  size_t bytes = 0;
  const auto add = [&](HeaderName id, std::string_view name, std::string_view value) {
    block.push_back(field(id, name, value));
    bytes += name.size() + value.size();
  };
  const auto addPseudo = [&](HeaderName id) {
    if (headers.has(id)) add(id, spelling(id), headers.get(id));
  };
  if (kind == BlockKind::kRequest) {
    const bool plain_connect = headers.method() == "CONNECT" && !headers.has(HeaderName::kProtocol);
    addPseudo(HeaderName::kMethod);
    if (!plain_connect) addPseudo(HeaderName::kScheme);
    if (headers.has(HeaderName::kAuthority)) {
      addPseudo(HeaderName::kAuthority);
    } else if (headers.has(HeaderName::kHost)) {
      add(HeaderName::kAuthority, spelling(HeaderName::kAuthority), headers.get(HeaderName::kHost));
    }
    if (!plain_connect) addPseudo(HeaderName::kPath);
    addPseudo(HeaderName::kProtocol);
  } else if (kind == BlockKind::kResponse) {
    addPseudo(HeaderName::kStatus);
  }
  headers.forEach([&](HeaderName id, std::string_view name, std::string_view value) {
    if (isPseudo(id) || name.starts_with(':') || isForbidden(id, value)) return;
    if (kind == BlockKind::kTrailers && id == HeaderName::kContentLength) return;
    add(id, name, value);
  });
  return bytes;
}

}  // namespace baton::http::http2
