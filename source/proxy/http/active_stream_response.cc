// The response's way out, and the ends of a stream.
#include <algorithm>

#include "source/http/grpc.h"
#include "source/http/message_rules.h"
#include "source/proxy/http/active_stream.h"
#include "source/proxy/http/request_headers.h"

namespace baton::proxy {

using http::HeaderMap;
using http::HeaderName;

void ActiveStream::note(LocalReplyReason reason, std::string_view details) {
  const LocalReplyEntry& entry = entryOf(reason);
  if (entry.flag) info_.flags.set(*entry.flag);
  if (details.empty()) {
    info_.response_code_details = entry.details;
  } else {
    info_.response_code_details_storage = details;
    info_.response_code_details = info_.response_code_details_storage;
  }
}

void ActiveStream::sendLocalReply(LocalReply reply) {
  if (done()) return;
  if (response_started_) return abortResponse(reply.reason, reply.details);
  if (local_reply_) return;
  local_reply_ = true;
  headers_deadline_.reset();
  router_->streamEnded();
  note(reply.reason, reply.details);
  const LocalReplyEntry& entry = entryOf(reply.reason);
  LocalReplyDraft draft{.status = reply.status != 0 ? reply.status : entry.status,
                        .body = reply.body ? std::move(*reply.body) : std::string(entry.body),
                        .content_type = std::string(reply.content_type)};
  if (reply.reason == LocalReplyReason::kPayloadTooLarge) config_.stats.downstream_rq_too_large.add();

  response_headers_.clear();
  response_headers_.setStatus(draft.status);
  for (const auto& [name, value] : reply.headers) response_headers_.set(name, value);
  // As in Envoy every answer to a request that a route would have forwarded is edited as that route says.
  if (route_.entry != nullptr && (reply.edited_by_route || !route_.cluster.empty())) {
    info_.response_code = draft.status;
    route_.entry->editResponse(
        response_headers_, route_.target,
        {.info = info_, .request_headers = &request_headers_, .response_headers = &response_headers_});
  }
  if (!config_.local_replies.empty()) {
    config_.local_replies.apply(draft, response_headers_, info_, request_headers_, *worker_.runtime);
  }
  if (headers_received_ && http::isGrpcRequest(request_headers_)) {
    const auto status =
        reply.grpc_status ? static_cast<http::GrpcStatus>(*reply.grpc_status) : http::httpToGrpcStatus(draft.status);
    http::makeGrpcTrailersOnly(response_headers_, status, draft.body);
    draft.body.clear();
  } else if (!draft.body.empty()) {
    response_headers_.set(HeaderName::kContentLength, static_cast<uint64_t>(draft.body.size()));
    if (!draft.content_type.empty() || !response_headers_.has(HeaderName::kContentType)) {
      response_headers_.set(HeaderName::kContentType, draft.content_type.empty() ? "text/plain" : draft.content_type);
    }
  } else if (!http::hasNoContent({}, draft.status)) {
    response_headers_.set(HeaderName::kContentLength, "0");
  }
  const bool has_content = !draft.body.empty() && !http::hasNoContent(request_headers_.method(), draft.status);
  writeHeaders(!has_content, false);
  if (has_content && !over_) writeData(filters_.size(), draft.body, true);
}

void ActiveStream::sendInformational(HeaderMap&& headers) {
  if (done() || response_started_) return;
  touch();
  http::stripResponseHopByHop(headers, false);
  sender_.sendInformational(headers);
}

void ActiveStream::sendResponseHeaders(HeaderMap&& headers, bool end_of_stream) {
  if (done() || local_reply_) return;
  response_headers_ = std::move(headers);
  const int status = response_headers_.status();
  tunnel_ = router_->tunnelling();
  // The switch stays, everything else that is meant for one hop goes.
  http::stripResponseHopByHop(response_headers_, status == 101);
  info_.response_code_details = "via_upstream";
  writeHeaders(end_of_stream, true);
}

void ActiveStream::writeHeaders(bool end_of_stream, bool from_upstream) {
  touch();
  response_started_ = true;
  passResponseHeaders(filters_.size(), end_of_stream, from_upstream);
}

void ActiveStream::passResponseHeaders(size_t below, bool end_of_stream, bool from_upstream) {
  for (size_t i = below; i > 0 && !over_; --i) {
    response_filter_ = i - 1;
    filters_[i - 1].filter->responseHeaders(response_headers_, end_of_stream);
    if (collected_response_) {
      collected_response_->from_upstream = from_upstream;
      return;
    }
  }
  if (over_) return;
  finishResponseHeaders(response_headers_, config_, info_, from_upstream, worker_.dates.now());
  info_.response_code = response_headers_.status();
  info_.first_downstream_tx = worker_.loop.now();
  if (tunnel_) {
    owner_.tunnelOpened();
    config_.stats.downstream_cx_upgrades_total.add();
    config_.stats.downstream_cx_upgrades_active.add();
  } else {
    owner_.onResponseBegins();
  }
  if (end_of_stream) noteWireBytes(response_headers_.byteSize(), response_headers_.byteSize());
  sender_.sendHeaders(response_headers_, end_of_stream);
  if (end_of_stream && !over_) responseEnded();
}

void ActiveStream::sendResponseData(std::string_view bytes, bool end_of_stream) {
  if (done() || local_reply_) return;
  writeData(filters_.size(), bytes, end_of_stream);
}

void ActiveStream::writeData(size_t below, std::string_view bytes, bool end_of_stream) {
  touch();
  BodyPiece piece{.bytes = bytes, .end_of_stream = end_of_stream};
  for (size_t i = below; i > 0; --i) {
    response_filter_ = i - 1;
    if (collected_response_ && collected_response_->at == i - 1) {
      std::string& body = collected_response_->body;
      body.append(piece.bytes.substr(0, collected_response_->most - body.size()));
      if (end_of_stream) responseCollected();
      return;
    }
    filters_[i - 1].filter->responseData(piece);
    if (over_) return;
  }
  if (piece.bytes.empty() && !end_of_stream) return;
  info_.bytes_sent += piece.bytes.size();
  if (end_of_stream) noteWireBytes(0, piece.bytes.size());
  sender_.sendData(piece.bytes, end_of_stream);
  if (end_of_stream && !over_) responseEnded();
}

void ActiveStream::responseCollected() {
  CollectedResponse collected = std::move(*collected_response_);
  collected_response_.reset();
  filters_[collected.at].filter->responseComplete(response_headers_, collected.body);
  if (over_) return;
  passResponseHeaders(collected.at, collected.body.empty(), collected.from_upstream);
  if (!collected.body.empty() && !over_) writeData(collected.at, collected.body, true);
}

void ActiveStream::addResponseData(std::string_view bytes) {
  if (!done()) writeData(response_filter_, bytes, false);
}

void ActiveStream::sendResponseTrailers(HeaderMap&& trailers) {
  if (done() || local_reply_) return;
  touch();
  response_trailers_ = std::move(trailers);
  for (size_t i = filters_.size(); i > 0; --i) {
    response_filter_ = i - 1;
    if (collected_response_ && collected_response_->at == i - 1) return responseCollected();
    filters_[i - 1].filter->responseTrailers(*response_trailers_);
    if (over_) return;
  }
  noteWireBytes(0, response_trailers_->byteSize());
  if (response_trailers_->empty()) {
    sender_.sendData({}, true);
  } else {
    sender_.sendTrailers(*response_trailers_);
  }
  if (!over_) responseEnded();
}

// The sender can't be asked any more once the last piece is sent, so that piece is added here.
void ActiveStream::noteWireBytes(uint64_t more_headers, uint64_t more) {
  info_.downstream_wire = sender_.wireBytes();
  info_.downstream_wire.headers_sent += more_headers;
  info_.downstream_wire.sent += more;
}

void ActiveStream::responseEnded() {
  response_ended_ = true;
  info_.last_downstream_tx = worker_.loop.now();
  if (request_complete_) {
    if (!router_->flushing()) finish();
    return;
  }
  // The client may go on sending in a tunnel; elsewhere nobody listens any more.
  if (tunnel_) return armTimer();
  config_.stats.downstream_rq_response_before_rq_complete.add();
  sender_.reset(http::StreamReset::kLocalReset);
  finish();
}

void ActiveStream::abortResponse(LocalReplyReason reason, std::string_view details) {
  if (over_) return;
  note(reason, details);
  config_.stats.downstream_rq_tx_reset.add();
  noteWireBytes(0, 0);
  over_ = true;
  sender_.reset(http::StreamReset::kLocalReset);
  over_ = false;
  finish();
}

void ActiveStream::onReset(http::StreamReset reason, std::string_view details) {
  if (over_) return;
  if (!response_ended_) {
    switch (reason) {
      case http::StreamReset::kConnectionTerminated:
        note(owner_.closedByUs() ? LocalReplyReason::kLocalClose : LocalReplyReason::kDownstreamDisconnected, {});
        break;
      case http::StreamReset::kProtocolError:
      case http::StreamReset::kOverflow:
        note(LocalReplyReason::kDownstreamProtocolViolation, details);
        break;
      default:
        config_.stats.downstream_rq_rx_reset.add();
        note(LocalReplyReason::kDownstreamReset, {});
        break;
    }
  }
  finish();
}

void ActiveStream::finish() {
  if (over_) return;
  info_.end = worker_.loop.now();
  over_ = true;
  timer_.cancel();
  router_->streamEnded();
  for (Filter& filter : filters_) filter.filter->streamEnded();
  chargeEnd();
  log();
  owner_.streamEnded(*this);
}

void ActiveStream::log() {
  if (config_.access_logs.empty()) return;
  const access_log::FormatContext context{.info = info_,
                                          .request_headers = &request_headers_,
                                          .response_headers = response_started_ ? &response_headers_ : nullptr,
                                          .response_trailers = response_trailers_ ? &*response_trailers_ : nullptr,
                                          .log_type = "DownstreamEnd"};
  for (const access_log::AccessLoggerPtr& log : config_.access_logs) log->log(context, *worker_.runtime);
}

void ActiveStream::chargeEnd() {
  const HttpStats& stats = config_.stats;
  stats.downstream_rq_active.sub();
  if (tunnel_) stats.downstream_cx_upgrades_active.sub();
  if (info_.response_code == 0 || info_.health_check) return;
  stats.responses.charge(info_.response_code);
  stats.listener_responses.charge(info_.response_code);
  const auto took = std::chrono::duration_cast<Milliseconds>(*info_.end - info_.start);
  stats.downstream_rq_time.record(static_cast<uint64_t>(std::max<int64_t>(took.count(), 0)));
}

}  // namespace baton::proxy
