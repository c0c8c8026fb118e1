#include "source/tls/tls_transport.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/socket.h>

#include "source/base/strings.h"
#include "source/tls/errors.h"
#include "source/tls/socket_bio.h"

namespace baton::tls {
namespace {

using network::IoResult;
using network::IoStatus;

constexpr size_t kRecordBytes = 16 * 1024;  // RFC 8446 5.1: 2^14 bytes of plaintext at most

int transportIndex() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::string sessionId(const SSL* ssl) {
  const SSL_SESSION* session = SSL_get_session(ssl);
  if (session == nullptr) return {};
  unsigned int size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &size);
  return base::hexEncode({reinterpret_cast<const char*>(id), size});
}

// A cursor over what is to be written.
class Pieces {
 public:
  explicit Pieces(std::span<const iovec> pieces) : pieces_(pieces) { skipEmpty(); }

  bool empty() const { return pieces_.empty(); }

  // The next record's plaintext: in place when the first piece fills a record or is the last, otherwise gathered, so
  // that a head and the start of its body cost one record rather than two.
  std::string_view next(char* scratch) const {
    const iovec& first = pieces_.front();
    const size_t left = first.iov_len - used_;
    if (left >= kRecordBytes || pieces_.size() == 1) {
      return {static_cast<const char*>(first.iov_base) + used_, std::min(left, kRecordBytes)};
    }
    size_t filled = 0;
    size_t skip = used_;
    for (const iovec& piece : pieces_) {
      const size_t count = std::min(piece.iov_len - skip, kRecordBytes - filled);
      if (count > 0) std::memcpy(scratch + filled, static_cast<const char*>(piece.iov_base) + skip, count);
      filled += count;
      skip = 0;
      if (filled == kRecordBytes) break;
    }
    return {scratch, filled};
  }

  void advance(size_t count) {
    used_ += count;
    while (!pieces_.empty() && used_ >= pieces_.front().iov_len) {
      used_ -= pieces_.front().iov_len;
      pieces_ = pieces_.subspan(1);
    }
  }

 private:
  void skipEmpty() { advance(0); }

  std::span<const iovec> pieces_;
  size_t used_ = 0;
};

}  // namespace

const CertificateFacts* ContextCore::factsOf(const X509* certificate) const {
  for (const auto& [known, facts] : own) {
    if (known == certificate) return &facts;
  }
  return nullptr;
}

TlsTransport::TlsTransport(std::shared_ptr<ContextCore> core, SslPtr ssl, Role role,
                           std::vector<std::string> verify_names)
    : core_(std::move(core)), ssl_(std::move(ssl)), verify_names_(std::move(verify_names)), role_(role) {
  if (ssl_) SSL_set_ex_data(ssl_.get(), transportIndex(), this);
}

TlsTransport::~TlsTransport() {
  // A session is dropped from the cache when its connection ends without close_notify. Peers that just close are the
  // rule, and their sessions are as good as any; those of failed connections are not.
  if (established_ && !failed_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

TlsTransport& TlsTransport::of(const SSL* ssl) {
  return *static_cast<TlsTransport*>(SSL_get_ex_data(ssl, transportIndex()));
}

int TlsTransport::verifyPeer(X509_STORE_CTX* context, void* core) {
  SSL* ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  TlsTransport& transport = of(ssl);
  transport.verify_outcome_ = static_cast<ContextCore*>(core)->verifier.verify(context, transport.verify_names_);
  return transport.verify_outcome_.kind == VerifyOutcome::Kind::kAccepted ? 1 : 0;
}

void TlsTransport::logSecret(const SSL* ssl, const char* line) {
  const TlsTransport& transport = of(ssl);
  transport.core_->key_log->write(transport.fd_, line);
}

void TlsTransport::attach(int fd) {
  fd_ = fd;
  BIO* bio = ssl_ ? makeSocketBio(fd) : nullptr;
  if (bio == nullptr) {
    fail("TLS_error:|no session could be made");
    return;
  }
  SSL_set_bio(ssl_.get(), bio, bio);
  if (role_ == Role::kServer) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
  }
}

IoResult TlsTransport::handshake() {
  if (failed_) return {IoStatus::kFailed};
  if (established_) return {IoStatus::kOk};
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  if (result == 1) {
    established_ = true;
    wants_write_ = false;
    // The peer may have sent more with its last handshake bytes.
    has_input_ = SSL_has_pending(ssl_.get()) == 1;
    countHandshake();
    return {IoStatus::kOk};
  }
  const IoStatus status = statusOf(result);
  return {status == IoStatus::kEnd ? IoStatus::kFailed : status};
}

IoResult TlsTransport::read(std::span<char> into) {
  if (failed_) return {IoStatus::kFailed};
  size_t total = 0;
  while (total < into.size()) {
    size_t count = 0;
    ERR_clear_error();
    const int result = SSL_read_ex(ssl_.get(), into.data() + total, into.size() - total, &count);
    if (result == 1) {
      total += count;
      wants_write_ = false;
      has_input_ = SSL_has_pending(ssl_.get()) == 1;
      if (!has_input_) break;
      continue;
    }
    const IoStatus status = statusOf(result);
    // The end or failure that came after these bytes is said by the next read, which the socket will not announce.
    has_input_ = status != IoStatus::kWouldBlock;
    if (total == 0) return {status};
    break;
  }
  return {IoStatus::kOk, total};
}

IoResult TlsTransport::write(std::span<const iovec> pieces) {
  if (failed_) return {IoStatus::kFailed};
  static thread_local std::unique_ptr<char[]> scratch = std::make_unique<char[]>(kRecordBytes);
  Pieces rest(pieces);
  size_t total = 0;
  while (!rest.empty()) {
    const std::string_view record = rest.next(scratch.get());
    size_t count = 0;
    ERR_clear_error();
    const int result = SSL_write_ex(ssl_.get(), record.data(), record.size(), &count);
    if (result == 1) {
      total += count;
      rest.advance(count);
      continue;
    }
    const bool wanted_write = wants_write_;
    const IoStatus status = statusOf(result);
    // The caller waits for writability anyhow as long as it has something to write.
    wants_write_ = wanted_write;
    return {status == IoStatus::kEnd ? IoStatus::kFailed : status, total};
  }
  return {IoStatus::kOk, total};
}

IoResult TlsTransport::shutdownWrite() {
  if (failed_) return {IoStatus::kFailed};
  if (established_ && !close_notify_sent_) {
    ERR_clear_error();
    const int result = SSL_shutdown(ssl_.get());
    if (result < 0) {
      const int error = SSL_get_error(ssl_.get(), result);
      if (error == SSL_ERROR_WANT_WRITE) return {IoStatus::kWouldBlock};
      // Anything else is about what the peer sends, which reading will find out.
      ERR_clear_error();
    }
    close_notify_sent_ = true;
  }
  if (::shutdown(fd_, SHUT_WR) != 0 && errno != ENOTCONN) return {IoStatus::kFailed};
  return {IoStatus::kOk};
}

std::string_view TlsTransport::applicationProtocol() const {
  if (!ssl_) return {};
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  return {reinterpret_cast<const char*>(protocol), size};
}

std::shared_ptr<const network::TlsInfo> TlsTransport::tlsInfo() const {
  if (!established_) return nullptr;
  if (!info_) info_ = describe();
  return info_;
}

IoStatus TlsTransport::statusOf(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      wants_write_ = false;
      return IoStatus::kWouldBlock;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return IoStatus::kWouldBlock;
    case SSL_ERROR_ZERO_RETURN:
      ERR_clear_error();
      return IoStatus::kEnd;
    case SSL_ERROR_SSL:
      countFailure();
      return fail(takeErrors()).status;
    default:
      return fail(takeErrors()).status;
  }
}

