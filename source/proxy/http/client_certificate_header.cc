#include "source/proxy/http/client_certificate_header.h"

#include <string>

namespace baton::proxy {

using http::HeaderName;

namespace {

using Mode = api::HttpConnectionManager::ForwardClientCertDetails;

// Certificates and subjects always stand in quotes; names only when they hold what separates parts and elements, since
// otherwise a name could pass for another part.
enum class Quotes { kAlways, kNeeded };

void addPart(std::string& element, std::string_view key, std::string_view value, Quotes quotes) {
  if (!element.empty()) element += ';';
  element.append(key).append("=");
  if (quotes == Quotes::kNeeded && value.find_first_of(",;=\"") == std::string_view::npos) {
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
  for (const std::string& uri : tls.local_uri_sans) addPart(element, "By", uri, Quotes::kNeeded);
  if (!tls.peer_fingerprint_256.empty()) addPart(element, "Hash", tls.peer_fingerprint_256, Quotes::kNeeded);
  if (details.cert && !tls.peer_certificate_url_encoded_pem.empty()) {
    addPart(element, "Cert", tls.peer_certificate_url_encoded_pem, Quotes::kAlways);
  }
  if (details.chain && !tls.peer_chain_url_encoded_pem.empty()) {
    addPart(element, "Chain", tls.peer_chain_url_encoded_pem, Quotes::kAlways);
  }
  if (details.subject.value_or(false)) addPart(element, "Subject", tls.peer_subject, Quotes::kAlways);
  if (details.uri) {
    if (tls.peer_uri_sans.empty()) addPart(element, "URI", "", Quotes::kNeeded);
    for (const std::string& uri : tls.peer_uri_sans) addPart(element, "URI", uri, Quotes::kNeeded);
  }
  if (details.dns) {
    for (const std::string& name : tls.peer_dns_sans) addPart(element, "DNS", name, Quotes::kNeeded);
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
