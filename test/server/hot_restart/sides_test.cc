// Parent and child in one process, over a socketpair, on one loop: every step, refusal, deadline and end of channel.

#include <atomic>
#include <fcntl.h>
#include <functional>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "source/base/clock.h"
#include "source/server/hot_restart/child_side.h"
#include "source/server/hot_restart/parent_side.h"

namespace baton::server::hot_restart {
namespace {

using std::chrono::milliseconds;

class FakeParentServer final : public ParentServer {
 public:
  Inventory inventory() override { return own; }
  std::vector<HandedSocket> duplicateSockets() override {
    std::vector<HandedSocket> sockets;
    for (uint32_t i = 0; i < socket_count; ++i) {
      HandedSocket socket;
      socket.address = "127.0.0.1:" + std::to_string(10000 + i);
      socket.worker = i % 2;
      socket.fd = network::Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
      sockets.push_back(std::move(socket));
    }
    return sockets;
  }
  std::vector<StatePart> exportState() override {
    return {{"keys", std::string("a\0b", 3)}, {"health", std::string(health_bytes, 'h')}};
  }
  std::vector<StatValue> exportStats() override {
    std::vector<StatValue> values{{"counter", false, 12}, {"gauge", true, 3}};
    for (int i = 0; i < more_stats; ++i) values.push_back({"more" + std::to_string(i), false, 1});
    return values;
  }
  int duplicateStatsRegion() override { return ::open("/dev/null", O_RDONLY | O_CLOEXEC); }
  void stopAccepting() override {
    accepting = false;
    log += "stop ";
  }
  void resumeAccepting() override {
    accepting = true;
    log += "resume ";
  }
  void startDrain() override {
    draining = true;
    log += "drain ";
  }
  DrainStatus drainStatus() override { return {42, milliseconds(1000), {{"http1", 40}, {"tcp", 2}}, "them"}; }
  std::vector<GenerationStatus> elders() override { return {{3, 77, true, {1, milliseconds(9), {}, "it"}}}; }
  void endNow(const std::string&) override { log += "end "; }
  void endOldestGeneration() override { log += "end-oldest "; }

  Inventory own;
  uint32_t socket_count = 150;
  int more_stats = 0;
  size_t health_bytes = 0;
  bool accepting = true;
  bool draining = false;
  std::string log;
};

class SidesTest : public testing::Test {
 protected:
  explicit SidesTest(const base::Clock& clock = base::RealClock::instance()) : loop_(clock) {
    options_.step_timeout = milliseconds(2000);
    options_.probation_time = milliseconds(50);
  }

  void makeParent() {
    parent_ = std::make_unique<ParentSide>(
        loop_, server_, ParentIdentity{4, "1.2.3", layout_}, options_,
        ParentStats{[this] { ++rollbacks_; }, [this] { ++refusals_; }, [this] { ++completed_; }});
  }

  // Connects a new child to the parent; the parent's end of the socketpair goes in as from the restart socket.
  network::Fd connectChild() {
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    parent_->onChild(network::Fd(ends[0]));
    return network::Fd(ends[1]);
  }

  std::unique_ptr<ChildSide> makeChild() {
    ChildSide::Events events;
    events.parent_gone = [this] { child_log_ += "parent-gone "; };
    events.dismissed = [this](const std::string&) { child_log_ += "dismissed "; };
    events.probation_over = [this] { child_log_ += "probation-over "; };
    events.stats = [this](const std::vector<StatValue>& values) { stats_ = values; };
    return std::make_unique<ChildSide>(loop_, options_, events);
  }

  // Everything up to and including COMMIT.
  std::unique_ptr<ChildSide> takeOver() {
    makeParent();
    auto child = makeChild();
    EXPECT_TRUE(child->hello(connectChild(), std::nullopt, "1.2.4", layout_).ok());
    EXPECT_TRUE(child->listeners().ok());
    EXPECT_TRUE(child->handedState().ok());
    EXPECT_TRUE(child->ready().ok());
    return child;
  }

