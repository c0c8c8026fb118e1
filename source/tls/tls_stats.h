// The counters of one TLS context: `<scope>ssl.*`. Shared by all workers.
#pragma once

#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "source/stats/store.h"
#include "source/tls/openssl.h"

namespace baton::tls {

class TlsStats {
 public:
  explicit TlsStats(const stats::Scope& scope);

  // Counts a finished handshake: its cipher, version, curve and the peer's signature algorithm.
  void onHandshake(SSL* ssl);

  stats::Counter connection_error;
  stats::Counter handshake;
  stats::Counter session_reused;
  stats::Counter no_certificate;
  stats::Counter fail_verify_no_cert;
  stats::Counter fail_verify_error;
  stats::Counter fail_verify_san;
  stats::Counter fail_verify_cert_hash;
  stats::Counter ocsp_staple_failed;
  stats::Counter ocsp_staple_omitted;
  stats::Counter ocsp_staple_responses;
  stats::Counter ocsp_staple_requests;

 private:
  // Counters whose last part is what a peer negotiated: made when first seen. The names come from OpenSSL's tables, so
  // a peer can't make up new ones.
  class Family {
   public:
    explicit Family(std::string name) : name_(std::move(name)) {}
    void add(const stats::Scope& scope, std::string_view member);

   private:
    std::string name_;
    std::mutex mutex_;
    std::vector<std::pair<std::string, stats::Counter>> members_;
  };

  stats::Scope scope_;
  Family ciphers_{"ciphers."};
  Family versions_{"versions."};
  Family curves_{"curves."};
  Family sigalgs_{"sigalgs."};
};

}  // namespace baton::tls
