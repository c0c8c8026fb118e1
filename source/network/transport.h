// The bytes of a connection on their way through a socket: plain, or through TLS (source/tls). Owned by its Connection;
// all calls on the connection's loop. A transport never blocks and never throws.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/uio.h>

namespace baton::network {

struct TlsInfo;

enum class IoStatus {
  kOk,          // `bytes` were moved; there may be more at once
  kWouldBlock,  // nothing (more) now; wait for the socket
  kEnd,         // reading: the peer ended its side in order
  kFailed,      // reset, truncated TLS, or a failed system call; see failureReason()
};

struct IoResult {
  IoStatus status = IoStatus::kOk;
  size_t bytes = 0;
};

class Transport {
 public:
  virtual ~Transport() = default;

  // Once, when the socket is connected. The descriptor stays the connection's.
  virtual void attach(int fd) = 0;
  // Drives the handshake. kOk: done (plain: at once). kWouldBlock: wait for wantsWrite() ? EPOLLOUT : EPOLLIN.
  virtual IoResult handshake() = 0;
  // Waits for writability although nothing is to be written (a TLS handshake or renegotiation in mid-record).
  virtual bool wantsWrite() const { return false; }
  virtual IoResult read(std::span<char> into) = 0;
  // Bytes that read() would give without the socket becoming readable.
  virtual bool hasBufferedInput() const { return false; }
  virtual IoResult write(std::span<const iovec> pieces) = 0;
  // Ends the sending side in order (FIN; close_notify first for TLS). kWouldBlock: call again when writable.
  virtual IoResult shutdownWrite() = 0;
  // Why it failed, for logs: "TLS_error:|..."; empty when a plain reset or nothing.
  virtual std::string failureReason() const { return {}; }
  virtual std::shared_ptr<const TlsInfo> tlsInfo() const { return nullptr; }
  // ALPN result; empty when none.
  virtual std::string_view applicationProtocol() const { return {}; }
  // True when the kernel's socket carries exactly the bytes that we read and write, so that splice(2) may be used and
  // the connection can be handed to another process.
  virtual bool isPlain() const = 0;
};

std::unique_ptr<Transport> makePlainTransport();

}  // namespace baton::network
