// One worker: a thread with its loop, its listeners, its view of the clusters. Owned by WorkerSet; everything it holds
// is made, used and destroyed on its own thread, to which the main thread posts.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "source/event/loop.h"
#include "source/network/listener.h"
#include "source/proxy/worker_context.h"

namespace baton::server {

// What all workers of a process share.
struct WorkerEnvironment {
  const base::Clock& clock;
  const proxy::ServerState& state;
  network::ConnectionLimit& global_limit;
  std::shared_ptr<const base::Runtime> runtime;
  // Called on the new worker's thread before anything else runs there.
  std::function<std::unique_ptr<upstream::WorkerClusters>(unsigned worker, event::Loop& loop)> make_clusters;
};

class Worker {
 public:
  // Starts the thread.
  Worker(unsigned index, const WorkerEnvironment& environment);
  // Ends it: connections are dropped.
  ~Worker();

  // Any thread.
  void post(std::function<void()> work) { loop_.post(std::move(work)); }
  event::Loop& loop() { return loop_; }
  unsigned index() const { return index_; }

  // On the worker's thread:
  void addListener(std::shared_ptr<const network::ListenerConfig> config, size_t address_index, network::Fd socket,
                   const network::DrainDecision& drain, bool accept_now);
  void startAccepting();
  void pauseAccepting();
  // Closes the listening sockets; connections go on.
  void closeListeners(const std::function<bool(const network::ListenerConfig&)>& which);
  // Repeats itself every second while the drain goes on.
  void announceDrain();
  void setRuntime(std::shared_ptr<const base::Runtime> runtime);
  size_t connections() const;
  void countSessions(std::vector<std::pair<std::string, uint64_t>>& by_kind);

 private:
  void run();

  const unsigned index_;
  const WorkerEnvironment& environment_;
  event::Loop loop_;
  std::unique_ptr<upstream::WorkerClusters> clusters_;
  std::unique_ptr<proxy::WorkerContext> context_;
  std::vector<std::unique_ptr<network::Listener>> listeners_;
  std::unique_ptr<event::Timer> drain_timer_;
  std::thread thread_;
};

// All workers. Main thread.
class WorkerSet {
 public:
  WorkerSet(unsigned count, WorkerEnvironment environment);

  size_t size() const { return workers_.size(); }
  Worker& operator[](size_t index) { return *workers_[index]; }
  // Runs `work` on every worker and returns when all have. Workers never wait for the main thread, so this ends.
  void onEach(const std::function<void(Worker&)>& work);
  // Without waiting.
  void postToEach(const std::function<void(Worker&)>& work);
  // Ends all threads.
  void stop() { workers_.clear(); }

 private:
  WorkerEnvironment environment_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace baton::server
