// The load generator of the restart bench.
//
//   load --backend                      serves, prints "http PORT echo PORT" and runs until SIGTERM
//   load --lane A:target=HOST:PORT,rate=100 [--lane ...] --out RESULT.json [--duration SECONDS]
//
// Lanes: A new connections, B keep-alive pool, C HTTP/2, D streams (protocol=tcp|websocket), E transfers, F TLS with
// resumption. SIGTERM or the end of the duration stops new requests; those under way get 15 seconds. RESULT.json has
// the counts, RESULT.json.<n>.samples the latencies of the n-th lane.
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <vector>

#include "tools/restart_bench/load/backend.h"
#include "tools/restart_bench/load/lane.h"

namespace baton::restart_bench {
namespace {

constexpr std::chrono::seconds kGrace{15};

// Calls back once when the process is told to end.
class EndSignal final : private event::Watch::Handler {
 public:
  EndSignal(event::Loop& loop, std::function<void()> told) : watch_(loop, *this), told_(std::move(told)) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    fd_ = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    (void)watch_.start(fd_, EPOLLIN);
  }
  ~EndSignal() {
    watch_.stop();
    ::close(fd_);
  }

 private:
  void onReady(uint32_t) override {
    watch_.stop();
    told_();
  }

  event::Watch watch_;
  std::function<void()> told_;
  int fd_ = -1;
};

int serve(event::Loop& loop) {
  const Backend http(loop, Backend::Kind::kHttp, 0);
  const Backend echo(loop, Backend::Kind::kEcho, 0);
  std::printf("http %u echo %u\n", http.port(), echo.port());
  std::fflush(stdout);
  const EndSignal end(loop, [&loop] { loop.stop(); });
  loop.run();
  std::printf("{\"requests\":%llu,\"connections\":%llu}\n", static_cast<unsigned long long>(http.requests()),
              static_cast<unsigned long long>(http.connections()));
  return 0;
}

std::unique_ptr<Lane> makeLane(event::Loop& loop, const LaneOptions& options) {
  switch (options.kind.size() == 1 ? options.kind[0] : '?') {
    case 'A':
      return makeNewConnections(loop, options, false);
    case 'B':
      return makeKeepAlive(loop, options);
    case 'C':
      return makeHttp2(loop, options);
    case 'D':
      return makeStreams(loop, options);
    case 'E':
      return makeTransfers(loop, options);
    case 'F':
      return makeNewConnections(loop, options, true);
    default:
      std::fprintf(stderr, "load: unknown lane \"%s\", expected A, B, C, D, E or F\n", options.kind.c_str());
      std::exit(2);
  }
}

void write(const std::string& path, const std::vector<std::unique_ptr<Lane>>& lanes, double started_at) {
  std::ofstream out(path);
  out.precision(15);
  out << "{\"started_at\":" << started_at << ",\"lanes\":[";
  for (size_t i = 0; i < lanes.size(); ++i) {
    out << (i > 0 ? "," : "") << "{\"lane\":\"" << lanes[i]->report().lane() << "\",\"report\":";
    lanes[i]->report().writeJson(out);
    out << "}";
    std::ofstream samples(path + "." + std::to_string(i) + ".samples", std::ios::binary);
    lanes[i]->report().writeSamples(samples);
  }
  out << "]}\n";
}

int run(event::Loop& loop, const std::vector<LaneOptions>& wanted, const std::string& out, double duration) {
  loop.runOnce();
  const double started_at = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::vector<std::unique_ptr<Lane>> lanes;
  for (const LaneOptions& options : wanted) lanes.push_back(makeLane(loop, options));
  for (const auto& lane : lanes) lane->start();

  event::Timer give_up(loop, [&loop] { loop.stop(); });
  event::Timer look(loop, [&] {
    for (const auto& lane : lanes) {
      if (lane->report().outstanding() > 0) return look.arm(std::chrono::milliseconds(100));
    }
    loop.stop();
  });
  const auto wind_down = [&] {
    for (const auto& lane : lanes) lane->stop();
    give_up.arm(kGrace);
    look.arm(std::chrono::milliseconds(100));
  };
  event::Timer until(loop, wind_down);
  if (duration > 0) until.arm(std::chrono::milliseconds(static_cast<int64_t>(duration * 1000)));
  const EndSignal end(loop, wind_down);
  loop.run();
  write(out, lanes, started_at);
  return 0;
}

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  std::vector<LaneOptions> lanes;
  std::string out = "load.json";
  double duration = 0;
  bool backend = false;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : nullptr;
    if (option == "--backend") {
      backend = true;
      continue;
    }
    if (value == nullptr) {
      std::fprintf(stderr, "load: %s needs a value or is unknown; see the head of main.cc\n", option.c_str());
      return 2;
    }
    ++i;
    if (option == "--lane") {
      lanes.push_back(LaneOptions::parse(value));
    } else if (option == "--out") {
      out = value;
    } else if (option == "--duration") {
      duration = std::strtod(value, nullptr);
    } else {
      std::fprintf(stderr, "load: unknown option %s\n", option.c_str());
      return 2;
    }
  }
  event::Loop loop;
  return backend ? serve(loop) : run(loop, lanes, out, duration);
}

}  // namespace
}  // namespace baton::restart_bench

int main(int argc, char** argv) {
  return baton::restart_bench::main(argc, argv);
}
