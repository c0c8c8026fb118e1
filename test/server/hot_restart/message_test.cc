#include "source/server/hot_restart/message.h"

#include <fcntl.h>
#include <gtest/gtest.h>

#include "source/base/random.h"

namespace baton::server::hot_restart {
namespace {

Message sample() {
  Message message{MessageType::kWelcome, {}, {}};
  Fields entry;
  entry.add(Tag::kName, "a").add(Tag::kCount, uint64_t{7});
  message.fields.add(Tag::kEpoch, uint64_t{3}).add(Tag::kReason, "because").add(Tag::kEntry, entry).add(Tag::kEntry, "");
  return message;
}

TEST(MessageTest, FieldsSurviveTheWay) {
  const auto decoded = decode(encode(sample()), {});
  ASSERT_TRUE(decoded.ok()) << decoded.error().message;
  EXPECT_EQ(decoded->type, MessageType::kWelcome);
  EXPECT_EQ(decoded->fields.number(Tag::kEpoch), 3u);
  EXPECT_EQ(decoded->fields.text(Tag::kReason), "because");
  const auto entries = decoded->fields.all(Tag::kEntry);
  ASSERT_EQ(entries.size(), 2u);
  const auto entry = Fields::decode(entries[0]);
  ASSERT_TRUE(entry.ok());
  EXPECT_EQ(entry->number(Tag::kCount), 7u);
}

TEST(MessageTest, AnUnknownTagIsSkippedAndAMissingOneIsNothing) {
  Message message = sample();
  message.fields.add(static_cast<Tag>(999), "from the future");
  const auto decoded = decode(encode(message), {});
  ASSERT_TRUE(decoded.ok());
  EXPECT_EQ(decoded->fields.number(Tag::kEpoch), 3u);
  EXPECT_EQ(decoded->fields.text(Tag::kLayout), std::nullopt);
  EXPECT_EQ(decoded->fields.number(Tag::kReason), std::nullopt) << "a text of another length is no number";
}

TEST(MessageTest, EveryCutIsRefused) {
  const std::string packet = encode(sample());
  for (size_t length = 0; length < packet.size(); ++length) {
    EXPECT_FALSE(decode(packet.substr(0, length), {}).ok()) << length;
  }
}

TEST(MessageTest, ANumberOfDescriptorsThatIsNotWhatTheHeaderSaysIsRefused) {
  std::vector<network::Fd> received;
  received.emplace_back(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const auto decoded = decode(encode(sample()), std::move(received));
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(decoded.error().message,
            "hot restart message: says 0 descriptors, brought 1 (open-file limit reached?)");
}

TEST(MessageTest, RandomBytesNeverCrash) {
  base::FastRandom random(1);
  std::string packet = encode(sample());
  for (int round = 0; round < 20000; ++round) {
    std::string broken = packet;
    for (uint64_t flips = 1 + random.below(4); flips > 0; --flips) {
      broken[random.below(broken.size())] = static_cast<char>(random.next());
    }
    const auto decoded = decode(broken, {});
    if (decoded.ok()) {
      decoded->fields.all(Tag::kEntry);
    }
  }
}

}  // namespace
}  // namespace baton::server::hot_restart
