#include "source/network/address.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cstddef>
#include <cstring>

#include "source/base/strings.h"

namespace baton::network {
namespace {

constexpr size_t kUnixHeader = offsetof(sockaddr_un, sun_path);

base::Error invalid(std::string message) {
  return base::Error{base::ErrorCode::kInvalidArgument, std::move(message)};
}

// The first `bits` of both are equal.
bool samePrefix(std::string_view a, std::string_view b, uint32_t bits) {
  const size_t whole = bits / 8;
  if (a.substr(0, whole) != b.substr(0, whole)) return false;
  const uint32_t rest = bits % 8;
  if (rest == 0) return true;
  const auto mask = static_cast<unsigned char>(0xff00u >> rest);
  return ((static_cast<unsigned char>(a[whole]) ^ static_cast<unsigned char>(b[whole])) & mask) == 0;
}

}  // namespace

base::Result<Address> Address::parseIp(std::string_view text, uint16_t port) {
  const std::string terminated(text);
  // For inet_pton(3) the text would end there.
  if (text.find('\0') != std::string_view::npos) return invalid("an IP address holds a NUL");
  Address address;
  if (inet_pton(AF_INET, terminated.c_str(), &address.v4_.sin_addr) == 1) {
    address.v4_.sin_port = htons(port);
    return address;
  }
  address.v6_ = sockaddr_in6{};
  if (inet_pton(AF_INET6, terminated.c_str(), &address.v6_.sin6_addr) == 1) {
    address.v6_.sin6_family = AF_INET6;
    address.v6_.sin6_port = htons(port);
    address.length_ = sizeof(sockaddr_in6);
    return address;
  }
  return invalid("'" + terminated + "' is not an IP address");
}

base::Result<Address> Address::parse(std::string_view text) {
  if (!text.empty() && (text.front() == '/' || text.front() == '@')) return unixSocket(text);
  const size_t colon = text.rfind(':');
  const auto expected = [&] {
    return invalid("'" + std::string(text) + "' is not an address; expected IP:PORT, [IPv6]:PORT, /PATH or @NAME");
  };
  if (colon == std::string_view::npos) return expected();
  const auto port = base::parseNumber<uint16_t>(text.substr(colon + 1));
  std::string_view host = text.substr(0, colon);
  if (!port) return expected();
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  auto address = parseIp(host, *port);
  if (!address || bracketed != (address->family() == Family::kIpv6)) return expected();
  return address;
}

base::Result<Address> Address::unixSocket(std::string_view path) {
  if (path.empty() || path == "@") return invalid("the path of a Unix socket is empty");
  auto raw = std::make_shared<sockaddr_un>();
  if (path.size() > sizeof(raw->sun_path) - 1) {
    return invalid("Unix socket path '" + std::string(path) + "' has " + std::to_string(path.size()) +
                   " bytes; at most 107 are possible");
  }
  if (path.find('\0') != std::string_view::npos) return invalid("a Unix socket path holds a NUL");
  *raw = sockaddr_un{};
  raw->sun_family = AF_UNIX;
  std::memcpy(raw->sun_path, path.data(), path.size());
  Address address;
  if (path.front() == '@') {
    raw->sun_path[0] = '\0';
    address.length_ = static_cast<socklen_t>(kUnixHeader + path.size());
  } else {
    address.length_ = static_cast<socklen_t>(kUnixHeader + path.size() + 1);
  }
  address.unix_ = std::move(raw);
  return address;
}

base::Result<Address> Address::fromSockaddr(const sockaddr* raw, socklen_t length) {
  Address address;
  if (raw->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    std::memcpy(&address.v4_, raw, sizeof(sockaddr_in));
    return address;
  }
  if (raw->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    std::memcpy(&address.v6_, raw, sizeof(sockaddr_in6));
    // An IPv4 peer of a dual-stack socket: everybody wants to see and match it as what it is.
    if (IN6_IS_ADDR_V4MAPPED(&address.v6_.sin6_addr)) {
      sockaddr_in mapped{};
      mapped.sin_family = AF_INET;
      mapped.sin_port = address.v6_.sin6_port;
      std::memcpy(&mapped.sin_addr, address.v6_.sin6_addr.s6_addr + 12, 4);
      address.v6_ = sockaddr_in6{};
      address.v4_ = mapped;
      return address;
    }
    address.length_ = sizeof(sockaddr_in6);
    return address;
  }
  if (raw->sa_family == AF_UNIX && length >= kUnixHeader && length <= sizeof(sockaddr_un)) {
    auto copy = std::make_shared<sockaddr_un>();
    *copy = sockaddr_un{};
    std::memcpy(copy.get(), raw, length);
    address.unix_ = std::move(copy);
    address.length_ = length;
    return address;
  }
  return invalid("unsupported address family " + std::to_string(raw->sa_family));
}

base::Result<Address> Address::localOf(int fd) {
  sockaddr_storage raw{};
  socklen_t length = sizeof(raw);
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &length) != 0) return base::systemError("getsockname");
  return fromSockaddr(reinterpret_cast<sockaddr*>(&raw), length);
}

base::Result<Address> Address::peerOf(int fd) {
  sockaddr_storage raw{};
  socklen_t length = sizeof(raw);
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&raw), &length) != 0) return base::systemError("getpeername");
  return fromSockaddr(reinterpret_cast<sockaddr*>(&raw), length);
}

