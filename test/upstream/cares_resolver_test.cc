#include "source/upstream/cares_resolver.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <gtest/gtest.h>
#include <map>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utility>

#include "source/network/fd.h"

namespace baton::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr uint8_t kNoError = 0, kServerFailure = 2, kNoSuchName = 3;

// A name server on a loopback port, in the loop of the test. Says nothing to names that it does not know.
class NameServer final : private event::Watch::Handler {
 public:
  struct Answer {
    std::vector<std::string> addresses;
    uint32_t ttl = 60;
    uint8_t code = kNoError;
  };

  explicit NameServer(event::Loop& loop)
      : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), watch_(loop, *this) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_TRUE(watch_.start(socket_.get(), EPOLLIN));
  }

  std::string address() const { return network::Address::localOf(socket_.get())->text(); }

  std::map<std::pair<std::string, int>, Answer> answers;  // by name and type
  std::vector<std::pair<std::string, int>> questions;

 private:
  void onReady(uint32_t) override {
    char question[512];
    sockaddr_in client{};
    socklen_t length = sizeof(client);
    const ssize_t got =
        ::recvfrom(socket_.get(), question, sizeof(question), 0, reinterpret_cast<sockaddr*>(&client), &length);
    if (got < NS_HFIXEDSZ) return;
    std::string name;
    ssize_t at = NS_HFIXEDSZ;
    while (at < got && question[at] != 0) {
      const auto label = static_cast<size_t>(question[at]);
      name.append(name.empty() ? "" : ".").append(question + at + 1, label);
      at += static_cast<ssize_t>(label) + 1;
    }
    const int type = static_cast<uint8_t>(question[at + 2]);
    questions.emplace_back(name, type);
    const auto known = answers.find({name, type});
    if (known == answers.end()) return;
    const std::string bytes = encode({question, static_cast<size_t>(at) + 5}, known->second, type);
    ::sendto(socket_.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<sockaddr*>(&client), length);
  }

  // `question`: header and question section.
  static std::string encode(std::string_view question, const Answer& answer, int type) {
    const auto count = static_cast<char>(answer.addresses.size());
    std::string bytes(question.substr(0, 2));
    bytes.append({'\x81', static_cast<char>(0x80 | answer.code), 0, 1, 0, count, 0, 0, 0, 0});
    bytes.append(question.substr(NS_HFIXEDSZ));
    for (const std::string& address : answer.addresses) {
      char data[16];
      const int size = type == ns_t_a ? 4 : 16;
      EXPECT_EQ(::inet_pton(type == ns_t_a ? AF_INET : AF_INET6, address.c_str(), data), 1);
      const uint32_t ttl = htonl(answer.ttl);
      bytes.append({'\xc0', '\x0c', 0, static_cast<char>(type), 0, 1});
      bytes.append(reinterpret_cast<const char*>(&ttl), sizeof(ttl));
      bytes.append({0, static_cast<char>(size)}).append(data, static_cast<size_t>(size));
    }
    return bytes;
  }

  network::Fd socket_;
  event::Watch watch_;
};

class CaresResolverTest : public testing::Test {
 protected:
  CaresResolverTest() {
    CaresResolver::Settings settings;
    settings.servers = server.address();
    settings.search_domains = false;
    settings.timeout = milliseconds(200);
    settings.tries = 1;
    auto made = CaresResolver::make(loop, settings);
    EXPECT_TRUE(made.ok());
    resolver = std::move(*made);
  }

  void ask(const std::string& name, DnsFamily family) {
    answer.reset();
    query = resolver->resolve(name, family, [this](base::Result<DnsAnswer> result) { answer = std::move(result); });
  }
  base::Result<DnsAnswer> resolve(const std::string& name, DnsFamily family = DnsFamily::kV4Only) {
    ask(name, family);
    EXPECT_FALSE(answer.has_value()) << "answered inside the call";
    EXPECT_TRUE(loop.runUntil([this] { return answer.has_value(); }));
    return answer ? *answer : base::Error{base::ErrorCode::kTimeout, "no answer"};
  }
  static std::vector<std::string> texts(const base::Result<DnsAnswer>& found) {
    std::vector<std::string> addresses;
    if (!found) return addresses;
    for (const network::Address& address : found->addresses) addresses.push_back(address.ip());
    return addresses;
  }

  event::Loop loop;
  NameServer server{loop};
  std::unique_ptr<CaresResolver> resolver;
  std::unique_ptr<DnsQuery> query;
  std::optional<base::Result<DnsAnswer>> answer;
};

TEST_F(CaresResolverTest, AddressesComeWithTheTtl) {
  server.answers[{"web.test", ns_t_a}] = {.addresses = {"10.0.0.1", "10.0.0.2"}, .ttl = 7};
  const auto found = resolve("web.test");
  EXPECT_EQ(texts(found), (std::vector<std::string>{"10.0.0.1", "10.0.0.2"}));
  EXPECT_EQ(found->ttl, seconds(7));
  EXPECT_EQ(found->addresses.front().port(), 0);
  EXPECT_EQ(server.questions, (std::vector<std::pair<std::string, int>>{{"web.test", ns_t_a}}));
}

TEST_F(CaresResolverTest, ANameThatDoesNotExistIsNotAFailureOfTheServer) {
  server.answers[{"no.test", ns_t_a}] = {.code = kNoSuchName};
  const auto found = resolve("no.test");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, base::ErrorCode::kNotFound);
  EXPECT_NE(found.error().message.find("no.test"), std::string::npos);
}

