#include "source/http/message_rules.h"

#include <vector>

#include "source/base/strings.h"

namespace baton::http {
namespace {

// The fields that a client could disarm if it were allowed to nominate them.
bool mayBeNominated(HeaderName name) {
  switch (name) {
    case HeaderName::kMethod:
    case HeaderName::kScheme:
    case HeaderName::kAuthority:
    case HeaderName::kPath:
    case HeaderName::kProtocol:
    case HeaderName::kStatus:
    case HeaderName::kHost:
    case HeaderName::kContentLength:
    case HeaderName::kTe:       // has a rule of its own
    case HeaderName::kUpgrade:  // these two as well
    case HeaderName::kConnection:
      return false;
    default:
      return true;
  }
}

void removeNominated(HeaderMap& headers) {
  // One after the other: a removal must not happen while the map is walked.
  std::vector<std::string_view> nominated;
  headers.forEach([&nominated](HeaderName id, std::string_view, std::string_view value) {
    if (id != HeaderName::kConnection) return;
    base::forEachListElement(value, [&nominated](std::string_view option) {
      if (!base::equalsIgnoreCase(option, "close") && !base::equalsIgnoreCase(option, "keep-alive")) {
        nominated.push_back(option);
      }
      return true;
    });
  });
  for (const std::string_view option : nominated) {
    const std::string name = base::lower(option);
    if (mayBeNominated(findHeaderName(name))) headers.remove(name);
  }
}

void strip(HeaderMap& headers, bool keep_upgrade) {
  if (headers.has(HeaderName::kConnection)) removeNominated(headers);
  headers.remove(HeaderName::kKeepAlive);
  headers.remove(HeaderName::kProxyConnection);
  headers.remove(HeaderName::kTransferEncoding);
  headers.remove(HeaderName::kHttp2Settings);
  if (keep_upgrade && isUpgrade(headers)) {
    headers.set(HeaderName::kConnection, "upgrade");
  } else {
    headers.remove(HeaderName::kConnection);
    headers.remove(HeaderName::kUpgrade);
  }
}

bool listHas(const HeaderMap& headers, HeaderName name, std::string_view element) {
  if (!headers.has(name)) return false;
  bool found = false;
  headers.forEach([&](HeaderName id, std::string_view, std::string_view value) {
    if (id != name || found) return;
    found = !base::forEachListElement(
        value, [element](std::string_view each) { return !base::equalsIgnoreCase(each, element); });
  });
  return found;
}

}  // namespace

void stripRequestHopByHop(HeaderMap& request, bool keep_upgrade) {
  if (request.has(HeaderName::kTe)) {
    if (listHas(request, HeaderName::kTe, "trailers")) {
      request.set(HeaderName::kTe, "trailers");
    } else {
      request.remove(HeaderName::kTe);
    }
  }
  strip(request, keep_upgrade);
}

void stripResponseHopByHop(HeaderMap& response, bool keep_upgrade) {
  strip(response, keep_upgrade);
}

bool connectionHas(const HeaderMap& headers, std::string_view option) {
  return listHas(headers, HeaderName::kConnection, option);
}

bool isUpgrade(const HeaderMap& headers) {
  return headers.has(HeaderName::kUpgrade) && connectionHas(headers, "upgrade");
}

bool isWebSocketUpgrade(const HeaderMap& headers) {
  return isUpgrade(headers) && base::equalsIgnoreCase(headers.get(HeaderName::kUpgrade), "websocket");
}

bool isConnect(const HeaderMap& request) {
  return request.method() == "CONNECT";
}

bool isHead(const HeaderMap& request) {
  return request.method() == "HEAD";
}

bool isIdempotentMethod(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "PUT" || method == "DELETE" || method == "OPTIONS" ||
         method == "TRACE";
}

bool hasNoContent(std::string_view request_method, int status) {
  return request_method == "HEAD" || status < 200 || status == 204 || status == 304;
}

}  // namespace baton::http
