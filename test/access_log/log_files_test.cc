#include "source/access_log/log_files.h"

#include <fcntl.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

#include "source/access_log/loggers.h"

namespace baton::access_log {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kGenerous{30'000};

TEST(LineRing, LinesComeOutInOrderOverManyLaps) {
  LineRing ring(4096);
  std::string expected;
  std::string out;
  for (int i = 0; i < 5000; ++i) {
    const std::string line = "line " + std::to_string(i) + std::string(static_cast<size_t>(i % 97), 'x') + "\n";
    ASSERT_TRUE(ring.push(line));
    expected += line;
    if (i % 7 == 0) ring.pop(out, SIZE_MAX / 2);
  }
  ring.pop(out, SIZE_MAX / 2);
  EXPECT_EQ(out, expected);
  EXPECT_EQ(ring.pending(), 0u);
}

TEST(LineRing, AFullRingRefusesAndRecovers) {
  LineRing ring(4096);
  int taken = 0;
  while (ring.push(std::string(100, 'x'))) ++taken;
  EXPECT_EQ(taken, 4096 / 112);
  EXPECT_FALSE(ring.push(std::string(5000, 'x')));
  std::string out;
  ring.pop(out, 1);
  EXPECT_EQ(out.size(), 100u);
  EXPECT_TRUE(ring.push("y"));
}

TEST(LineRing, ManyWritersLoseNothing) {
  LineRing ring(64 * 1024);
  constexpr int kWriters = 3;
  constexpr int kLines = 20000;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < kLines; ++i) {
        const std::string line = std::to_string(writer) + ":" + std::to_string(i) + "\n";
        while (!ring.push(line)) std::this_thread::yield();
      }
    });
  }
  std::vector<int> next(kWriters, 0);
  std::string out;
  for (int seen = 0; seen < kWriters * kLines;) {
    out.clear();
    ring.pop(out, 10000);
    if (out.empty()) std::this_thread::yield();
    std::istringstream lines(out);
    for (std::string line; std::getline(lines, line); ++seen) {
      const int writer = line[0] - '0';
      ASSERT_EQ(line.substr(2), std::to_string(next[static_cast<size_t>(writer)]++));
    }
  }
  for (auto& writer : writers) writer.join();
}

