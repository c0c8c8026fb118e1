#include "test/support/h2_frames.h"

#include <nghttp2/nghttp2.h>

namespace baton::test {

std::string h2Integer(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

std::string h2Frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string frame = h2Integer(static_cast<uint32_t>(payload.size()), 3);
  frame += static_cast<char>(type);
  frame += static_cast<char>(flags);
  frame += h2Integer(stream, 4);
  frame += payload;
  return frame;
}

std::string hpackInteger(uint64_t value, int prefix_bits, uint8_t first_byte_bits) {
  const uint64_t most = (1u << prefix_bits) - 1;
  if (value < most) return {static_cast<char>(first_byte_bits | value)};
  std::string out{static_cast<char>(first_byte_bits | most)};
  for (value -= most; value >= 128; value >>= 7) out += static_cast<char>(value % 128 + 128);
  out += static_cast<char>(value);
  return out;
}

std::string hpackLiteral(std::string_view name, std::string_view value) {
  std::string out(1, '\0');
  out += hpackInteger(name.size(), 7, 0);
  out += name;
  out += hpackInteger(value.size(), 7, 0);
  out += value;
  return out;
}

std::string hpackIndexedLiteral(std::string_view name, std::string_view value) {
  std::string out = hpackLiteral(name, value);
  out[0] = 0x40;
  return out;
}

std::string hpackIndex(uint32_t index) {
  return hpackInteger(index, 7, 0x80);
}

std::string hpackBlock(const H2Fields& fields) {
  std::string block;
  for (const auto& [name, value] : fields) block += hpackLiteral(name, value);
  return block;
}

std::string h2Headers(uint32_t stream, const H2Fields& fields, bool end_stream) {
  return h2Frame(H2Type::kHeaders, kEndHeaders | (end_stream ? kEndStream : 0), stream, hpackBlock(fields));
}

std::string h2Data(uint32_t stream, std::string_view bytes, bool end_stream) {
  return h2Frame(H2Type::kData, end_stream ? kEndStream : 0, stream, bytes);
}

std::string h2Settings(const std::vector<std::pair<uint16_t, uint32_t>>& settings) {
  std::string payload;
  for (const auto& [id, value] : settings) payload += h2Integer(id, 2) + h2Integer(value, 4);
  return h2Frame(H2Type::kSettings, 0, 0, payload);
}

std::string h2SettingsAck() {
  return h2Frame(H2Type::kSettings, kAck, 0, "");
}

std::string h2Ping(std::string_view eight_bytes, bool ack) {
  return h2Frame(H2Type::kPing, ack ? kAck : 0, 0, eight_bytes);
}

std::string h2WindowUpdate(uint32_t stream, uint32_t increment) {
  return h2Frame(H2Type::kWindowUpdate, 0, stream, h2Integer(increment, 4));
}

std::string h2RstStream(uint32_t stream, H2Error error) {
  return h2Frame(H2Type::kRstStream, 0, stream, h2Integer(static_cast<uint32_t>(error), 4));
}

std::string h2Goaway(uint32_t last_stream, H2Error error) {
  return h2Frame(H2Type::kGoaway, 0, 0, h2Integer(last_stream, 4) + h2Integer(static_cast<uint32_t>(error), 4));
}

std::string h2Priority(uint32_t stream, uint32_t depends_on, uint8_t weight) {
  return h2Frame(H2Type::kPriority, 0, stream, h2Integer(depends_on, 4) + static_cast<char>(weight));
}

namespace {

H2Fields request(std::string_view method, std::string_view path, const H2Fields& more) {
  H2Fields fields{{":method", std::string(method)},
                  {":scheme", "http"},
                  {":authority", "example.com"},
                  {":path", std::string(path)}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

}  // namespace

H2Fields h2Get(std::string_view path, const H2Fields& more) {
  return request("GET", path, more);
}

H2Fields h2Post(std::string_view path, const H2Fields& more) {
  return request("POST", path, more);
}

H2Error H2ReadFrame::error() const {
  const size_t at = type == H2Type::kGoaway ? 4 : 0;
  uint32_t code = 0;
  for (size_t i = at; i < at + 4 && i < payload.size(); ++i) code = code << 8 | static_cast<uint8_t>(payload[i]);
  return static_cast<H2Error>(code);
}

std::string H2ReadFrame::field(std::string_view name) const {
  for (const auto& [each, value] : fields) {
    if (each == name) return value;
  }
  return {};
}

H2Reader::H2Reader() {
  nghttp2_hd_inflate_new(&inflater_);
}

H2Reader::~H2Reader() {
  nghttp2_hd_inflate_del(inflater_);
}

H2Fields H2Reader::decode(std::string_view block) {
  H2Fields fields;
  auto* at = reinterpret_cast<const uint8_t*>(block.data());
  size_t left = block.size();
  while (true) {
    nghttp2_nv field{};
    int flags = 0;
    const ssize_t used = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, at, left, 1);
    if (used < 0) break;
    at += used;
    left -= static_cast<size_t>(used);
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
      fields.emplace_back(std::string(reinterpret_cast<char*>(field.name), field.namelen),
                          std::string(reinterpret_cast<char*>(field.value), field.valuelen));
    }
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
  }
  nghttp2_hd_inflate_end_headers(inflater_);
  return fields;
}

std::vector<H2ReadFrame> H2Reader::read(std::string_view bytes) {
  bytes_ += bytes;
  std::vector<H2ReadFrame> frames;
  size_t at = 0;
  const auto byteAt = [&](size_t index) { return static_cast<uint8_t>(bytes_[at + index]); };
  while (bytes_.size() - at >= 9) {
    const size_t length = byteAt(0) << 16 | byteAt(1) << 8 | byteAt(2);
    if (bytes_.size() - at < 9 + length) break;
    H2ReadFrame frame;
    frame.type = static_cast<H2Type>(byteAt(3));
    frame.flags = byteAt(4);
    frame.stream = static_cast<uint32_t>(byteAt(5) & 0x7f) << 24 | byteAt(6) << 16 | byteAt(7) << 8 | byteAt(8);
    frame.payload = bytes_.substr(at + 9, length);
    at += 9 + length;
    if (frame.type == H2Type::kHeaders || frame.type == H2Type::kContinuation) {
      block_ += frame.payload;
      if ((frame.flags & kEndHeaders) != 0) {
        frame.fields = decode(block_);
        block_.clear();
      }
    }
    frames.push_back(std::move(frame));
  }
  bytes_.erase(0, at);
  return frames;
}

}  // namespace baton::test