Address::Family Address::family() const {
  if (unix_) return Family::kUnix;
  return length_ == sizeof(sockaddr_in6) ? Family::kIpv6 : Family::kIpv4;
}

uint16_t Address::port() const {
  if (unix_) return 0;
  return ntohs(family() == Family::kIpv6 ? v6_.sin6_port : v4_.sin_port);
}

void Address::setPort(uint16_t port) {
  if (unix_) return;
  (family() == Family::kIpv6 ? v6_.sin6_port : v4_.sin_port) = htons(port);
}

std::string Address::ip() const {
  if (unix_) {
    // An unnamed peer has no path at all.
    if (length_ <= kUnixHeader) return {};
    std::string path(unix_->sun_path, length_ - kUnixHeader);
    if (path.front() == '\0') {
      path.front() = '@';
      return path;
    }
    return path.substr(0, path.find('\0'));
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (family() == Family::kIpv6) {
    inet_ntop(AF_INET6, &v6_.sin6_addr, text.data(), text.size());
    return text.data();
  }
  // Each request's x-forwarded-for asks for this; inet_ntop(3) goes through printf.
  char* end = text.data();
  for (const char byte : ipBytes()) {
    const auto number = static_cast<unsigned char>(byte);
    if (number >= 100) *end++ = static_cast<char>('0' + number / 100);
    if (number >= 10) *end++ = static_cast<char>('0' + number / 10 % 10);
    *end++ = static_cast<char>('0' + number % 10);
    *end++ = '.';
  }
  return std::string(text.data(), end - 1);
}

std::string Address::text() const {
  switch (family()) {
    case Family::kIpv4:
      return ip() + ":" + std::to_string(port());
    case Family::kIpv6:
      return "[" + ip() + "]:" + std::to_string(port());
    case Family::kUnix:
      break;
  }
  return ip();
}

std::string_view Address::ipBytes() const {
  switch (family()) {
    case Family::kIpv4:
      return {reinterpret_cast<const char*>(&v4_.sin_addr), 4};
    case Family::kIpv6:
      return {reinterpret_cast<const char*>(&v6_.sin6_addr), 16};
    case Family::kUnix:
      break;
  }
  return {};
}

bool Address::isLoopback() const {
  const std::string_view bytes = ipBytes();
  if (bytes.size() == 4) return bytes[0] == 127;
  return bytes.size() == 16 && IN6_IS_ADDR_LOOPBACK(&v6_.sin6_addr);
}

bool Address::isAny() const {
  return isIp() && std::ranges::all_of(ipBytes(), [](char byte) { return byte == 0; });
}

bool Address::isPrivate() const {
  if (isLoopback()) return true;
  const std::string_view bytes = ipBytes();
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  if (bytes.size() == 4) {
    return at(0) == 10 || (at(0) == 172 && (at(1) & 0xf0) == 16) || (at(0) == 192 && at(1) == 168);
  }
  return bytes.size() == 16 && (at(0) & 0xfe) == 0xfc;
}

bool Address::operator==(const Address& other) const {
  if (family() != other.family()) return false;
  if (!isIp()) {
    return length_ == other.length_ && std::memcmp(unix_->sun_path, other.unix_->sun_path, length_ - kUnixHeader) == 0;
  }
  return port() == other.port() && ipBytes() == other.ipBytes() &&
         (family() == Family::kIpv4 || v6_.sin6_scope_id == other.v6_.sin6_scope_id);
}

base::Result<CidrRange> CidrRange::make(std::string_view address_prefix, uint32_t prefix_len) {
  auto network = Address::parseIp(address_prefix, 0);
  if (!network) return network.error();
  const uint32_t longest = network->family() == Address::Family::kIpv4 ? 32 : 128;
  if (prefix_len > longest) {
    return invalid("prefix length " + std::to_string(prefix_len) + " of '" + std::string(address_prefix) +
                   "' is above " + std::to_string(longest));
  }
  CidrRange range;
  range.network_ = *network;
  range.prefix_length_ = prefix_len;
  // Bits beyond the prefix count for nothing, so that equal ranges compare equal.
  const bool v6 = longest == 128;
  auto* bytes =
      v6 ? range.network_.v6_.sin6_addr.s6_addr : reinterpret_cast<unsigned char*>(&range.network_.v4_.sin_addr);
  for (uint32_t bit = prefix_len; bit < longest; ++bit) {
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] & ~(0x80u >> bit % 8));
  }
  return range;
}

base::Result<CidrRange> CidrRange::parse(std::string_view text) {
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return make(text, text.find(':') == std::string_view::npos ? 32 : 128);
  const auto length = base::parseNumber<uint32_t>(text.substr(slash + 1));
  if (!length) return invalid("'" + std::string(text) + "' is not an address range; expected IP/PREFIX_LENGTH");
  return make(text.substr(0, slash), *length);
}

bool CidrRange::contains(const Address& address) const {
  return address.family() == network_.family() && samePrefix(address.ipBytes(), network_.ipBytes(), prefix_length_);
}

std::string CidrRange::text() const {
  return network_.ip() + "/" + std::to_string(prefix_length_);
}

}  // namespace baton::network
