// A copy of a request for another cluster (request_mirror_policies), whose response nobody waits for. Made by a router,
// which hands it to the worker's ShadowSet when the request is complete; from then on it lives until its response ends
// or a timeout passes, whatever becomes of the original.
#pragma once

#include <memory>
#include <string>

#include "source/base/buffer.h"
#include "source/base/intrusive_list.h"
#include "source/http/codec.h"
#include "source/http/header_map.h"
#include "source/proxy/worker_context.h"

namespace baton::proxy {

class ShadowSet;

class Shadow final : public base::ListLink<Shadow>,
                     private http::StreamReceiver,
                     private upstream::StreamWaiter,
                     private upstream::LoadBalancerContext {
 public:
  // `headers` are copied, with "-shadow" after the host if so wanted. Null when there is no such cluster.
  static std::unique_ptr<Shadow> make(WorkerContext& worker, std::string_view cluster, const http::HeaderMap& headers,
                                      bool append_suffix, size_t buffer_limit, std::chrono::milliseconds timeout);
  ~Shadow() override;

  // A body above the limit gives the copy up: false.
  bool addData(std::string_view bytes);
  void addTrailers(const http::HeaderMap& trailers);
  // The request is complete. Sends it.
  static void launch(std::unique_ptr<Shadow> shadow);

 private:
  friend class ShadowSet;
  Shadow(WorkerContext& worker, std::string_view cluster, size_t buffer_limit, std::chrono::milliseconds timeout);

  void start();
  void finish();

  void onStreamReady(http::StreamSender& sender, const upstream::HostPtr& host, const network::Connection& connection,
                     bool connection_reused) override;
  void onStreamFailed(upstream::PoolFailure failure, std::string_view transport_failure_reason,
                      const upstream::HostPtr& host) override;
  void onHeaders(http::HeaderMap&& headers, bool end_of_stream) override;
  void onData(std::string_view bytes, bool end_of_stream) override;
  void onTrailers(http::HeaderMap&& trailers) override;
  void onReset(http::StreamReset reason, std::string_view details) override;

  WorkerContext& worker_;
  std::string cluster_;
  size_t buffer_limit_;
  std::chrono::milliseconds timeout_;
  http::HeaderMap headers_;
  std::optional<http::HeaderMap> trailers_;
  base::Buffer body_;
  event::Timer timer_;
  upstream::PendingStream* pending_ = nullptr;
  http::StreamSender* sender_ = nullptr;
  enum class State { kCollecting, kWaiting, kActive, kOver };
  State state_ = State::kCollecting;
};

// The copies that are under way on one worker. Owned by its WorkerContext.
class ShadowSet {
 public:
  ~ShadowSet();
  size_t size() { return shadows_.size(); }

 private:
  friend class Shadow;
  base::IntrusiveList<Shadow> shadows_;
};

}  // namespace baton::proxy
