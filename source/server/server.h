// The process: start, serve, drain, end. Its steps are those of docs/hot-restart.md; what they work on is in the parts
// it owns. Main thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "source/admin/handler_table.h"
#include "source/event/signals.h"
#include "source/event/timer_queue.h"
#include "source/server/configuration.h"
#include "source/server/drain_manager.h"
#include "source/server/hot_restart/generation.h"
#include "source/server/listener_drain.h"
#include "source/server/listening_sockets.h"
#include "source/server/main_loop.h"
#include "source/server/options.h"
#include "source/server/phase_reporter.h"
#include "source/server/server_stats.h"
#include "source/server/worker.h"

namespace baton::admin {
class Server;
}

namespace baton::server {

class Server final : private hot_restart::ParentServer {
 public:
  explicit Server(Options options);
  ~Server();

  // Runs to the end of the process's life. Returns the exit status.
  int run();
  // --mode validate.
  static int validate(const Options& options);

  // What the admin's commands ask for. Clusters warm in kPreInitializing; kInitializing takes the sockets over.
  enum class State { kPreInitializing, kInitializing, kLive, kDraining };
  State state() const;
  bool starting() const { return state_ == State::kPreInitializing || state_ == State::kInitializing; }
  const Options& options() const { return options_; }
  Configuration& configuration() { return *configuration_; }
  stats::Store& store() { return *store_; }
  const hot_restart::Generation& generation() const { return *generation_; }
  proxy::ServerState& serverState() { return server_state_; }
  WorkerSet& workers() { return *workers_; }
  std::chrono::milliseconds uptime() const;
  // Since the first of the processes that handed over to one another.
  std::chrono::milliseconds uptimeOfAllEpochs() const;
  // Where each listener really listens.
  std::vector<std::pair<std::string, std::string>> listenerAddresses() const;
  void failHealthCheck(bool fail);
  // POST /drain_listeners. `graceful`: drain for `time` and close then, or never (`skip_exit`); else close at once.
  void drainListeners(bool graceful, bool inbound_only, bool skip_exit, const std::string& listener,
                      DrainStrategy strategy, std::chrono::milliseconds time);
  void stop(const std::string& why, int status = 0);
  void reopenLogs();
  void updateStats();
  hot_restart::DrainStatus drainStatus() override;
  std::vector<hot_restart::GenerationStatus> elders() override;

 private:
  // The steps of a start. An error ends the process.
  base::Result<void> start();
  // Answers at once, other than on a socket on which the parent still does.
  base::Result<void> openAdmin();
  // And says where, as --admin-address-path wants: a child when it has taken over.
  base::Result<void> answerAsAdmin();
  void warmUp();
  base::Result<void> takeOverSockets();
  base::Result<void> takeOverState();
  base::Result<void> checkParity();
  base::Result<void> configure();
  void startWorkers();
  void assign(std::vector<SocketAssignment> assignments, bool accept_now);
  void onProbationOver();
  void onSignal(int number);
  // SIGTERM with --sigterm-drain-time-s.
  void drainAndEnd();
  void closeListeners(const std::set<std::string>& names);
  void checkDrained();
  uint64_t connections();
  void everyFlush();

  // hot_restart::ParentServer
  hot_restart::Inventory inventory() override;
  std::vector<hot_restart::HandedSocket> duplicateSockets() override;
  std::vector<hot_restart::StatePart> exportState() override;
  std::vector<hot_restart::StatValue> exportStats() override;
  int duplicateStatsRegion() override;
  void stopAccepting() override;
  void resumeAccepting() override;
  void startDrain() override;
  void endNow(const std::string& why) override;
  void endOldestGeneration() override;

  // A listening socket that a worker holds; the number is valid until the listener is closed.
  struct OpenSocket {
    std::shared_ptr<const network::ListenerConfig> config;
    std::string key;
    uint32_t index = 0;
    int fd = -1;
  };

  const Options options_;
  const base::Clock& clock_;
  const base::MonotonicTime start_time_;
  base::MonotonicTime first_start_time_;  // of the epochs before, too
  MainLoop main_loop_;
  std::unique_ptr<event::Signals> signals_;
  PhaseReporter phases_;
  std::unique_ptr<hot_restart::Generation> generation_;
  std::unique_ptr<stats::Store> store_;
  std::unique_ptr<ServerStats> stats_;
  proxy::ServerState server_state_;
  DrainManager drain_;                                    // of the whole process
  DrainManager health_check_drain_;                       // POST /healthcheck/fail
  std::map<std::string, ListenerDrain> listener_drains_;  // by listener name
  std::vector<std::unique_ptr<event::Timer>> closings_;   // of gracefully drained listeners
  network::ConnectionLimit global_limit_;
  std::unique_ptr<Configuration> configuration_;
  std::vector<hot_restart::HandedSocket> inherited_;  // from the parent, until they are assigned
  std::unique_ptr<ListeningSockets> sockets_;
  std::vector<OpenSocket> open_sockets_;
  std::unique_ptr<WorkerSet> workers_;
  admin::HandlerTable handlers_;
  std::unique_ptr<admin::Server> admin_;
  event::Timer flush_timer_;
  event::Timer drain_check_;
  event::Timer shutdown_timer_;
  std::optional<base::MonotonicTime> shutdown_at_;
  State state_ = State::kPreInitializing;
  bool parent_drain_ = false;  // draining because a child has taken over: ends when empty
  bool confirmed_ = false;     // probation is over, or there was none
  bool sigterm_seen_ = false;
  int exit_status_ = 0;
};

}  // namespace baton::server
