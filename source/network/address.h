// An address that sockets bind and connect to: IPv4, IPv6, or a Unix socket (path or abstract). A value type.
#pragma once

#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/un.h>

#include "source/base/result.h"

namespace baton::network {

class Address {
 public:
  enum class Family { kIpv4, kIpv6, kUnix };

  Address() : v6_{} { v4_.sin_family = AF_INET; }  // 0.0.0.0:0

  // `text`: an IP literal, IPv6 without brackets. Not a host name.
  static base::Result<Address> parseIp(std::string_view text, uint16_t port);
  // "1.2.3.4:80", "[::1]:80", "/path", "@abstract".
  static base::Result<Address> parse(std::string_view text);
  // A leading '@' means an abstract name. `path` of at most 107 bytes.
  static base::Result<Address> unixSocket(std::string_view path);
  static base::Result<Address> fromSockaddr(const sockaddr* address, socklen_t length);
  static base::Result<Address> localOf(int fd);  // getsockname(2)
  static base::Result<Address> peerOf(int fd);   // getpeername(2)

  Family family() const;
  bool isIp() const { return family() != Family::kUnix; }
  const sockaddr* sockaddrPointer() const {
    return unix_ ? reinterpret_cast<const sockaddr*>(unix_.get()) : reinterpret_cast<const sockaddr*>(&v6_);
  }
  socklen_t sockaddrLength() const { return length_; }

  uint16_t port() const;  // 0 for Unix sockets
  void setPort(uint16_t port);
  // Without brackets; the path (abstract with '@') for Unix sockets.
  std::string ip() const;
  // "1.2.3.4:80", "[::1]:80", "/path", "@abstract".
  std::string text() const;
  // The address bytes in network order: 4, 16 or 0 of them.
  std::string_view ipBytes() const;
  bool isLoopback() const;
  bool isAny() const;
  // RFC 1918, RFC 4193, loopback.
  bool isPrivate() const;

  bool operator==(const Address& other) const;

 private:
  friend class CidrRange;

  // Every connection holds several addresses and nearly all are IP: Unix ones, which are four times as large, are kept
  // outside.
  union {
    sockaddr_in6 v6_;
    sockaddr_in v4_;
  };
  std::shared_ptr<const sockaddr_un> unix_;
  socklen_t length_ = sizeof(sockaddr_in);
};

// An address range, "10.0.0.0/8".
class CidrRange {
 public:
  static base::Result<CidrRange> make(std::string_view address_prefix, uint32_t prefix_len);
  static base::Result<CidrRange> parse(std::string_view text);

  bool contains(const Address& address) const;
  uint32_t prefixLength() const { return prefix_length_; }
  std::string text() const;
  bool operator==(const CidrRange&) const = default;

 private:
  Address network_;
  uint32_t prefix_length_ = 0;
};

}  // namespace baton::network
