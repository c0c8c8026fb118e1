#include "test/support/fake_upstream.h"

namespace baton::test {

namespace {

void addFields(http::HeaderMap& headers, const std::vector<std::pair<std::string, std::string>>& fields) {
  for (const auto& [name, value] : fields) headers.add(name, value);
}

}  // namespace

void FakeStream::respond(int status, std::string_view body,
                         const std::vector<std::pair<std::string, std::string>>& fields) {
  respondHeaders(status, body.empty(), fields);
  if (!body.empty()) respondData(body, true);
}

void FakeStream::respondHeaders(int status, bool end_of_stream,
                                const std::vector<std::pair<std::string, std::string>>& fields) {
  if (over_) return;
  http::HeaderMap response;
  response.setStatus(status);
  addFields(response, fields);
  if (end_of_stream) responseEnded();
  receiver_.onHeaders(std::move(response), end_of_stream);
}

void FakeStream::respondData(std::string_view bytes, bool end_of_stream) {
  if (over_) return;
  if (end_of_stream) responseEnded();
  receiver_.onData(bytes, end_of_stream);
}

void FakeStream::respondTrailers(const std::vector<std::pair<std::string, std::string>>& fields) {
  if (over_) return;
  http::HeaderMap sent;
  addFields(sent, fields);
  responseEnded();
  receiver_.onTrailers(std::move(sent));
}

void FakeStream::respondInformational(int status) {
  http::HeaderMap interim;
  interim.setStatus(status);
  receiver_.onInformational(std::move(interim));
}

void FakeStream::fail(http::StreamReset reason, std::string_view details) {
  if (over_) return;
  over_ = true;
  receiver_.onReset(reason, details);
}

void FakeStream::responseEnded() {
  response_ended_ = true;
  if (ended) over_ = true;
}

void FakeStream::sendHeaders(const http::HeaderMap& sent, bool end_of_stream) {
  headers = sent.clone();
  ended = end_of_stream;
}

void FakeStream::sendData(std::string_view bytes, bool end_of_stream) {
  body.append(bytes);
  ended = end_of_stream;
  if (ended && response_ended_) over_ = true;
}

void FakeStream::sendTrailers(const http::HeaderMap& sent) {
  trailers = sent.clone();
  ended = true;
  if (response_ended_) over_ = true;
}

void FakeStream::reset(http::StreamReset) {
  was_reset = true;
  over_ = true;
}

class FakeCluster::Pending final : public upstream::PendingStream, public upstream::PendingConnection {
 public:
  Pending(FakeCluster& cluster, http::StreamReceiver& receiver, upstream::StreamWaiter& waiter)
      : receiver(receiver), waiter(waiter), cluster_(cluster) {}
  void cancel() override {
    ++cluster_.cancelled;
    cluster_.waiting_.reset();
  }

  http::StreamReceiver& receiver;
  upstream::StreamWaiter& waiter;

 private:
  FakeCluster& cluster_;
};

FakeCluster::FakeCluster(event::Loop& loop, std::string name, stats::Store& store)
    : cluster_info(std::make_shared<upstream::ClusterInfo>(std::move(name), "", store)),
      host(std::make_shared<upstream::Host>("backend.test", *network::Address::parseIp("192.0.2.1", 8080), 1,
                                            upstream::Locality{}, 0)),
      connection_(loop, network::makePlainTransport(), {}) {}

FakeCluster::~FakeCluster() = default;

void FakeCluster::give(http::StreamReceiver& receiver, upstream::StreamWaiter& waiter, bool reused) {
  streams.push_back(std::make_unique<FakeStream>(receiver));
  streams.back()->spoken = protocol;
  waiter.onStreamReady(*streams.back(), host, connection_, reused);
}

upstream::PendingStream* FakeCluster::newStream(const upstream::StreamOptions& wanted,
                                                const upstream::LoadBalancerContext& context,
                                                http::StreamReceiver& receiver, upstream::StreamWaiter& waiter) {
  options.push_back(wanted);
  hashes.push_back(context.hashKey());
  server_names.emplace_back(context.serverNameOverride());
  refused_host = context.refuses(*host);
  selection_attempts = context.hostSelectionAttempts();
  Outcome outcome;
  if (!next.empty()) {
    outcome = next.front();
    next.pop_front();
  }
  switch (outcome.kind) {
    case Outcome::Kind::kReady:
    case Outcome::Kind::kReused:
      give(receiver, waiter, outcome.kind == Outcome::Kind::kReused);
      return nullptr;
    case Outcome::Kind::kFail:
      waiter.onStreamFailed(outcome.failure, outcome.reason,
                            outcome.failure == upstream::PoolFailure::kNoHealthyHost ? nullptr : host);
      return nullptr;
    case Outcome::Kind::kWait:
      break;
  }
  waiting_ = std::make_unique<Pending>(*this, receiver, waiter);
  return waiting_.get();
}

void FakeCluster::ready(bool reused) {
  const std::unique_ptr<Pending> pending = std::move(waiting_);
  give(pending->receiver, pending->waiter, reused);
}

void FakeCluster::failWaiting(upstream::PoolFailure failure) {
  const std::unique_ptr<Pending> pending = std::move(waiting_);
  pending->waiter.onStreamFailed(failure, {}, host);
}

upstream::PendingConnection* FakeCluster::newConnection(upstream::Priority, const upstream::LoadBalancerContext&,
                                                        upstream::ConnectionWaiter& waiter) {
  if (connection_for_tunnel == nullptr) {
    waiter.onConnectionFailed(upstream::PoolFailure::kConnectFailed, {}, host);
  } else {
    waiter.onConnectionReady(std::move(connection_for_tunnel), host);
  }
  return nullptr;
}

bool FakeCluster::tryStartRetry(upstream::Priority) {
  if (retries_active >= retries_allowed) return false;
  ++retries_active;
  return true;
}

FakeCluster& FakeClusters::add(const std::string& name) {
  return *(clusters_[name] = std::make_unique<FakeCluster>(loop_, name, store_));
}

upstream::WorkerCluster* FakeClusters::find(std::string_view name) {
  const auto found = clusters_.find(name);
  return found == clusters_.end() ? nullptr : found->second.get();
}

void FakeClusters::forEach(const std::function<void(upstream::WorkerCluster&)>& visit) {
  for (auto& [name, cluster] : clusters_) visit(*cluster);
}

}  // namespace baton::test
