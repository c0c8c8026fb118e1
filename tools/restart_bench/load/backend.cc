#include "tools/restart_bench/load/backend.h"

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#include "source/base/strings.h"
#include "source/event/timer_queue.h"
#include "tools/restart_bench/load/channel.h"
#include "tools/restart_bench/load/response.h"

namespace baton::restart_bench {

class Backend::Peer final : private Channel::User {
 public:
  Peer(Backend& backend, int fd)
      : backend_(backend),
        channel_(backend.loop_, *this),
        pace_(
            backend.loop_, [this] { downloadMore(); }, event::Precision::kFine) {
    channel_.adopt(fd);
  }

 private:
  static constexpr std::chrono::milliseconds kPace{50};
  enum class Mode { kRequests, kUpload, kDownload, kWebSocket };

  void onBytes(std::string_view bytes) override {
    if (backend_.kind_ == Kind::kEcho) return channel_.send(bytes);
    input_ += bytes;
    while (step()) {
    }
  }

  void onEnd(ChannelEnd) override {
    pace_.cancel();
    for (auto entry = backend_.peers_.begin(); entry != backend_.peers_.end(); ++entry) {
      if (entry->get() != this) continue;
      backend_.loop_.deleteLater(std::move(*entry));
      backend_.peers_.erase(entry);
      return;
    }
  }

  // One thing that can be done with what is here; false when more must come first.
  bool step() {
    switch (mode_) {
      case Mode::kRequests:
        return readHead();
      case Mode::kUpload:
        return takeUpload();
      case Mode::kWebSocket:
        return echoFrame();
      case Mode::kDownload:
        break;
    }
    return false;
  }

  bool readHead() {
    const size_t end = input_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    const std::string head = input_.substr(0, end + 2);
    input_.erase(0, end + 4);
    ++backend_.requests_;
    const size_t target_start = head.find(' ') + 1;
    const std::string target = head.substr(target_start, head.find(' ', target_start) - target_start);
    left_ = 0;
    for (std::string_view line : base::split(head, '\n')) {
      if (!base::startsWithIgnoreCase(line, "content-length:")) continue;
      left_ = base::parseNumber(base::trim(base::split(line.substr(15), '\r')[0])).value_or(0);
    }
    if (target == "/websocket") {
      channel_.send(
          "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
      mode_ = Mode::kWebSocket;
    } else if (target == "/upload") {
      mode_ = Mode::kUpload;
      size_ = left_;
      sum_ = kChecksumStart;
    } else if (target.starts_with("/download/")) {
      beginDownload(target);
    } else {
      answer("hello " + target + "\n");
    }
    return true;
  }

  void answer(const std::string& body) {
    channel_.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
                  "\r\n\r\n" + body);
  }

  bool takeUpload() {
    const size_t count = std::min<uint64_t>(left_, input_.size());
    sum_ = checksum(std::string_view(input_).substr(0, count), sum_);
    input_.erase(0, count);
    left_ -= count;
    if (left_ > 0) return false;
    answer("upload " + std::to_string(size_) + " " + std::to_string(sum_) + "\n");
    mode_ = Mode::kRequests;
    return true;
  }

  void beginDownload(const std::string& target) {
    const auto parts = base::split(target, '/');
    size_ = parts.size() > 3 ? base::parseNumber(parts[2]).value_or(0) : 0;
    const auto milliseconds = parts.size() > 3 ? base::parseNumber(parts[3]).value_or(0) : 0;
    per_step_ = size_ / std::max<uint64_t>(1, milliseconds / kPace.count()) + 1;
    left_ = size_;
    mode_ = Mode::kDownload;
    channel_.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size_) + "\r\n\r\n");
    downloadMore();
  }

  void downloadMore() {
    std::string chunk(std::min(left_, per_step_), '\0');
    for (char& c : chunk) c = patternAt(size_ - left_--);
    channel_.send(chunk);
    if (left_ > 0) return pace_.arm(kPace);
    mode_ = Mode::kRequests;
  }

  // RFC 6455 5.2; short frames only, which is what the lane sends.
  bool echoFrame() {
    if (input_.size() < 6) return false;
    const size_t size = static_cast<unsigned char>(input_[1]) & 127;
    if (input_.size() < 6 + size) return false;
    std::string frame{input_[0], static_cast<char>(size)};
    for (size_t i = 0; i < size; ++i) frame += static_cast<char>(input_[6 + i] ^ input_[2 + i % 4]);
    input_.erase(0, 6 + size);
    channel_.send(frame);
    return true;
  }

  Backend& backend_;
  Channel channel_;
  event::Timer pace_;
  Mode mode_ = Mode::kRequests;
  std::string input_;
  uint64_t size_ = 0;
  uint64_t left_ = 0;
  uint64_t per_step_ = 0;
  uint64_t sum_ = 0;
};

Backend::Backend(event::Loop& loop, Kind kind, uint16_t port) : loop_(loop), kind_(kind), watch_(loop, *this) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 4096) != 0 ||
      ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("load: backend");
    std::exit(2);
  }
  port_ = ntohs(address.sin_port);
  (void)watch_.start(fd_, EPOLLIN);
}

Backend::~Backend() {
  watch_.stop();
  ::close(fd_);
}

void Backend::onReady(uint32_t) {
  for (;;) {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    ++connections_;
    peers_.push_back(std::make_unique<Peer>(*this, fd));
  }
}

}  // namespace baton::restart_bench
