#include "source/network/address.h"

#include <gtest/gtest.h>

namespace baton::network {
namespace {

TEST(AddressTest, TextGoesThereAndBack) {
  for (const char* text : {"1.2.3.4:80", "0.0.0.0:0", "[::1]:65535", "[2001:db8::7]:443", "/run/x.sock", "@abstract"}) {
    const auto address = Address::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), text);
    EXPECT_EQ(*Address::fromSockaddr(address->sockaddrPointer(), address->sockaddrLength()), *address);
  }
}

TEST(AddressTest, WhatIsNoAddressIsRefused) {
  for (const char* text : {"", "1.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:-1", "1.2.3:80", "::1:80",
                           "[1.2.3.4]:80", "[::1]80", "example.com:80", "1.2.3.4:80 ", "@", "1.2.3.4:+8"}) {
    EXPECT_FALSE(Address::parse(text)) << text;
  }
  EXPECT_FALSE(Address::unixSocket(std::string(108, 'x')));
  EXPECT_TRUE(Address::unixSocket(std::string(107, 'x')));
  EXPECT_FALSE(Address::parseIp(std::string_view("1.2.3.4\0", 8), 1));
  EXPECT_FALSE(Address::parseIp(std::string_view("::1\0.5", 6), 1));
}

TEST(AddressTest, PartsAreToldApart) {
  const Address v4 = *Address::parse("10.1.2.3:8080");
  EXPECT_EQ(v4.family(), Address::Family::kIpv4);
  EXPECT_EQ(v4.port(), 8080);
  EXPECT_EQ(v4.ip(), "10.1.2.3");
  EXPECT_EQ(v4.ipBytes(), std::string_view("\x0a\x01\x02\x03", 4));
  const Address v6 = *Address::parse("[fe80::1]:1");
  EXPECT_EQ(v6.family(), Address::Family::kIpv6);
  EXPECT_EQ(v6.ipBytes().size(), 16u);
  const Address pipe = *Address::parse("/x");
  EXPECT_EQ(pipe.port(), 0);
  EXPECT_FALSE(pipe.isIp());
  EXPECT_TRUE(pipe.ipBytes().empty());
  Address other = v4;
  other.setPort(1);
  EXPECT_FALSE(other == v4);
  EXPECT_EQ(other.text(), "10.1.2.3:1");
}

TEST(AddressTest, AMappedIpv4PeerIsAnIpv4Address) {
  const Address mapped = *Address::parse("[::ffff:1.2.3.4]:5");
  const Address seen = *Address::fromSockaddr(mapped.sockaddrPointer(), mapped.sockaddrLength());
  EXPECT_EQ(seen.text(), "1.2.3.4:5");
}

TEST(AddressTest, SpecialRangesAreKnown) {
  const auto ip = [](const char* text) { return *Address::parseIp(text, 0); };
  EXPECT_TRUE(ip("127.9.9.9").isLoopback());
  EXPECT_TRUE(ip("::1").isLoopback());
  EXPECT_FALSE(ip("128.0.0.1").isLoopback());
  EXPECT_TRUE(ip("0.0.0.0").isAny());
  EXPECT_TRUE(ip("::").isAny());
  EXPECT_FALSE(ip("0.0.0.1").isAny());
  for (const char* inside :
       {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "127.0.0.1", "fc00::1", "fd12::", "::1"}) {
    EXPECT_TRUE(ip(inside).isPrivate()) << inside;
  }
  for (const char* outside : {"11.0.0.1", "172.15.0.1", "172.32.0.1", "192.169.0.1", "fe80::1", "2001:db8::1"}) {
    EXPECT_FALSE(ip(outside).isPrivate()) << outside;
  }
}

struct RangeCase {
  const char* range;
  const char* address;
  bool inside;
};

class CidrRangeTest : public testing::TestWithParam<RangeCase> {};

TEST_P(CidrRangeTest, ContainsWhatThePrefixSays) {
  const auto range = CidrRange::parse(GetParam().range);
  ASSERT_TRUE(range);
  EXPECT_EQ(range->contains(*Address::parseIp(GetParam().address, 1)), GetParam().inside)
      << GetParam().range << " " << GetParam().address;
}

INSTANTIATE_TEST_SUITE_P(
    Table, CidrRangeTest,
    testing::Values(RangeCase{"10.0.0.0/8", "10.255.1.2", true}, RangeCase{"10.0.0.0/8", "11.0.0.0", false},
                    RangeCase{"10.1.2.3/8", "10.9.9.9", true}, RangeCase{"192.168.4.0/22", "192.168.7.255", true},
                    RangeCase{"192.168.4.0/22", "192.168.8.0", false}, RangeCase{"0.0.0.0/0", "1.2.3.4", true},
                    RangeCase{"0.0.0.0/0", "::1", false}, RangeCase{"::/0", "2001::1", true},
                    RangeCase{"::/0", "1.2.3.4", false}, RangeCase{"1.2.3.4", "1.2.3.4", true},
                    RangeCase{"1.2.3.4/32", "1.2.3.5", false}, RangeCase{"2001:db8::/33", "2001:db8:7fff::", true},
                    RangeCase{"2001:db8::/33", "2001:db8:8000::", false}, RangeCase{"::1", "::1", true}));

TEST(CidrRangeTest, WhatIsNoRangeIsRefused) {
  for (const char* text : {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "/8", ""}) {
    EXPECT_FALSE(CidrRange::parse(text)) << text;
  }
  EXPECT_FALSE(CidrRange::parse("10.0.0.0/8")->contains(*Address::parse("/socket")));
}

TEST(CidrRangeTest, BitsBeyondThePrefixDoNotCount) {
  EXPECT_EQ(*CidrRange::parse("10.1.2.3/8"), *CidrRange::parse("10.0.0.0/8"));
  EXPECT_EQ(CidrRange::parse("10.1.2.3/8")->text(), "10.0.0.0/8");
}

}  // namespace
}  // namespace baton::network
