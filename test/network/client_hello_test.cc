#include "source/network/client_hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <random>

namespace baton::network {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string number(size_t value, int width) {
  std::string bytes;
  for (int i = width - 1; i >= 0; --i) bytes += static_cast<char>(value >> (8 * i) & 255);
  return bytes;
}
std::string vector(const std::string& content, int width) {
  return number(content.size(), width) + content;
}
std::string extension(unsigned type, const std::string& content) {
  return number(type, 2) + vector(content, 2);
}
std::string sni(const std::string& name) {
  return extension(0, vector(std::string(1, '\0') + vector(name, 2), 2));
}
std::string alpn(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& protocol : protocols) list += vector(protocol, 1);
  return extension(16, vector(list, 2));
}
std::string message(const std::string& extensions, bool with_extensions = true) {
  std::string body = "\x03\x03" + std::string(32, 'r') + vector(std::string(32, 's'), 1) +
                     vector("\x13\x01\x13\x02", 2) + vector(std::string(1, '\0'), 1);
  if (with_extensions) body += vector(extensions, 2);
  return "\x01" + number(body.size(), 3) + body;
}
std::string records(const std::string& handshake, size_t most = 16384) {
  std::string bytes;
  for (size_t at = 0; at < handshake.size(); at += most) {
    bytes += "\x16\x03\x01" + vector(handshake.substr(at, most), 2);
  }
  return bytes;
}

ClientHelloStatus parse(std::string_view bytes, ClientHello& hello, size_t most = 16384) {
  hello = ClientHello{};
  return parseClientHello(bytes, most, hello);
}

TEST(ClientHelloTest, NameAndProtocolsAreFound) {
  ClientHello hello;
  const std::string bytes = records(message(extension(23, "") + sni("WWW.Example.com") + alpn({"h2", "http/1.1"})));
  ASSERT_EQ(parse(bytes, hello), ClientHelloStatus::kDone);
  EXPECT_EQ(hello.server_name, "www.example.com");
  EXPECT_THAT(hello.application_protocols, ElementsAre("h2", "http/1.1"));
  EXPECT_EQ(parse(bytes + "more records", hello), ClientHelloStatus::kDone);
}

TEST(ClientHelloTest, EveryPrefixNeedsMoreHoweverItIsCutIntoRecords) {
  for (const size_t record : {1u, 2u, 5u, 100u, 16384u}) {
    const std::string bytes = records(message(sni("a.example") + alpn({"h2"})), record);
    ClientHello hello;
    for (size_t length = 0; length < bytes.size(); ++length) {
      ASSERT_EQ(parse(std::string_view(bytes).substr(0, length), hello), ClientHelloStatus::kNeedMore)
          << length << " of records of " << record;
    }
    ASSERT_EQ(parse(bytes, hello), ClientHelloStatus::kDone);
    EXPECT_EQ(hello.server_name, "a.example");
  }
}

TEST(ClientHelloTest, ExtensionsMayBeAbsent) {
  ClientHello hello;
  EXPECT_EQ(parse(records(message("", false)), hello), ClientHelloStatus::kDone);
  EXPECT_EQ(parse(records(message("")), hello), ClientHelloStatus::kDone);
  EXPECT_EQ(hello.server_name, "");
  EXPECT_THAT(hello.application_protocols, IsEmpty());
}

TEST(ClientHelloTest, OtherProtocolsAreNotTls) {
  ClientHello hello;
  for (const char* text : {"GET / HTTP/1.1", "SSH-2.0", "\x80\x2e\x01\x03", "PRI * HTTP/2.0", "\x17\x03\x03"}) {
    EXPECT_EQ(parse(text, hello), ClientHelloStatus::kNotTls) << text;
  }
  EXPECT_EQ(parse("\x16\x02", hello), ClientHelloStatus::kNotTls);
}

TEST(ClientHelloTest, BrokenHellosAreMalformed) {
  ClientHello hello;
  const std::string good = message(sni("a"));
  const auto corrupted = [&](size_t at, char value) {
    std::string copy = good;
    copy[at] = value;
    return records(copy);
  };
  EXPECT_EQ(parse(corrupted(0, 2), hello), ClientHelloStatus::kMalformed) << "a ServerHello";
  EXPECT_EQ(parse(corrupted(4, 2), hello), ClientHelloStatus::kMalformed) << "SSL 2";
  EXPECT_EQ(parse(corrupted(38, 120), hello), ClientHelloStatus::kMalformed) << "session id beyond the end";
  EXPECT_EQ(parse(std::string("\x16\x03\x01\x00\x00", 5), hello), ClientHelloStatus::kMalformed) << "an empty record";
  EXPECT_EQ(parse(std::string("\x16\x03\x01\x50\x00", 5), hello), ClientHelloStatus::kMalformed) << "a huge record";
  EXPECT_EQ(parse(records(message("abc")), hello), ClientHelloStatus::kMalformed);
  EXPECT_EQ(parse(records(message(extension(0, "x"))), hello), ClientHelloStatus::kMalformed);
  EXPECT_EQ(parse(records(message(extension(16, vector("\x05h2", 2)))), hello), ClientHelloStatus::kMalformed);
  EXPECT_EQ(parse(records(message(alpn({""}))), hello), ClientHelloStatus::kMalformed);
  EXPECT_EQ(parse(records(message(sni("a"))).replace(0, 1, "\x17"), hello), ClientHelloStatus::kNotTls);
  EXPECT_EQ(parse(records(good, 10).replace(15, 1, "\x17"), hello), ClientHelloStatus::kMalformed) << "second record";
  EXPECT_EQ(hello.server_name, "");
}

TEST(ClientHelloTest, NamesThatAreNoHostNamesAreIgnored) {
  ClientHello hello;
  for (const std::string& name : {std::string("a\0b", 3), std::string("a b"), std::string("a\nb"),
                                  std::string(256, 'a'), std::string(), std::string("\x80")}) {
    EXPECT_EQ(parse(records(message(sni(name))), hello), ClientHelloStatus::kDone);
    EXPECT_EQ(hello.server_name, "");
  }
}

TEST(ClientHelloTest, TooLargeIsSaidAsSoonAsItIsKnown) {
  ClientHello hello;
  const std::string bytes = records(message(extension(21, std::string(3000, '\0'))));
  EXPECT_EQ(parse(std::string_view(bytes).substr(0, 9), hello, 1000), ClientHelloStatus::kTooLarge);
  EXPECT_EQ(parse(bytes, hello, 4000), ClientHelloStatus::kDone);
}

TEST(ClientHelloTest, NoInputIsReadBeyondItsEnd) {
  // Every length is checked against what is there; a sanitizer build sees a slip.
  std::mt19937 random(7);
  const std::string good = records(message(sni("host.example") + alpn({"h2", "http/1.1"})), 40);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    for (int flips = static_cast<int>(random() % 4) + 1; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<char>(random());
    }
    bytes.resize(random() % (bytes.size() + 1));
    const std::unique_ptr<char[]> exact(new char[bytes.size()]);
    std::copy(bytes.begin(), bytes.end(), exact.get());
    ClientHello hello;
    (void)parseClientHello({exact.get(), bytes.size()}, 16384, hello);
  }
}

}  // namespace
}  // namespace baton::network
