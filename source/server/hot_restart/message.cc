#include "source/server/hot_restart/message.h"

#include <array>
#include <cstring>

namespace baton::server::hot_restart {
namespace {

constexpr uint32_t kMagic = 0x314e5442;  // "BTN1"

struct Header {
  uint32_t magic;
  uint16_t type;
  uint16_t descriptors;
  uint32_t length;
};
static_assert(sizeof(Header) == 12);

struct FieldHeader {
  uint16_t tag;
  uint16_t reserved;
  uint32_t length;
};
static_assert(sizeof(FieldHeader) == 8);

template <typename T>
std::string_view bytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

base::Error malformed(std::string what) {
  return base::Error{base::ErrorCode::kProtocol, "hot restart message: " + std::move(what)};
}

}  // namespace

std::string_view toString(MessageType type) {
  static constexpr std::array kNames{"?",
                                     "HELLO",
                                     "WELCOME",
                                     "REFUSE",
                                     "PARITY",
                                     "PARITY_REPORT",
                                     "LISTENERS",
                                     "LISTENER_BATCH",
                                     "BATCH_RECEIVED",
                                     "LISTENERS_DONE",
                                     "STATE",
                                     "STATE_PART",
                                     "STATE_DONE",
                                     "READY",
                                     "COMMIT",
                                     "HEARTBEAT",
                                     "PROBATION_OVER",
                                     "ABORT",
                                     "DRAIN_STATUS",
                                     "END_NOW",
                                     "STATS",
                                     "STATS_RECEIVED",
                                     "PART"};
  const auto index = static_cast<size_t>(type);
  return kNames[index < kNames.size() ? index : 0];
}

Fields& Fields::add(Tag tag, std::string_view value) {
  fields_.push_back(Field{tag, std::string(value)});
  return *this;
}

Fields& Fields::add(Tag tag, uint64_t number) {
  return add(tag, bytesOf(number));
}

Fields& Fields::add(Tag tag, const Fields& nested) {
  return add(tag, nested.encode());
}

std::optional<std::string_view> Fields::text(Tag tag) const {
  for (const Field& field : fields_) {
    if (field.tag == tag) return field.value;
  }
  return std::nullopt;
}

std::optional<uint64_t> Fields::number(Tag tag) const {
  const auto bytes = text(tag);
  uint64_t number = 0;
  if (!bytes || bytes->size() != sizeof(number)) return std::nullopt;
  std::memcpy(&number, bytes->data(), sizeof(number));
  return number;
}

std::vector<std::string_view> Fields::all(Tag tag) const {
  std::vector<std::string_view> values;
  for (const Field& field : fields_) {
    if (field.tag == tag) values.push_back(field.value);
  }
  return values;
}

std::string Fields::encode() const {
  std::string bytes;
  for (const Field& field : fields_) {
    const FieldHeader header{static_cast<uint16_t>(field.tag), 0, static_cast<uint32_t>(field.value.size())};
    bytes += bytesOf(header);
    bytes += field.value;
  }
  return bytes;
}

base::Result<Fields> Fields::decode(std::string_view bytes) {
  Fields fields;
  while (!bytes.empty()) {
    FieldHeader header;
    if (bytes.size() < sizeof(header)) return malformed("a field is cut off");
    std::memcpy(&header, bytes.data(), sizeof(header));
    bytes.remove_prefix(sizeof(header));
    if (header.length > bytes.size()) {
      return malformed("a field of " + std::to_string(header.length) + " bytes where " + std::to_string(bytes.size()) +
                       " are left");
    }
    fields.fields_.push_back(Field{static_cast<Tag>(header.tag), std::string(bytes.substr(0, header.length))});
    bytes.remove_prefix(header.length);
  }
  return fields;
}

std::string encode(const Message& message) {
  const std::string fields = message.fields.encode();
  const Header header{kMagic, static_cast<uint16_t>(message.type), static_cast<uint16_t>(message.descriptors.size()),
                      static_cast<uint32_t>(fields.size())};
  std::string packet(bytesOf(header));
  packet += fields;
  return packet;
}

std::optional<size_t> encodedLength(std::string_view start) {
  Header header;
  if (start.size() < sizeof(header)) return std::nullopt;
  std::memcpy(&header, start.data(), sizeof(header));
  return sizeof(header) + header.length;
}

base::Result<Message> decode(std::string_view packet, std::vector<network::Fd> received) {
  Header header;
  if (packet.size() < sizeof(header)) return malformed("shorter than its header");
  std::memcpy(&header, packet.data(), sizeof(header));
  packet.remove_prefix(sizeof(header));
  if (header.magic != kMagic) return malformed("not of this protocol");
  if (header.length != packet.size()) {
    return malformed("says " + std::to_string(header.length) + " bytes, has " + std::to_string(packet.size()));
  }
  if (header.descriptors != received.size()) {
    return malformed("says " + std::to_string(header.descriptors) + " descriptors, brought " +
                     std::to_string(received.size()) + " (open-file limit reached?)");
  }
  auto fields = Fields::decode(packet);
  if (!fields) return fields.error();
  return Message{static_cast<MessageType>(header.type), std::move(*fields), std::move(received)};
}

}  // namespace baton::server::hot_restart
