#include "source/proxy/http/client_certificate_header.h"

#include <string>

namespace baton::proxy {

using http::HeaderName;

namespace {

using Mode = api::HttpConnectionManager::ForwardClientCertDetails;

void addPart(std::string& element, std::string_view key, std::string_view value, bool quoted) {
  if (!element.empty()) element += ';';
  element.append(key).append("=");
  if (!quoted) {
    element.append(value);
    return;
  }
  element += '"';
  for (const char c : value) {
    if (c == '"' || c == '\\') element += '\\';
    element += c;
  }
  element += '"';
}

std::string describePeer(const network::TlsInfo& tls, const api::SetCurrentClientCertDetails& details) {
  std::string element;
  if (!tls.local_uri_sans.empty()) addPart(element, "By", tls.local_uri_sans.front(), false);
  if (!tls.peer_fingerprint_256.empty()) addPart(element, "Hash", tls.peer_fingerprint_256, false);
  if (details.cert && !tls.peer_certificate_url_encoded_pem.empty()) {
    addPart(element, "Cert", tls.peer_certificate_url_encoded_pem, true);
  }
  if (details.chain && !tls.peer_chain_url_encoded_pem.empty()) {
    addPart(element, "Chain", tls.peer_chain_url_encoded_pem, true);
  }
  if (details.subject.value_or(false)) addPart(element, "Subject", tls.peer_subject, true);
  if (details.uri) {
    if (tls.peer_uri_sans.empty()) addPart(element, "URI", "", false);
    for (const std::string& uri : tls.peer_uri_sans) addPart(element, "URI", uri, false);
  }
  if (details.dns) {
    for (const std::string& name : tls.peer_dns_sans) addPart(element, "DNS", name, false);
  }
  return element;
}

}  // namespace

void setClientCertificateHeader(http::HeaderMap& headers, const api::HttpConnectionManager& config,
                                const network::ConnectionInfo& connection) {
  const Mode mode = config.forward_client_cert_details;
  if (mode == Mode::kAlwaysForwardOnly) return;
  const network::TlsInfo* tls = connection.tls.get();
  if (tls == nullptr || !tls->peer_certificate_presented || mode == Mode::kSanitize) {
    headers.remove(HeaderName::kXForwardedClientCert);
    return;
  }
  if (mode == Mode::kForwardOnly) return;
  const std::string element =
      describePeer(*tls, config.set_current_client_cert_details.value_or(api::SetCurrentClientCertDetails{}));
  if (element.empty()) return;
  if (mode == Mode::kAppendForward) {
    headers.appendToList(HeaderName::kXForwardedClientCert, element, ",");
  } else {
    headers.set(HeaderName::kXForwardedClientCert, element);
  }
}

}  // namespace baton::proxy