class LogFilesTest : public testing::Test {
 protected:
  LogFilesTest() {
    directory_ = testing::TempDir() + "log_files_XXXXXX";
    EXPECT_NE(mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/access.log";
  }
  ~LogFilesTest() override {
    files_.reset();
    for (const char* name : {"/access.log", "/rotated.log", "/pipe"}) unlink((directory_ + name).c_str());
    rmdir(directory_.c_str());
  }

  void start(LogFiles::Settings settings = {}) { files_ = std::make_unique<LogFiles>(*store_, settings); }
  static std::string contents(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::string directory_;
  std::string path_;
  std::unique_ptr<stats::Store> store_ = stats::Store::inMemory();
  std::unique_ptr<LogFiles> files_;
};

TEST_F(LogFilesTest, FlushBringsLinesToTheFile) {
  start();
  const auto file = files_->open(path_);
  ASSERT_TRUE(file.ok());
  (*file)->write("one\n");
  (*file)->write("two\n");
  EXPECT_TRUE(files_->flush(kGenerous));
  EXPECT_EQ(contents(path_), "one\ntwo\n");
  EXPECT_EQ(store_->findCounter("filesystem.write_buffered"), 2u);
  EXPECT_EQ(store_->findCounter("filesystem.write_completed"), 1u);
  EXPECT_EQ(store_->findGauge("filesystem.write_total_buffered"), 0);
}

TEST_F(LogFilesTest, TheTimerFlushesToo) {
  start({.flush_interval = milliseconds(5)});
  (*files_->open(path_))->write("line\n");
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  while (contents(path_).empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(contents(path_), "line\n");
}

TEST_F(LogFilesTest, TheEndWritesWhatIsBuffered) {
  start();
  (*files_->open(path_))->write("last words\n");
  files_.reset();
  EXPECT_EQ(contents(path_), "last words\n");
}

TEST_F(LogFilesTest, TheSamePathIsTheSameFile) {
  start();
  EXPECT_EQ(*files_->open(path_), *files_->open(path_));
}

TEST_F(LogFilesTest, AFileThatCantBeOpenedIsAnError) {
  start();
  const auto file = files_->open(directory_ + "/no/such/folder.log");
  ASSERT_FALSE(file.ok());
  EXPECT_NE(file.error().message.find("folder.log"), std::string::npos);
}

TEST_F(LogFilesTest, ValidationLooksWithoutCreating) {
  start({.open_files = false});
  EXPECT_TRUE(files_->open(path_).ok());
  EXPECT_NE(access(path_.c_str(), F_OK), 0);
  EXPECT_FALSE(files_->open(directory_ + "/no/such/folder.log").ok());
}

TEST_F(LogFilesTest, ReopeningFollowsARotation) {
  start();
  const auto file = *files_->open(path_);
  file->write("old\n");
  EXPECT_TRUE(files_->flush(kGenerous));
  ASSERT_EQ(rename(path_.c_str(), (directory_ + "/rotated.log").c_str()), 0);
  file->write("still old\n");
  files_->reopen();
  EXPECT_TRUE(files_->flush(kGenerous));
  file->write("new\n");
  EXPECT_TRUE(files_->flush(kGenerous));
  EXPECT_EQ(contents(directory_ + "/rotated.log"), "old\nstill old\n");
  EXPECT_EQ(contents(path_), "new\n");
}

TEST_F(LogFilesTest, AFailedReopenKeepsTheOldFileAndIsCounted) {
  start();
  const auto file = *files_->open(path_);
  ASSERT_EQ(rename(path_.c_str(), (directory_ + "/rotated.log").c_str()), 0);
  ASSERT_EQ(mkdir(path_.c_str(), 0700), 0);  // a folder can't be opened for writing, not even by root
  files_->reopen();
  EXPECT_TRUE(files_->flush(kGenerous));
  file->write("kept\n");
  EXPECT_TRUE(files_->flush(kGenerous));
  EXPECT_EQ(contents(directory_ + "/rotated.log"), "kept\n");
  EXPECT_EQ(store_->findCounter("filesystem.reopen_failed"), 1u);
  rmdir(path_.c_str());
}

TEST_F(LogFilesTest, AReaderWhoDoesNotReadStopsNobody) {
  const std::string pipe_path = directory_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe_path.c_str(), 0600), 0);
  const int reader = open(pipe_path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  ASSERT_GE(reader, 0);
  start();
  const auto stuck = *files_->open(pipe_path);
  const auto healthy = *files_->open(path_);
  const std::string line(1000, 'x');
  for (int i = 0; i < 6000; ++i) stuck->write(line);  // more than the pipe and the ring hold
  EXPECT_GT(store_->findCounter("filesystem.write_dropped"), 0u);
  healthy->write("fine\n");
  EXPECT_FALSE(files_->flush(milliseconds(200)));
  const auto deadline = std::chrono::steady_clock::now() + kGenerous;
  while (contents(path_).empty() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_EQ(contents(path_), "fine\n");

  // What was accepted arrives when he reads again.
  const size_t accepted = (*store_->findCounter("filesystem.write_buffered") - 1) * line.size();
  std::string got;
  char buffer[65536];
  while (got.size() < accepted && std::chrono::steady_clock::now() < deadline) {
    const ssize_t n = read(reader, buffer, sizeof(buffer));
    if (n > 0) {
      got.append(buffer, static_cast<size_t>(n));
    } else {
      std::this_thread::yield();
    }
  }
  EXPECT_EQ(got.size(), accepted);
  close(reader);
}

TEST_F(LogFilesTest, ALoggerWritesFilteredLines) {
  start();
  api::AccessLog config;
  api::FileAccessLog to_file;
  to_file.path = path_;
  to_file.log_format = api::SubstitutionFormatString{};
  to_file.log_format->text_format_source = api::DataSource{.inline_string = "%RESPONSE_CODE%\n"};
  config.typed_config = api::TypedConfig::of(to_file);
  config.filter = api::AccessLogFilter{};
  config.filter->status_code_filter = api::StatusCodeFilter{
      api::ComparisonFilter{api::ComparisonFilter::Op::kGe, api::RuntimeUInt32{.default_value = 500}}};
  const auto logger = loggerBuilder(*files_)(config);
  ASSERT_TRUE(logger.ok()) << logger.error().message;
  http::StreamInfo info;
  for (const int code : {200, 500, 404, 503}) {
    info.response_code = code;
    (*logger)->log({.info = info}, base::Runtime());
  }
  EXPECT_TRUE(files_->flush(kGenerous));
  EXPECT_EQ(contents(path_), "500\n503\n");
}

TEST_F(LogFilesTest, AConnectionLogTellsWhyNothingCameOfIt) {
  start();
  api::AccessLog config;
  api::FileAccessLog to_file;
  to_file.path = path_;
  to_file.format = "%RESPONSE_FLAGS% %DOWNSTREAM_REMOTE_ADDRESS% %DURATION% %BYTES_SENT%\n";
  config.typed_config = api::TypedConfig::of(to_file);
  const auto log = buildConnectionLog({config}, *files_, [] { return std::make_shared<const base::Runtime>(); });
  ASSERT_TRUE(log.ok());
  network::ConnectionInfo connection;
  connection.remote_address = *network::Address::parse("192.0.2.7:99");
  (*log)->log(connection, {.duration = milliseconds(12), .bytes_sent = 3, .no_filter_chain = true});
  EXPECT_TRUE(files_->flush(kGenerous));
  EXPECT_EQ(contents(path_), "NR 192.0.2.7:99 12 3\n");
}

TEST_F(LogFilesTest, AnUnknownLoggerIsAnError) {
  start();
  EXPECT_FALSE(buildLogger({}, *files_).ok());
}

}  // namespace
}  // namespace baton::access_log
