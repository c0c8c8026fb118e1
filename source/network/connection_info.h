// What is known about a connection beyond its bytes: for routing, access logs and forwarded headers.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "source/base/clock.h"
#include "source/network/address.h"

namespace baton::api {
struct Metadata;
}  // namespace baton::api

namespace baton::network {

// What a finished TLS handshake says. Immutable once the handshake is done; shared with the streams of the connection.
struct TlsInfo {
  std::string version;  // "TLSv1.3"
  std::string cipher;   // OpenSSL's name
  std::string requested_server_name;
  std::string alpn;
  std::string session_id;  // lower-case hex; empty when there is none
  bool session_reused = false;
  bool peer_certificate_presented = false;
  bool peer_certificate_validated = false;
  std::string local_subject;
  std::vector<std::string> local_uri_sans;
  std::vector<std::string> local_dns_sans;
  std::vector<std::string> local_ip_sans;
  std::string peer_subject;  // RFC 2253
  std::string peer_issuer;
  std::string peer_serial;           // lower-case hex
  std::string peer_fingerprint_256;  // lower-case hex of the SHA-256 of the DER
  std::string peer_fingerprint_1;
  std::vector<std::string> peer_uri_sans;
  std::vector<std::string> peer_dns_sans;
  std::vector<std::string> peer_ip_sans;
  std::string peer_certificate_url_encoded_pem;
  std::string peer_chain_url_encoded_pem;
  std::string peer_cert_v_start;
  std::string peer_cert_v_end;
};

struct ConnectionInfo {
  uint64_t id = 0;                // unique in the process
  Address remote_address;         // as PROXY protocol or original source say; what logs call the downstream
  Address direct_remote_address;  // the socket's peer
  Address local_address;          // as PROXY protocol or original destination say
  Address direct_local_address;
  base::MonotonicTime start_monotonic{};
  base::WallTime start_wall{};
  std::string requested_server_name;  // of the ClientHello, seen by tls_inspector or the handshake
  std::vector<std::string> requested_application_protocols;
  std::string detected_transport_protocol;  // "tls" or "raw_buffer"
  std::string transport_failure_reason;     // set when a handshake failed
  std::string termination_details;          // why a network filter ended the connection
  std::string filter_chain_name;
  std::shared_ptr<const api::Metadata> listener_metadata;      // null: there is none
  std::shared_ptr<const api::Metadata> filter_chain_metadata;  // the same
  std::shared_ptr<const api::Metadata> dynamic_metadata;       // what listener filters learned
  std::shared_ptr<const TlsInfo> tls;                          // null: plaintext or handshake not finished
  std::vector<std::pair<uint8_t, std::string>> proxy_protocol_tlvs;
};

// Process-wide, thread-safe.
uint64_t nextConnectionId();

}  // namespace baton::network
