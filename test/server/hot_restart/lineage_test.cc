#include "source/server/hot_restart/lineage.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

namespace baton::server::hot_restart {
namespace {

class LineageTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "lineage_XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  std::string directory_;
};

TEST_F(LineageTest, TwoFoundersOfOneBaseIdAreOneTooMany) {
  auto first = Lineage::found(7, directory_);
  ASSERT_TRUE(first.ok()) << first.error().message;
  const auto second = Lineage::found(7, directory_);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message,
            "a live process holds base id 7; take over from it with --restart-epoch auto, or give another --base-id");
  EXPECT_TRUE(Lineage::found(8, directory_).ok());
}

TEST_F(LineageTest, ChildrenJoinWhatIsSharedAndTheLastOneCleansUp) {
  auto founder = Lineage::found(1, directory_);
  ASSERT_TRUE(founder.ok());
  EXPECT_FALSE(Lineage::join(1, directory_).ok()) << "not before the founder's start is over";
  ASSERT_TRUE(founder->share().ok());
  auto child = Lineage::join(1, directory_);
  ASSERT_TRUE(child.ok());
  EXPECT_FALSE(founder->leave());
  EXPECT_TRUE(Lineage::alive(1, directory_)) << "the child is there";
  EXPECT_TRUE(child->leave()) << "even though the founder's object still exists";
  child->removeFile();
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
  EXPECT_FALSE(Lineage::alive(1, directory_));
}

TEST_F(LineageTest, AKilledProcessHoldsNothing) {
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    auto lineage = Lineage::found(3, directory_);
    const char ok = lineage.ok() ? 'y' : 'n';
    if (::write(ready[1], &ok, 1) != 1) ::_exit(2);
    ::pause();
    ::_exit(0);
  }
  char ok = 0;
  ASSERT_EQ(::read(ready[0], &ok, 1), 1);
  ASSERT_EQ(ok, 'y');
  EXPECT_TRUE(Lineage::alive(3, directory_));
  EXPECT_FALSE(Lineage::found(3, directory_).ok());
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_TRUE(Lineage::found(3, directory_).ok());
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(LineageTest, ADynamicBaseIdIsTheFirstFreeOne) {
  auto first = Lineage::foundAnywhere(directory_);
  auto second = Lineage::foundAnywhere(directory_);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(first->baseId(), 1u);
  EXPECT_EQ(second->baseId(), 2u);
}

}  // namespace
}  // namespace baton::server::hot_restart
