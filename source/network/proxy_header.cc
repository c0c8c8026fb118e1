#include "source/network/proxy_header.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "source/base/strings.h"

namespace baton::network {
namespace {

constexpr std::string_view kV1Prefix = "PROXY ";
constexpr size_t kV1Longest = 107;  // with CRLF
constexpr std::string_view kV2Signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kV2Fixed = 16;

unsigned char at(std::string_view bytes, size_t index) {
  return static_cast<unsigned char>(bytes[index]);
}

// The first bytes of either, as far as there are any.
bool agrees(std::string_view bytes, std::string_view prefix) {
  const size_t length = std::min(bytes.size(), prefix.size());
  return bytes.substr(0, length) == prefix.substr(0, length);
}

// Digits only, no zeros in front, so that no two readers see different ports.
std::optional<uint16_t> parsePort(std::string_view text) {
  if (text.size() > 1 && text.front() == '0') return std::nullopt;
  return base::parseNumber<uint16_t>(text);
}

ProxyHeaderStatus parseV1(std::string_view bytes, ProxyHeader& header) {
  const size_t end = bytes.substr(0, kV1Longest).find("\r\n");
  if (end == std::string_view::npos) {
    header.length = bytes.size() + 1;
    return bytes.size() >= kV1Longest ? ProxyHeaderStatus::kMalformed : ProxyHeaderStatus::kNeedMore;
  }
  header.length = end + 2;
  const std::vector<std::string_view> fields = base::split(bytes.substr(0, end), ' ');
  // What follows UNKNOWN is to be ignored.
  if (fields[1] == "UNKNOWN") return ProxyHeaderStatus::kDone;
  const bool v4 = fields[1] == "TCP4";
  if ((!v4 && fields[1] != "TCP6") || fields.size() != 6) return ProxyHeaderStatus::kMalformed;
  const auto source_port = parsePort(fields[4]);
  const auto destination_port = parsePort(fields[5]);
  if (!source_port || !destination_port) return ProxyHeaderStatus::kMalformed;
  auto source = Address::parseIp(fields[2], *source_port);
  auto destination = Address::parseIp(fields[3], *destination_port);
  if (!source || !destination) return ProxyHeaderStatus::kMalformed;
  const auto family = v4 ? Address::Family::kIpv4 : Address::Family::kIpv6;
  if (source->family() != family || destination->family() != family) return ProxyHeaderStatus::kMalformed;
  header.source = std::move(*source);
  header.destination = std::move(*destination);
  return ProxyHeaderStatus::kDone;
}

Address rawAddress(std::string_view ip, std::string_view port) {
  if (ip.size() == 4) {
    sockaddr_in raw{};
    raw.sin_family = AF_INET;
    std::memcpy(&raw.sin_addr, ip.data(), 4);
    std::memcpy(&raw.sin_port, port.data(), 2);
    return *Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&raw), sizeof(raw));
  }
  sockaddr_in6 raw{};
  raw.sin6_family = AF_INET6;
  std::memcpy(&raw.sin6_addr, ip.data(), 16);
  std::memcpy(&raw.sin6_port, port.data(), 2);
  return *Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&raw), sizeof(raw));
}

bool readTlvs(std::string_view bytes, ProxyHeader& header) {
  while (!bytes.empty()) {
    if (bytes.size() < 3) return false;
    const size_t length = static_cast<size_t>(at(bytes, 1)) << 8 | at(bytes, 2);
    if (bytes.size() - 3 < length) return false;
    header.tlvs.emplace_back(at(bytes, 0), bytes.substr(3, length));
    bytes.remove_prefix(3 + length);
  }
  return true;
}

ProxyHeaderStatus parseV2(std::string_view bytes, ProxyHeader& header) {
  if (bytes.size() < kV2Fixed) {
    header.length = kV2Fixed;
    return ProxyHeaderStatus::kNeedMore;
  }
  const unsigned command = at(bytes, 12) & 0x0f;
  if (at(bytes, 12) >> 4 != 2 || command > 1) return ProxyHeaderStatus::kMalformed;
  header.length = kV2Fixed + (static_cast<size_t>(at(bytes, 14)) << 8 | at(bytes, 15));
  if (bytes.size() < header.length) return ProxyHeaderStatus::kNeedMore;
  // LOCAL: the load balancer speaks for itself, a health check for one.
  if (command == 0) return ProxyHeaderStatus::kDone;

  const std::string_view rest = bytes.substr(kV2Fixed, header.length - kV2Fixed);
  size_t addresses = 0;
  switch (at(bytes, 13)) {
    case 0x11:  // TCP over IPv4
      addresses = 12;
      break;
    case 0x21:  // TCP over IPv6
      addresses = 36;
      break;
    case 0x31:  // Unix stream
      addresses = 216;
      break;
    case 0x00:  // unspecified: no addresses that could be told from TLVs
      return ProxyHeaderStatus::kDone;
    default:  // datagrams and what does not exist
      return ProxyHeaderStatus::kMalformed;
  }
  if (rest.size() < addresses) return ProxyHeaderStatus::kMalformed;
  if (addresses != 216) {
    const size_t size = addresses == 12 ? 4 : 16;
    header.source = rawAddress(rest.substr(0, size), rest.substr(2 * size, 2));
    header.destination = rawAddress(rest.substr(size, size), rest.substr(2 * size + 2, 2));
  }
  return readTlvs(rest.substr(addresses), header) ? ProxyHeaderStatus::kDone : ProxyHeaderStatus::kMalformed;
}

}  // namespace

ProxyHeaderStatus parseProxyHeader(std::string_view bytes, ProxyHeader& header) {
  header = ProxyHeader{};
  ProxyHeaderStatus status = ProxyHeaderStatus::kNone;
  if (agrees(bytes, kV1Prefix)) {
    if (bytes.size() < kV1Prefix.size()) {
      header.length = kV1Prefix.size();
      return ProxyHeaderStatus::kNeedMore;
    }
    header.version = 1;
    status = parseV1(bytes, header);
  } else if (agrees(bytes, kV2Signature)) {
    if (bytes.size() < kV2Signature.size()) {
      header.length = kV2Fixed;
      return ProxyHeaderStatus::kNeedMore;
    }
    header.version = 2;
    status = parseV2(bytes, header);
  }
  return status;
}

}  // namespace baton::network
