// The bytes of a connection through TLS, on OpenSSL directly over the socket. Owned by its Connection, which runs on
// one loop; made by a DownstreamContext or UpstreamContext, whose shared parts it keeps alive.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/network/connection_info.h"
#include "source/network/transport.h"
#include "source/tls/certificate.h"
#include "source/tls/key_log.h"
#include "source/tls/openssl.h"
#include "source/tls/peer_verifier.h"
#include "source/tls/tls_stats.h"

namespace baton::tls {

// What both kinds of context share with their transports; immutable but for the counters.
struct ContextCore {
  ContextCore(const stats::Scope& scope, VerifySettings verify) : stats(scope), verifier(std::move(verify)) {}

  // The facts of a certificate of ours; null when it is none.
  const CertificateFacts* factsOf(const X509* certificate) const;

  SslCtxPtr ssl_ctx;
  TlsStats stats;
  PeerVerifier verifier;
  std::vector<CertificateFacts> certificates;
  std::vector<std::pair<const X509*, CertificateFacts>> own;  // the leaves that we present
  std::unique_ptr<const KeyLog> key_log;                      // null: none is kept
};

class TlsTransport final : public network::Transport {
 public:
  enum class Role { kServer, kClient };

  // `verify_names`: what the peer's certificate must be valid for, besides the context's rules.
  TlsTransport(std::shared_ptr<ContextCore> core, SslPtr ssl, Role role, std::vector<std::string> verify_names = {});
  ~TlsTransport() override;

  void attach(int fd) override;
  network::IoResult handshake() override;
  bool wantsWrite() const override { return wants_write_; }
  network::IoResult read(std::span<char> into) override;
  bool hasBufferedInput() const override { return has_input_; }
  network::IoResult write(std::span<const iovec> pieces) override;
  network::IoResult shutdownWrite() override;
  std::string failureReason() const override { return failure_; }
  std::shared_ptr<const network::TlsInfo> tlsInfo() const override;
  std::string_view applicationProtocol() const override;
  bool isPlain() const override { return false; }

  // For OpenSSL's callbacks.
  static TlsTransport& of(const SSL* ssl);
  static int verifyPeer(X509_STORE_CTX* context, void* core);
  static void logSecret(const SSL* ssl, const char* line);
  ContextCore& core() { return *core_; }
  // Sessions of this transport may be resumed only by one with the same key: it had the same name to verify.
  const std::string& resumptionKey() const { return resumption_key_; }
  void setResumptionKey(std::string key) { resumption_key_ = std::move(key); }

 private:
  network::IoStatus statusOf(int result);
  network::IoResult fail(std::string reason);
  void countHandshake();
  void countFailure();
  std::shared_ptr<const network::TlsInfo> describe() const;

  std::shared_ptr<ContextCore> core_;
  SslPtr ssl_;
  std::vector<std::string> verify_names_;
  std::string resumption_key_;
  VerifyOutcome verify_outcome_;
  std::string failure_;
  mutable std::shared_ptr<const network::TlsInfo> info_;
  int fd_ = -1;
  Role role_;
  bool established_ = false;
  bool failed_ = false;
  bool wants_write_ = false;
  bool has_input_ = false;
  bool close_notify_sent_ = false;
};

}  // namespace baton::tls