TEST_F(CaresResolverTest, ANameWithoutAddressesIsTheSame) {
  server.answers[{"empty.test", ns_t_a}] = {};
  const auto found = resolve("empty.test");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, base::ErrorCode::kNotFound);
}

TEST_F(CaresResolverTest, AFailureOfTheServerIsOne) {
  server.answers[{"web.test", ns_t_a}] = {.code = kServerFailure};
  const auto found = resolve("web.test");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, base::ErrorCode::kUnavailable);
}

TEST_F(CaresResolverTest, SilenceIsAFailureAndTheNextQuestionIsAskedAnew) {
  auto found = resolve("web.test");
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, base::ErrorCode::kUnavailable);
  server.answers[{"web.test", ns_t_a}] = {.addresses = {"10.0.0.1"}};
  EXPECT_EQ(texts(resolve("web.test")), std::vector<std::string>{"10.0.0.1"});
}

TEST_F(CaresResolverTest, TheSecondFamilyIsAskedForWhenThePreferredHasNothing) {
  server.answers[{"web.test", ns_t_a}] = {};
  server.answers[{"web.test", ns_t_aaaa}] = {.addresses = {"fd00::1"}};
  EXPECT_EQ(texts(resolve("web.test", DnsFamily::kV4Preferred)), std::vector<std::string>{"fd00::1"});
  server.answers[{"both.test", ns_t_a}] = {.addresses = {"10.0.0.1"}};
  EXPECT_EQ(texts(resolve("both.test", DnsFamily::kV4Preferred)), std::vector<std::string>{"10.0.0.1"});
  EXPECT_EQ(server.questions.back(), (std::pair<std::string, int>{"both.test", ns_t_a}));
}

TEST_F(CaresResolverTest, AllFamiliesTogetherHaveTheShorterTtl) {
  server.answers[{"web.test", ns_t_a}] = {.addresses = {"10.0.0.1"}, .ttl = 60};
  server.answers[{"web.test", ns_t_aaaa}] = {.addresses = {"fd00::1"}, .ttl = 5};
  const auto found = resolve("web.test", DnsFamily::kAll);
  EXPECT_EQ(texts(found).size(), 2u);
  EXPECT_EQ(found->ttl, seconds(5));
}

TEST_F(CaresResolverTest, OneFamilyThatFailsIsNotAnAnswerThatThereIsNothing) {
  server.answers[{"web.test", ns_t_a}] = {.code = kServerFailure};
  server.answers[{"web.test", ns_t_aaaa}] = {};
  const auto found = resolve("web.test", DnsFamily::kV4Preferred);
  ASSERT_FALSE(found.ok());
  EXPECT_EQ(found.error().code, base::ErrorCode::kUnavailable);
}

TEST_F(CaresResolverTest, AQueryThatWasGivenUpIsNotAnswered) {
  server.answers[{"web.test", ns_t_a}] = {.addresses = {"10.0.0.1"}};
  ask("web.test", DnsFamily::kV4Only);
  query.reset();
  EXPECT_EQ(texts(resolve("web.test")), std::vector<std::string>{"10.0.0.1"});

  ask("quiet.test", DnsFamily::kV4Only);
  ASSERT_TRUE(loop.runUntil([this] { return server.questions.back().first == "quiet.test"; }));
  query.reset();
  server.answers[{"other.test", ns_t_a}] = {.addresses = {"10.0.0.2"}};
  EXPECT_EQ(texts(resolve("other.test")), std::vector<std::string>{"10.0.0.2"});
}

TEST_F(CaresResolverTest, AResolverMayEndWithQuestionsUnderWay) {
  ask("quiet.test", DnsFamily::kAll);
  ASSERT_TRUE(loop.runUntil([this] { return !server.questions.empty(); }));
  // Before the resolver goes, as a cluster's query does.
  query.reset();
  resolver.reset();
  for (int i = 0; i < 5; ++i) loop.runOnce();
  EXPECT_FALSE(answer.has_value());
}

TEST_F(CaresResolverTest, AddressesInPlaceOfNamesNeedNoServer) {
  EXPECT_EQ(texts(resolve("127.0.0.9")), std::vector<std::string>{"127.0.0.9"});
  EXPECT_TRUE(server.questions.empty());
}

TEST(CaresSettings, ServersAreAddressesWithTheUsualPortUnlessGiven) {
  api::CaresDnsResolverConfig config;
  config.resolvers.emplace_back().socket_address = api::SocketAddress{.address = "10.0.0.1"};
  config.resolvers.emplace_back().socket_address = api::SocketAddress{.address = "fd00::1", .port_value = 5353};
  config.query_timeout_seconds = 3;
  config.query_tries = 7;
  const auto settings = CaresResolver::Settings::of(config);
  ASSERT_TRUE(settings.ok());
  EXPECT_EQ(settings->servers, "10.0.0.1:53,[fd00::1]:5353");
  EXPECT_EQ(settings->timeout, seconds(3));
  EXPECT_EQ(settings->tries, 7);
  EXPECT_TRUE(*settings == *CaresResolver::Settings::of(config));
}

TEST(CaresSettings, AServerWithoutAnIpAddressIsRefused) {
  api::CaresDnsResolverConfig config;
  config.resolvers.emplace_back().pipe = api::Pipe{.path = "/tmp/dns"};
  EXPECT_FALSE(CaresResolver::Settings::of(config).ok());
}

}  // namespace
}  // namespace baton::upstream