  event::Loop loop_;
  RestartOptions options_;
  FakeParentServer server_;
  std::string layout_ = "1.16384.256";
  std::unique_ptr<ParentSide> parent_;
  std::string child_log_;
  std::vector<StatValue> stats_;
  int rollbacks_ = 0;
  int refusals_ = 0;
  int completed_ = 0;
};

struct StandingTime {
  base::SimulatedClock clock_;
};
// No timer fires unless the test moves the clock: what happens is the answer to something that has come.
class SidesInStandingTimeTest : protected StandingTime, public SidesTest {
 protected:
  SidesInStandingTimeTest() : SidesTest(clock_) {}
};

TEST_F(SidesTest, TheWholeSequenceEndsWithADrainingParent) {
  server_.own.listeners = {"127.0.0.1:80", "127.0.0.1:443"};
  server_.own.open_file_limit = 1000;
  server_.own.sockets = 150;
  makeParent();
  auto child = makeChild();
  auto welcome = child->hello(connectChild(), 5, "1.2.4", layout_);
  ASSERT_TRUE(welcome.ok()) << welcome.error().message;
  EXPECT_EQ(welcome->parent_epoch, 4u);
  EXPECT_EQ(welcome->parent_pid, ::getpid());
  EXPECT_EQ(welcome->parent_version, "1.2.3");
  EXPECT_TRUE(welcome->stats_region);
  EXPECT_EQ(welcome->sockets, 150u);

  Inventory own;
  own.listeners = {"127.0.0.1:443"};
  own.open_file_limit = 1000;
  const auto losses = child->parity(own);
  ASSERT_TRUE(losses.ok());
  EXPECT_EQ(*losses, std::vector<std::string>{"listener 127.0.0.1:80 is not in the new configuration"});

  auto sockets = child->listeners();
  ASSERT_TRUE(sockets.ok()) << sockets.error().message;
  ASSERT_EQ(sockets->size(), 150u) << "three batches";
  EXPECT_EQ((*sockets)[149].address, "127.0.0.1:10149");
  EXPECT_EQ((*sockets)[149].worker, 1u);
  EXPECT_GE((*sockets)[149].fd.get(), 0);

  const auto state = child->handedState();
  ASSERT_TRUE(state.ok());
  ASSERT_EQ(state->size(), 2u);
  EXPECT_EQ((*state)[0].value, std::string("a\0b", 3));

  EXPECT_TRUE(server_.accepting);
  ASSERT_TRUE(child->ready().ok());
  EXPECT_FALSE(server_.accepting);
  EXPECT_EQ(child->state(), ChildSide::State::kProbation);
  EXPECT_FALSE(server_.draining) << "nothing that can't be taken back happens in probation";

  ASSERT_TRUE(loop_.runUntil([&] { return server_.draining && child->elders().size() == 2; }));
  EXPECT_EQ(child_log_, "probation-over ");
  EXPECT_EQ(child->elders()[0].epoch, 4u);
  EXPECT_EQ(child->elders()[0].drain.connections, 42u);
  EXPECT_EQ(child->elders()[0].drain.by_kind, (server_.drainStatus().by_kind));
  EXPECT_EQ(child->elders()[0].drain.waits_for, "them");
  EXPECT_EQ(child->elders()[1].epoch, 3u);
  EXPECT_EQ(child->elders()[1].drain.connections, 1u);
  EXPECT_EQ(completed_, 1);
  EXPECT_EQ(rollbacks_, 0);
}

// The other end runs in a thread of its own: what does not fit into the socket waits until it has read.
TEST_F(SidesTest, StateAndInventoriesOfAnySizeCross) {
  options_.step_timeout = std::chrono::seconds(60);
  server_.health_bytes = 5'000'000;
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  Inventory own;
  for (int i = 0; i < 30'000; ++i)
    own.healthy_endpoints.emplace_back("a cluster with a long name " + std::to_string(i), 1);
  server_.own = own;
  server_.own.healthy_endpoints.emplace_back("lost", 1);
  std::atomic<bool> over = false;
  std::thread parent_thread([&] {
    event::Loop loop;
    ParentSide parent(loop, server_, ParentIdentity{4, "1.2.3", layout_}, options_, ParentStats{});
    parent.onChild(network::Fd(ends[0]));
    while (!over) loop.runOnce(milliseconds(5));
  });
  auto child = makeChild();
  EXPECT_TRUE(child->hello(network::Fd(ends[1]), std::nullopt, "1.2.4", layout_).ok());
  const auto state = child->handedState();
  const auto losses = child->parity(own);
  over = true;
  parent_thread.join();
  ASSERT_TRUE(state.ok()) << state.error().message;
  EXPECT_EQ((*state)[1].value, std::string(5'000'000, 'h'));
  ASSERT_TRUE(losses.ok()) << losses.error().message;
  EXPECT_EQ(*losses, std::vector<std::string>{"cluster lost is not in the new configuration"});
}

TEST_F(SidesTest, OfAParentThatDiesBetweenTwoBatchesTheFirstIsKept) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  const pid_t parent = ::fork();
  if (parent == 0) {
    ::close(ends[1]);
    event::Loop loop;
    Channel channel(loop, network::Fd(ends[0]));
    const auto await = [&] {
      char packet[4096];
      pollfd readable{ends[0], POLLIN, 0};
      ::poll(&readable, 1, -1);
      if (::recv(ends[0], packet, sizeof(packet), 0) <= 0) ::_exit(1);
    };
    await();  // HELLO
    Message welcome{MessageType::kWelcome, {}, {}};
    welcome.fields.add(Tag::kPid, static_cast<uint64_t>(::getpid())).add(Tag::kCount, uint64_t{2});
    channel.send(welcome);
    await();  // LISTENERS
    Message batch{MessageType::kListenerBatch, {}, {}};
    Fields entry;
    entry.add(Tag::kAddress, "127.0.0.1:80");
    batch.fields.add(Tag::kEntry, entry);
    batch.descriptors.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    channel.send(batch);
    ::_exit(0);
  }
  ::close(ends[0]);
  options_.step_timeout = std::chrono::seconds(60);
  auto child = makeChild();
  const auto welcome = child->hello(network::Fd(ends[1]), std::nullopt, "1.2.4", layout_);
  ASSERT_TRUE(welcome.ok()) << welcome.error().message;
  const auto sockets = child->listeners();
  ASSERT_TRUE(sockets.ok()) << sockets.error().message;
  ASSERT_EQ(sockets->size(), 1u);
  EXPECT_EQ((*sockets)[0].address, "127.0.0.1:80");
  const auto state = child->handedState();
  ASSERT_FALSE(state.ok());
  EXPECT_EQ(state.error().code, base::ErrorCode::kUnavailable);
  ::waitpid(parent, nullptr, 0);
}

TEST_F(SidesTest, AnEpochThatDoesNotFollowIsRefused) {
  makeParent();
  auto child = makeChild();
  const auto welcome = child->hello(connectChild(), 9, "1.2.4", layout_);
  ASSERT_FALSE(welcome.ok());
  EXPECT_EQ(welcome.error().message, "refused by the parent: restart epoch 9 is not the parent's epoch 4 + 1");
  EXPECT_EQ(parent_->state(), ParentSide::State::kAlone);
  EXPECT_EQ(refusals_, 1);
  EXPECT_TRUE(server_.accepting);
}

TEST_F(SidesTest, ASecondChildIsRefusedWhileOneIsThere) {
  makeParent();
  auto first = makeChild();
  ASSERT_TRUE(first->hello(connectChild(), std::nullopt, "1", layout_).ok());
  auto second = makeChild();
  const auto welcome = second->hello(connectChild(), std::nullopt, "1", layout_);
  ASSERT_FALSE(welcome.ok());
  EXPECT_EQ(welcome.error().message, "refused by the parent: another restart is under way");
  EXPECT_TRUE(first->listeners().ok()) << "the first one is not disturbed";
}

TEST_F(SidesTest, ARestartLockEndsWithTheChild) {
  makeParent();
  {
    auto first = makeChild();
    ASSERT_TRUE(first->hello(connectChild(), std::nullopt, "1", layout_).ok());
  }
  ASSERT_TRUE(loop_.runUntil([&] { return parent_->state() == ParentSide::State::kAlone; }));
  auto second = makeChild();
  EXPECT_TRUE(second->hello(connectChild(), std::nullopt, "1", layout_).ok());
  EXPECT_EQ(server_.log, "") << "nothing had changed";
}

TEST_F(SidesTest, AnotherProtocolIsRefused) {
  makeParent();
  network::Fd socket = connectChild();
  Message hello{MessageType::kHello, {}, {}};
  hello.fields.add(Tag::kProtocol, uint64_t{99});
  const std::string packet = encode(hello);
  ASSERT_EQ(::send(socket.get(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
  ASSERT_TRUE(loop_.runUntil([&] { return refusals_ == 1; }));
  char buffer[1024];
  const ssize_t got = ::recv(socket.get(), buffer, sizeof(buffer), 0);
  ASSERT_GT(got, 0);
  const auto answer = decode({buffer, static_cast<size_t>(got)}, {});
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->fields.text(Tag::kReason), "hot restart protocol 99 does not fit the parent's 1");
}

TEST_F(SidesTest, AChildThatDiesInProbationIsRolledBackAtOnce) {
  options_.probation_time = std::chrono::seconds(60);
  auto child = takeOver();
  EXPECT_FALSE(server_.accepting);
  child.reset();
  ASSERT_TRUE(loop_.runUntil([&] { return server_.accepting; }));
  EXPECT_EQ(rollbacks_, 1);
  EXPECT_EQ(parent_->state(), ParentSide::State::kAlone);
  auto next = makeChild();
  EXPECT_TRUE(next->hello(connectChild(), std::nullopt, "1", layout_).ok()) << "the next attempt is welcome";
}

TEST_F(SidesInStandingTimeTest, TheEndOfTheChannelIsEnoughForARollback) {
  options_.probation_time = std::chrono::seconds(60);
  auto child = takeOver();
  child.reset();
  ASSERT_TRUE(loop_.runUntil([&] { return server_.accepting; }));
  EXPECT_EQ(rollbacks_, 1);
  clock_.advance(std::chrono::seconds(120));
  loop_.runOnce();
  EXPECT_EQ(server_.log, "stop resume ") << "nothing that the probation had armed comes later";
}

TEST_F(SidesInStandingTimeTest, AChildThatAsksForItIsRolledBackWithoutATimer) {
  options_.probation_time = std::chrono::seconds(60);
  auto child = takeOver();
  child->abort("its smoke test failed");
  ASSERT_TRUE(loop_.runUntil([&] { return server_.accepting; }));
  EXPECT_EQ(rollbacks_, 1);
}

TEST_F(SidesInStandingTimeTest, TheDrainBeginsWhenTheProbationIsOverAndNotBefore) {
  options_.probation_time = milliseconds(500);  // shorter than the deadline of a heartbeat
  auto child = takeOver();
  clock_.advance(milliseconds(499));
  loop_.runOnce();
  loop_.runOnce();
  EXPECT_FALSE(server_.draining);
  clock_.advance(milliseconds(1));
  ASSERT_TRUE(loop_.runUntil([&] { return server_.draining; }));
  EXPECT_EQ(rollbacks_, 0);
}

TEST_F(SidesTest, AChildThatHangsInProbationIsRolledBackAndEnded) {
  options_.step_timeout = milliseconds(300);
  makeParent();
  // A socketpair would carry this process's credentials; the one that is to be ended connects by name.
  const auto address = network::Address::unixSocket("@baton_sides_test_" + std::to_string(::getpid()));
  ChannelListener listener(loop_, [this](network::Fd socket) { parent_->onChild(std::move(socket)); });
  ASSERT_TRUE(listener.bind(*address, 0600).ok());
  ASSERT_TRUE(listener.startAccepting().ok());
  const pid_t child = ::fork();
  if (child == 0) {
    network::Fd socket(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
    if (::connect(socket.get(), address->sockaddrPointer(), address->sockaddrLength()) != 0) ::_exit(1);
    for (const MessageType type : {MessageType::kHello, MessageType::kReady}) {
      Message message{type, {}, {}};
      message.fields.add(Tag::kProtocol, kProtocolVersion).add(Tag::kMilliseconds, uint64_t{60'000});
      const std::string packet = encode(message);
      if (::send(socket.get(), packet.data(), packet.size(), 0) < 0) ::_exit(1);
    }
    for (;;) ::pause();
  }
  ASSERT_TRUE(loop_.runUntil([&] { return server_.log == "stop resume "; }));
  EXPECT_EQ(rollbacks_, 1);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST_F(SidesTest, AChildThatSaysNothingAfterConnectingIsForgotten) {
  options_.step_timeout = milliseconds(100);
  makeParent();
  const network::Fd socket = connectChild();
  ASSERT_TRUE(loop_.runUntil([&] { return parent_->state() == ParentSide::State::kAlone; }));
  EXPECT_EQ(server_.log, "");
}

TEST_F(SidesTest, AParentThatDoesNotAnswerIsGivenUpAfterTheDeadline) {
  options_.step_timeout = milliseconds(100);
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
  const network::Fd silent(ends[0]);
  auto child = makeChild();
  const auto welcome = child->hello(network::Fd(ends[1]), std::nullopt, "1", layout_);
  ASSERT_FALSE(welcome.ok());
  EXPECT_EQ(welcome.error().code, base::ErrorCode::kTimeout);
  EXPECT_EQ(welcome.error().message, "the parent did not answer HELLO within 100 ms");
}

TEST_F(SidesTest, AParentThatCallsItOffEndsTheChild) {
  makeParent();
  auto child = makeChild();
  ASSERT_TRUE(child->hello(connectChild(), std::nullopt, "1", layout_).ok());
  parent_.reset();  // its channel closes while its process (ours) lives on
  const auto sockets = child->listeners();
  ASSERT_FALSE(sockets.ok());
  EXPECT_EQ(sockets.error().code, base::ErrorCode::kInvalidArgument);
}

TEST_F(SidesTest, DifferentLayoutsCarryStatsByMessages) {
  makeParent();
  auto child = makeChild();
  const auto welcome = child->hello(connectChild(), std::nullopt, "1", "1.99.256");
  ASSERT_TRUE(welcome.ok());
  EXPECT_EQ(welcome->parent_layout, layout_);
  EXPECT_TRUE(welcome->stats_region) << "to observe";
  ASSERT_TRUE(child->listeners().ok());
  ASSERT_TRUE(child->handedState().ok());
  ASSERT_EQ(stats_.size(), 2u);
  EXPECT_EQ(stats_[0].name, "counter");
  EXPECT_EQ(stats_[0].value, 12u);
  EXPECT_TRUE(stats_[1].gauge);
}

// A child of another layout that says what it is told to, and reads what has come.
class RawChild {
 public:
  explicit RawChild(network::Fd socket) : socket_(std::move(socket)) {}

  void say(MessageType type, Tag tag, uint64_t value) {
    Message message{type, {}, {}};
    message.fields.add(tag, value).add(Tag::kLayout, "another");
    const std::string packet = encode(message);
    EXPECT_EQ(::send(socket_.get(), packet.data(), packet.size(), 0), static_cast<ssize_t>(packet.size()));
  }

  // The sequence numbers of the chunks of stats among it; all other messages are skipped.
  std::vector<uint64_t> chunks() {
    std::vector<uint64_t> found;
    std::string buffer(kMaxPacketBytes, 0);
    for (;;) {
      const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got <= 0) return found;
      const auto message = decode({buffer.data(), static_cast<size_t>(got)}, {});
      if (!message || message->type != MessageType::kStats) continue;
      found.push_back(message->fields.number(Tag::kSequence).value_or(0));
    }
  }

 private:
  network::Fd socket_;
};

TEST_F(SidesTest, AChildThatDoesNotAcknowledgeStatsHasOneChunkWaitingAndNoMore) {
  options_.step_timeout = std::chrono::seconds(60);
  server_.more_stats = 1100;
  makeParent();
  RawChild child(connectChild());
  child.say(MessageType::kHello, Tag::kProtocol, kProtocolVersion);
  child.say(MessageType::kState, Tag::kCount, 0);
  child.say(MessageType::kReady, Tag::kMilliseconds, 60'000);
  ASSERT_TRUE(loop_.runUntil([&] { return !server_.accepting; }));
  // Several heartbeats, with each of which a round could begin.
  const auto later = loop_.clock().monotonic() + 4 * ParentSide::kHeartbeatInterval;
  ASSERT_TRUE(loop_.runUntil([&] { return loop_.clock().monotonic() > later; }));
  EXPECT_EQ(child.chunks(), std::vector<uint64_t>{1});

  child.say(MessageType::kStatsReceived, Tag::kSequence, 1);
  std::vector<uint64_t> next;
  ASSERT_TRUE(loop_.runUntil([&] {
    if (next.empty()) next = child.chunks();
    return !next.empty();
  }));
  EXPECT_EQ(next, std::vector<uint64_t>{2});
}

TEST_F(SidesTest, TheLastValuesAreLeftInTheSocketOfAChildThatDoesNotAnswer) {
  options_.step_timeout = std::chrono::seconds(60);
  server_.more_stats = 1100;
  makeParent();
  RawChild child(connectChild());
  child.say(MessageType::kHello, Tag::kProtocol, kProtocolVersion);
  child.say(MessageType::kReady, Tag::kMilliseconds, 60'000);
  ASSERT_TRUE(loop_.runUntil([&] { return !server_.accepting; }));
  child.chunks();
  parent_->sayGoodbye();
  EXPECT_EQ(child.chunks().size(), 3u) << "one round";
}

TEST_F(SidesTest, TheOldestGenerationEndsWhenAFifthWouldCome) {
  makeParent();
  parent_->setGenerationCount([] { return kMaxGenerations; });
  auto child = makeChild();
  ASSERT_TRUE(child->hello(connectChild(), std::nullopt, "1", layout_).ok());
  EXPECT_EQ(server_.log, "end-oldest ");
}

TEST_F(SidesTest, TheChildMayEndADrainingParent) {
  auto child = takeOver();
  ASSERT_TRUE(loop_.runUntil([&] { return server_.draining; }));
  child->endParent();
  ASSERT_TRUE(loop_.runUntil([&] { return server_.log == "stop drain end "; }));
}

TEST_F(SidesTest, WithoutProbationTheDrainBeginsAtOnce) {
  options_.probation_time = milliseconds(0);
  auto child = takeOver();
  ASSERT_TRUE(loop_.runUntil([&] { return server_.draining; }, std::chrono::seconds(5)));
}

TEST(InventoryTest, ALowerOpenFileLimitIsALoss) {
  Inventory parent;
  parent.open_file_limit = 1024;
  Inventory child;
  child.open_file_limit = 256;
  EXPECT_EQ(compareInventories(parent, child), std::vector<std::string>{"open-file limit is 256, was 1024"});
}

TEST(InventoryTest, LostClustersEndpointsAndTlsAreNamed) {
  Inventory parent;
  parent.listeners = parent.tls_listeners = {"0.0.0.0:443"};
  parent.healthy_endpoints = {{"web", 3}, {"api", 2}};
  Inventory child;
  child.listeners = {"0.0.0.0:443"};
  child.healthy_endpoints = {{"web", 1}};
  child.open_file_limit = 1024;
  EXPECT_EQ(compareInventories(parent, child),
            (std::vector<std::string>{"listener 0.0.0.0:443 has no TLS in the new configuration",
                                      "cluster web has 1 healthy endpoints, had 3",
                                      "cluster api is not in the new configuration"}));
}

}  // namespace
}  // namespace baton::server::hot_restart
