// This process's place in its lineage: how it got there (founded, or by HELLO from a parent), what it takes over, and
// how it becomes a parent in turn. Ties lineage, stats region, restart socket and the two sides together; the server
// walks through its steps in order. Owned by the server; main thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/base/result.h"
#include "source/event/loop.h"
#include "source/server/hot_restart/child_side.h"
#include "source/server/hot_restart/lineage.h"
#include "source/server/hot_restart/parent_side.h"
#include "source/server/options.h"
#include "source/stats/import.h"
#include "source/stats/region.h"
#include "source/stats/store.h"

namespace baton::server::hot_restart {

class Generation {
 public:
  struct Events {
    std::function<void(const std::string& why)> dismissed;  // the parent took over again: this process must end
    std::function<void()> probation_over;
    std::function<void()> parent_gone;
  };

  Generation(event::Loop& loop, const Options& options, Events events);
  ~Generation();

  // Founds the lineage or says HELLO to the parent, and makes the stats store of this process. The store must end
  // before this object does.
  base::Result<std::unique_ptr<stats::Store>> enter();

  uint64_t epoch() const { return epoch_; }
  uint32_t baseId() const { return base_id_; }
  // False from the moment in which the parent is known to have died.
  bool hasParent() const { return child_side_ != nullptr && !parent_lost_; }
  const ChildSide* child() const { return child_side_.get(); }
  std::vector<GenerationStatus> elders() const {
    return child_side_ == nullptr ? std::vector<GenerationStatus>{} : child_side_->elders();
  }
  // The parent's stats still come by messages, and on to a child of ours: this process must outlive it.
  bool carriesParentStats() const { return carries_parent_stats_ && (hasParent() || parents_region_ != nullptr); }
  // Main thread, now and then: takes in what the living of another layout have counted, when nobody tells us any more.
  void observeElders();

  // Listening sockets of ours and of the admin, as they came with enter(): before anything that takes time, so that
  // connections wait in their queues rather than being refused if the parent dies while we initialise.
  std::vector<HandedSocket> takeSockets() { return std::move(sockets_); }

  // The steps of a child. A parent that dies meanwhile is no error: nothing more comes from it then.
  base::Result<std::vector<std::string>> parity(const Inventory& own);
  base::Result<std::vector<StatePart>> takeState();
  base::Result<void> ready();
  void abort(const std::string& why);
  void endParent();

  // Opens the restart socket, or goes on with the inherited one, and accepts children. Not before the own probation is
  // over: until then the parent answers (and refuses) on it.
  base::Result<void> listenForChildren(ParentServer& server, stats::Store& store);
  // For ParentServer::duplicateSockets().
  std::optional<HandedSocket> duplicateRestartSocket() const;
  // A child has taken over for good: it accepts children from now on.
  void closeRestartSocket() { restart_socket_.close(); }

  // The end of this process: says goodbye to the child; the last process of the lineage removes its files.
  void leave();

  std::string layout() const;

 private:
  base::Result<std::unique_ptr<stats::Store>> found();
  base::Result<std::unique_ptr<stats::Store>> join(network::Fd socket);
  // Goes on where a process that served has died, while its elders drain on.
  base::Result<std::unique_ptr<stats::Store>> replaceTheDead(std::unique_ptr<stats::Region> region, uint64_t epoch);
  // The parent died before it could hand over anything: begins anew, with its counters if they are there.
  base::Result<std::unique_ptr<stats::Store>> replaceTheParent(const base::Error& why);
  base::Result<std::unique_ptr<stats::Store>> makeStore(network::Fd region_from_parent);
  void loseParent();
  std::optional<bool> parentLives() const;
  base::Result<std::unique_ptr<stats::Store>> claim(std::unique_ptr<stats::Region> region);
  // The lineage's region, of whatever sizes, when all that are alive in it drain, so that nobody serves.
  std::unique_ptr<stats::Region> regionOfTheDraining() const;
  base::Result<network::Fd> connectToParent();
  network::Address socketAddress() const;
  uint64_t liveGenerations(stats::Store& store) const;
  stats::RegionOptions regionOptions() const;
  base::Result<void> receiveSockets(uint64_t announced);
  // Remembers a dead parent; other errors go on.
  std::optional<base::Error> orLost(const base::Error& error);

  event::Loop& loop_;
  const Options& options_;
  Events events_;
  uint32_t base_id_ = 0;
  uint64_t epoch_ = 0;
  bool parent_lost_ = false;
  bool carries_parent_stats_ = false;
  bool restart_socket_inherited_ = false;
  std::optional<Lineage> lineage_;
  std::vector<HandedSocket> sockets_;
  std::unique_ptr<stats::Importer> importer_;
  // Says whether the parent lives, and what it and its elders have counted if it doesn't.
  std::unique_ptr<stats::Region> parents_region_;
  uint64_t parent_epoch_ = 0;
  ChannelListener restart_socket_;
  std::unique_ptr<ParentSide> parent_side_;
  std::unique_ptr<ChildSide> child_side_;
};

}  // namespace baton::server::hot_restart
