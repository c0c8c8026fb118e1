#include "source/network/proxy_header.h"

#include <gtest/gtest.h>
#include <random>

namespace baton::network {
namespace {

using Status = ProxyHeaderStatus;

std::string v2(unsigned char version_command, unsigned char family, const std::string& rest) {
  std::string bytes("\r\n\r\n\0\r\nQUIT\n", 12);
  bytes += static_cast<char>(version_command);
  bytes += static_cast<char>(family);
  bytes += static_cast<char>(rest.size() >> 8);
  bytes += static_cast<char>(rest.size() & 255);
  return bytes + rest;
}
const std::string kTcp4("\x01\x02\x03\x04\x05\x06\x07\x08\x00\x50\x01\xbb", 12);
const std::string kTcp6 =
    std::string(15, '\0') + '\x01' + std::string(15, '\x20') + '\x02' + std::string("\0\x01\0\x02", 4);

struct Case {
  const char* what;
  std::string bytes;
  Status status;
  const char* source = "";
  const char* destination = "";
};

class ProxyHeaderTest : public testing::TestWithParam<Case> {};

TEST_P(ProxyHeaderTest, IsReadAsTheSpecificationSays) {
  const Case& expected = GetParam();
  ProxyHeader header;
  ASSERT_EQ(parseProxyHeader(expected.bytes, header), expected.status) << expected.what;
  if (expected.status == Status::kDone) {
    EXPECT_EQ(header.source ? header.source->text() : "", expected.source) << expected.what;
    EXPECT_EQ(header.destination ? header.destination->text() : "", expected.destination) << expected.what;
    EXPECT_EQ(header.length, expected.bytes.size()) << expected.what;
    // Nothing beyond the header counts, and every prefix asks for more.
    ProxyHeader again;
    EXPECT_EQ(parseProxyHeader(expected.bytes + "GET / HTTP/1.1\r\n\r\n", again), Status::kDone) << expected.what;
    EXPECT_EQ(again.length, expected.bytes.size()) << expected.what;
    for (size_t length = 0; length < expected.bytes.size(); ++length) {
      EXPECT_EQ(parseProxyHeader(std::string_view(expected.bytes).substr(0, length), again), Status::kNeedMore)
          << expected.what << " " << length;
      EXPECT_GT(again.length, length) << expected.what;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    VersionOne, ProxyHeaderTest,
    testing::Values(Case{"IPv4", "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n", Status::kDone, "192.0.2.1:56324",
                         "198.51.100.2:443"},
                    Case{"IPv6", "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n", Status::kDone, "[2001:db8::1]:1",
                         "[::1]:65535"},
                    Case{"port zero", "PROXY TCP4 1.2.3.4 1.2.3.4 0 0\r\n", Status::kDone, "1.2.3.4:0", "1.2.3.4:0"},
                    Case{"UNKNOWN", "PROXY UNKNOWN\r\n", Status::kDone},
                    Case{"UNKNOWN with a tail", "PROXY UNKNOWN ffff::1 ::2 1 2\r\n", Status::kDone},
                    Case{"family does not fit", "PROXY TCP4 ::1 ::2 1 2\r\n", Status::kMalformed},
                    Case{"the other way round", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n", Status::kMalformed},
                    Case{"mixed families", "PROXY TCP6 ::1 1.2.3.4 1 2\r\n", Status::kMalformed},
                    Case{"UDP", "PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n", Status::kMalformed},
                    Case{"lower case family", "PROXY tcp4 1.2.3.4 1.2.3.4 1 2\r\n", Status::kMalformed},
                    Case{"port too large", "PROXY TCP4 1.2.3.4 1.2.3.4 65536 2\r\n", Status::kMalformed},
                    Case{"negative port", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", Status::kMalformed},
                    Case{"zeros before a port", "PROXY TCP4 1.2.3.4 1.2.3.4 080 2\r\n", Status::kMalformed},
                    Case{"two spaces", "PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n", Status::kMalformed},
                    Case{"a tab", "PROXY TCP4\t1.2.3.4 1.2.3.4 1 2\r\n", Status::kMalformed},
                    Case{"a field too few", "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", Status::kMalformed},
                    Case{"a field too many", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", Status::kMalformed},
                    Case{"space at the end", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n", Status::kMalformed},
                    Case{"a host name", "PROXY TCP4 example.com 1.2.3.4 1 2\r\n", Status::kMalformed},
                    Case{"a short address", "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", Status::kMalformed},
                    Case{"no family", "PROXY \r\n", Status::kMalformed},
                    Case{"LF only is not an end", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n", Status::kNeedMore},
                    Case{"no end within 107 bytes", "PROXY UNKNOWN " + std::string(100, 'x'), Status::kMalformed},
                    Case{"end at 107 bytes", "PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", Status::kDone},
                    Case{"end at 108 bytes", "PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", Status::kMalformed},
                    Case{"HTTP", "GET / HTTP/1.1\r\n", Status::kNone}, Case{"almost", "PROXYTCP4", Status::kNone},
                    Case{"POST begins with a P", "POST /", Status::kNone},
                    Case{"lower case", "proxy TCP4", Status::kNone}));

INSTANTIATE_TEST_SUITE_P(
    VersionTwo, ProxyHeaderTest,
    testing::Values(
        Case{"TCP4", v2(0x21, 0x11, kTcp4), Status::kDone, "1.2.3.4:80", "5.6.7.8:443"},
        Case{"TCP6", v2(0x21, 0x21, kTcp6), Status::kDone, "[::1]:1", "[2020:2020:2020:2020:2020:2020:2020:2002]:2"},
        Case{"LOCAL", v2(0x20, 0x00, ""), Status::kDone},
        Case{"LOCAL with addresses", v2(0x20, 0x11, kTcp4), Status::kDone},
        Case{"unspecified family", v2(0x21, 0x00, "anything"), Status::kDone},
        Case{"Unix", v2(0x21, 0x31, std::string(216, 'u')), Status::kDone},
        Case{"TLV", v2(0x21, 0x11, kTcp4 + std::string("\x02\x00\x03hey", 6)), Status::kDone, "1.2.3.4:80",
             "5.6.7.8:443"},
        Case{"empty TLV", v2(0x21, 0x11, kTcp4 + std::string("\x04\x00\x00", 3)), Status::kDone, "1.2.3.4:80",
             "5.6.7.8:443"},
        Case{"version 1 in binary", v2(0x11, 0x11, kTcp4), Status::kMalformed},
        Case{"version 3", v2(0x31, 0x11, kTcp4), Status::kMalformed},
        Case{"unknown command", v2(0x22, 0x11, kTcp4), Status::kMalformed},
        Case{"UDP over IPv4", v2(0x21, 0x12, kTcp4), Status::kMalformed},
        Case{"unknown family", v2(0x21, 0x41, kTcp4), Status::kMalformed},
        Case{"too short for IPv4", v2(0x21, 0x11, kTcp4.substr(0, 11)), Status::kMalformed},
        Case{"too short for IPv6", v2(0x21, 0x21, kTcp4), Status::kMalformed},
        Case{"TLV without a length", v2(0x21, 0x11, kTcp4 + std::string("\x02\x00", 2)), Status::kMalformed},
        Case{"TLV longer than the header", v2(0x21, 0x11, kTcp4 + std::string("\x02\x00\x04hey", 6)),
             Status::kMalformed},
        Case{"broken signature", "\r\n\r\nX", Status::kNone}));

TEST(ProxyHeaderTest, TlvsAreKept) {
  ProxyHeader header;
  const std::string tlvs(
      "\x01\x00\x02h2\x02\x00\x0b"
      "example.com\x04\x00\x01x",
      23);
  ASSERT_EQ(parseProxyHeader(v2(0x21, 0x11, kTcp4 + tlvs), header), Status::kDone);
  ASSERT_EQ(header.tlvs.size(), 3u);
  EXPECT_EQ(header.tlvs[0].second, "h2");
  EXPECT_EQ(header.tlvs[1].first, 2);
  EXPECT_EQ(header.tlvs[1].second, "example.com");
}

TEST(ProxyHeaderTest, NoInputIsReadBeyondItsEnd) {
  std::mt19937 random(11);
  const std::string seeds[] = {"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n",
                               v2(0x21, 0x21, kTcp6 + std::string("\x02\x00\x03hey", 6))};
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = seeds[round % 2];
    for (int flips = static_cast<int>(random() % 3); flips >= 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % (bytes.size() + 1));
    const std::unique_ptr<char[]> exact(new char[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), exact.get());
    ProxyHeader header;
    const Status status = parseProxyHeader({exact.get(), bytes.size()}, header);
    if (status == Status::kDone) {
      ASSERT_LE(header.length, bytes.size());
    }
  }
}

}  // namespace
}  // namespace baton::network
