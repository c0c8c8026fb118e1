#include "source/network/client_hello.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "source/base/strings.h"

namespace baton::network {
namespace {

constexpr unsigned char kHandshakeRecord = 22;
constexpr unsigned char kClientHelloMessage = 1;
constexpr size_t kRecordHeader = 5;
constexpr size_t kMessageHeader = 4;
constexpr size_t kLargestRecord = 16384;
constexpr unsigned kServerNameExtension = 0;
constexpr unsigned kAlpnExtension = 16;

// Takes fields off the front; every take says whether there was enough.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  std::optional<unsigned> number(size_t width) {
    const auto field = take(width);
    if (!field) return std::nullopt;
    unsigned value = 0;
    for (const char byte : *field) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }
  std::optional<std::string_view> take(size_t count) {
    if (count > bytes_.size()) return std::nullopt;
    const std::string_view field = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return field;
  }
  // A vector with its length in front.
  std::optional<std::string_view> vector(size_t length_width) {
    const auto length = number(length_width);
    return length ? take(*length) : std::nullopt;
  }

 private:
  std::string_view bytes_;
};

bool mayBeHostName(std::string_view name) {
  return !name.empty() && name.size() <= 255 && std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
}

// RFC 6066 3.
bool readServerName(std::string_view extension, ClientHello& hello) {
  Reader outer(extension);
  const auto list = outer.vector(2);
  if (!list || !outer.empty()) return false;
  Reader names(*list);
  while (!names.empty()) {
    const auto type = names.number(1);
    const auto name = names.vector(2);
    if (!type || !name) return false;
    if (*type == 0 && hello.server_name.empty() && mayBeHostName(*name)) hello.server_name = base::lower(*name);
  }
  return true;
}

// RFC 7301 3.1.
bool readProtocols(std::string_view extension, ClientHello& hello) {
  Reader outer(extension);
  const auto list = outer.vector(2);
  if (!list || !outer.empty()) return false;
  Reader protocols(*list);
  while (!protocols.empty()) {
    const auto protocol = protocols.vector(1);
    if (!protocol || protocol->empty()) return false;
    hello.application_protocols.emplace_back(*protocol);
  }
  return true;
}

bool readBody(std::string_view body, ClientHello& hello) {
  Reader reader(body);
  const auto version = reader.number(2);
  if (!version || *version >> 8 != 3) return false;
  if (!reader.take(32)) return false;                                             // random
  if (!reader.vector(1) || !reader.vector(2) || !reader.vector(1)) return false;  // session, ciphers, compression
  if (reader.empty()) return true;                                                // TLS 1.2 without extensions
  const auto list = reader.vector(2);
  if (!list || !reader.empty()) return false;
  Reader extensions(*list);
  while (!extensions.empty()) {
    const auto type = extensions.number(2);
    const auto extension = extensions.vector(2);
    if (!type || !extension) return false;
    if (*type == kServerNameExtension && !readServerName(*extension, hello)) return false;
    if (*type == kAlpnExtension && !readProtocols(*extension, hello)) return false;
  }
  return true;
}

unsigned char at(std::string_view bytes, size_t index) {
  return static_cast<unsigned char>(bytes[index]);
}

}  // namespace

ClientHelloStatus parseClientHello(std::string_view bytes, size_t max_bytes, ClientHello& hello) {
  if (bytes.empty()) return ClientHelloStatus::kNeedMore;
  if (at(bytes, 0) != kHandshakeRecord) return ClientHelloStatus::kNotTls;
  if (bytes.size() >= 2 && at(bytes, 1) != 3) return ClientHelloStatus::kNotTls;

  // The message may be spread over several records.
  std::string message;
  std::optional<size_t> message_size;
  for (size_t offset = 0;;) {
    if (offset >= max_bytes) return ClientHelloStatus::kTooLarge;
    if (bytes.size() - offset < kRecordHeader) return ClientHelloStatus::kNeedMore;
    if (at(bytes, offset) != kHandshakeRecord || at(bytes, offset + 1) != 3) return ClientHelloStatus::kMalformed;
    const size_t record = static_cast<size_t>(at(bytes, offset + 3)) << 8 | at(bytes, offset + 4);
    if (record == 0 || record > kLargestRecord) return ClientHelloStatus::kMalformed;
    offset += kRecordHeader;
    message += bytes.substr(offset, record);
    if (!message_size && message.size() >= kMessageHeader) {
      if (at(message, 0) != kClientHelloMessage) return ClientHelloStatus::kMalformed;
      message_size = kMessageHeader + (static_cast<size_t>(at(message, 1)) << 16 |
                                       static_cast<size_t>(at(message, 2)) << 8 | at(message, 3));
      if (*message_size > max_bytes) return ClientHelloStatus::kTooLarge;
    }
    if (message_size && message.size() >= *message_size) break;
    if (bytes.size() - offset < record) {
      return bytes.size() >= max_bytes ? ClientHelloStatus::kTooLarge : ClientHelloStatus::kNeedMore;
    }
    offset += record;
  }
  const std::string_view body = std::string_view(message).substr(kMessageHeader, *message_size - kMessageHeader);
  if (readBody(body, hello)) return ClientHelloStatus::kDone;
  hello = ClientHello{};
  return ClientHelloStatus::kMalformed;
}

}  // namespace baton::network