IoResult TlsTransport::fail(std::string reason) {
  failed_ = true;
  wants_write_ = false;
  failure_ = std::move(reason);
  if (!verify_outcome_.reason.empty()) failure_ += ":verify cert failed: " + verify_outcome_.reason;
  return {IoStatus::kFailed};
}

void TlsTransport::countHandshake() {
  core_->stats.onHandshake(ssl_.get());
  if (role_ == Role::kServer && SSL_get0_peer_certificate(ssl_.get()) == nullptr) core_->stats.no_certificate.add();
}

void TlsTransport::countFailure() {
  switch (verify_outcome_.kind) {
    case VerifyOutcome::Kind::kUntrusted:
      return core_->stats.fail_verify_error.add();
    case VerifyOutcome::Kind::kWrongName:
      return core_->stats.fail_verify_san.add();
    case VerifyOutcome::Kind::kWrongHash:
      return core_->stats.fail_verify_cert_hash.add();
    case VerifyOutcome::Kind::kAccepted:
      break;
  }
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) return core_->stats.fail_verify_no_cert.add();
  // A peer that just goes away is no error of TLS.
  if (reason != SSL_R_UNEXPECTED_EOF_WHILE_READING) core_->stats.connection_error.add();
}

std::shared_ptr<const network::TlsInfo> TlsTransport::describe() const {
  auto info = std::make_shared<network::TlsInfo>();
  SSL* ssl = ssl_.get();
  info->version = SSL_get_version(ssl);
  info->cipher = SSL_get_cipher_name(ssl);
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) info->requested_server_name = base::lower(name);
  info->alpn = applicationProtocol();
  info->session_reused = SSL_session_reused(ssl) == 1;
  info->session_id = sessionId(ssl);
  if (const CertificateFacts* facts = core_->factsOf(SSL_get_certificate(ssl))) {
    info->local_subject = facts->subject;
    info->local_uri_sans = facts->uri_sans;
    info->local_dns_sans = facts->dns_sans;
    info->local_ip_sans = facts->ip_sans;
  }
  X509* peer = SSL_get0_peer_certificate(ssl);
  if (peer == nullptr) return info;
  info->peer_certificate_presented = true;
  info->peer_certificate_validated = core_->verifier.active() && SSL_get_verify_result(ssl) == X509_V_OK;
  info->peer_subject = subjectName(peer);
  info->peer_issuer = issuerName(peer);
  info->peer_serial = serialNumber(peer);
  info->peer_fingerprint_256 = fingerprint(peer, EVP_sha256());
  info->peer_fingerprint_1 = fingerprint(peer, EVP_sha1());
  for (SubjectAltName& san : subjectAltNames(peer)) {
    if (san.type == SanType::kUri)
      info->peer_uri_sans.push_back(std::move(san.value));
    else if (san.type == SanType::kDns)
      info->peer_dns_sans.push_back(std::move(san.value));
    else if (san.type == SanType::kIpAddress)
      info->peer_ip_sans.push_back(std::move(san.value));
  }
  info->peer_cert_v_start = timeText(X509_get0_notBefore(peer));
  info->peer_cert_v_end = timeText(X509_get0_notAfter(peer));
  if (role_ != Role::kServer) return info;
  info->peer_certificate_url_encoded_pem = urlEncodedPem(peer);
  info->peer_chain_url_encoded_pem = info->peer_certificate_url_encoded_pem;
  // The server's view of the chain leaves out the leaf.
  const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    info->peer_chain_url_encoded_pem += urlEncodedPem(sk_X509_value(chain, i));
  }
  return info;
}

}  // namespace baton::tls
