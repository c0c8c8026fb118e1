// What two processes say to each other, over a socketpair on one loop.

#include "source/server/hot_restart/channel.h"

#include <gtest/gtest.h>
#include <optional>
#include <sys/socket.h>

namespace baton::server::hot_restart {
namespace {

class ChannelTest : public testing::Test, private Channel::Handler {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    here_.emplace(loop_, network::Fd(ends[0]));
    there_.emplace(loop_, network::Fd(ends[1]));
    here_->start(*this);
  }

  void sendPart(std::string_view bytes) {
    Message part{MessageType::kPart, {}, {}};
    part.fields.add(Tag::kValue, bytes);
    there_->send(part);
  }
  static Message named(std::string_view name, size_t bytes) {
    Message message{MessageType::kStatePart, {}, {}};
    message.fields.add(Tag::kName, name).add(Tag::kValue, std::string(bytes, 'v'));
    return message;
  }

  event::Loop loop_;
  std::optional<Channel> here_, there_;
  std::vector<std::pair<std::string, size_t>> received_;
  std::string closed_;

 private:
  void onMessage(Message&& message) override {
    received_.emplace_back(message.fields.text(Tag::kName).value_or("?"),
                           message.fields.text(Tag::kValue).value_or("").size());
  }
  void onChannelClosed(const std::string& why) override { closed_ = why; }
};

TEST_F(ChannelTest, MessagesOfAnySizeComeWholeAndInTheirOrder) {
  const std::vector<std::pair<std::string, size_t>> sent{
      {"short", 1}, {"of one packet", kPartBytes - 100}, {"of three", 2 * kPartBytes + 1}, {"last", 0}};
  for (const auto& [name, bytes] : sent) there_->send(named(name, bytes));
  ASSERT_TRUE(loop_.runUntil([&] { return received_.size() == sent.size(); }));
  EXPECT_EQ(received_, sent);
  EXPECT_EQ(closed_, "");
}

TEST_F(ChannelTest, EvenAHeaderMayComeInPieces) {
  const std::string whole = encode(named("a", 10));
  for (const char byte : whole) sendPart({&byte, 1});
  ASSERT_TRUE(loop_.runUntil([&] { return !received_.empty(); }));
  EXPECT_EQ(received_.front().second, 10u);
}

TEST_F(ChannelTest, PiecesThatAreNoMessageEndTheConversation) {
  std::string whole = encode(named("a", 10));
  whole.front() ^= 1;
  sendPart(whole);
  ASSERT_TRUE(loop_.runUntil([&] { return !closed_.empty(); }));
  EXPECT_TRUE(received_.empty());
  EXPECT_FALSE(here_->open());
}

TEST_F(ChannelTest, AMessageThatIsAnnouncedTooLongIsNotWaitedFor) {
  std::string start = encode(named("a", 10));
  const uint32_t length = 0xffffff00;
  start.replace(8, sizeof(length), reinterpret_cast<const char*>(&length), sizeof(length));
  sendPart(start);
  ASSERT_TRUE(loop_.runUntil([&] { return !closed_.empty(); }));
  EXPECT_EQ(closed_, "a message of more than 256 MiB");
}

TEST_F(ChannelTest, APeerThatEndsInTheMiddleOfAMessageLeavesNothing) {
  sendPart(std::string_view(encode(named("a", 10))).substr(0, 20));
  there_->close();
  ASSERT_TRUE(loop_.runUntil([&] { return !closed_.empty(); }));
  EXPECT_EQ(closed_, "the other process closed the channel");
  EXPECT_TRUE(received_.empty());
}

}  // namespace
}  // namespace baton::server::hot_restart
