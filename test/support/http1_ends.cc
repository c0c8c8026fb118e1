#include "test/support/http1_ends.h"

#include <utility>

namespace baton::test {

using http::HeaderMap;
using http::HeaderName;

std::string toText(const HeaderMap& headers) {
  std::string text;
  headers.forEach([&text](HeaderName, std::string_view name, std::string_view value) {
    text.append(name).append(": ").append(value).append("|");
  });
  return text;
}

HeaderMap makeHeaders(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
  HeaderMap headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  return headers;
}

void Recorder::onInformational(HeaderMap&& fields) {
  interim += "I{" + toText(fields) + "} ";
}

void Recorder::onHeaders(HeaderMap&& fields, bool end_of_stream) {
  got_headers = true;
  headers = std::move(fields);
  head = toText(headers);
  ended = end_of_stream;
  if (on_headers) on_headers();
  if (end_of_stream && on_end) on_end();
}

void Recorder::onData(std::string_view bytes, bool end_of_stream) {
  data.append(bytes);
  ended |= end_of_stream;
  if (on_data) on_data();
  if (end_of_stream && on_end) on_end();
}

void Recorder::onTrailers(HeaderMap&& fields) {
  trailers = toText(fields);
  ended = true;
  if (on_end) on_end();
}

void Recorder::onReset(http::StreamReset reason, std::string_view details) {
  reset = std::string(http::toString(reason)) + ": " + std::string(details);
}

std::string Recorder::transcript() const {
  std::string text = interim;
  if (got_headers) text += "H{" + head + "} ";
  if (!data.empty()) text += "D{" + data + "} ";
  if (!trailers.empty()) text += "T{" + trailers + "} ";
  if (ended) text += "E ";
  if (!reset.empty()) text += "R{" + reset + "} ";
  return text;
}

void Feeder::feed(http::Codec& codec, std::string_view bytes) {
  pending.append(bytes);
  if (!paused) {
    resumed = true;
    pump(codec);
  }
}

void Feeder::pump(http::Codec& codec) {
  while (std::exchange(resumed, false)) {
    paused = false;
    // A copy of its own, so that a sanitizer sees every view that outlives the call.
    const std::string offered = pending;
    const http::DispatchResult result = codec.dispatch(offered);
    pending.erase(0, result.consumed);
    paused = result.status == http::DispatchStatus::kPaused;
    protocol_error |= result.status == http::DispatchStatus::kProtocolError;
    most_pending = std::max(most_pending, pending.size());
  }
}

void Feeder::end(http::Codec& codec) {
  codec.onEndOfInput();
  pump(codec);
}

http::StreamReceiver& Http1Server::onNewStream(http::StreamSender& sender) {
  exchanges.push_back(std::make_unique<Exchange>());
  Exchange* exchange = exchanges.back().get();
  exchange->sender = &sender;
  exchange->request.on_end = [this, exchange] {
    if (auto_answer && !exchange->answered) answer(*exchange, 200, "ok");
  };
  return exchange->request;
}

void Http1Server::onRequestError(http::StreamSender& sender, const http::RequestError& error) {
  last().error_status = error.status;
  last().error_details = error.details;
  answer(last(), error.status);
}

void Http1Server::answer(Exchange& exchange, int status, std::string_view body) {
  exchange.answered = true;
  HeaderMap headers;
  headers.setStatus(status);
  if (!body.empty()) headers.set(HeaderName::kContentLength, body.size());
  exchange.sender->sendHeaders(headers, body.empty());
  if (!body.empty()) exchange.sender->sendData(body, true);
}

std::string Http1Server::transcript() const {
  std::string text;
  for (const auto& exchange : exchanges) {
    text += exchange->request.transcript();
    if (exchange->error_status != 0) {
      text += "ERROR{" + std::to_string(exchange->error_status) + " " + exchange->error_details + "} ";
    }
  }
  return text + (closes > 0 ? "CLOSE" : "OPEN");
}

http::StreamSender& Http1Client::open() {
  earlier.push_back(std::exchange(response, std::make_unique<Recorder>()));
  return codec.newStream(*response);
}

http::StreamSender& Http1Client::request(std::string_view method, std::string_view path) {
  http::StreamSender& sender = open();
  sender.sendHeaders(makeHeaders({{":method", method}, {":authority", "host"}, {":path", path}, {":scheme", "http"}}),
                     true);
  return sender;
}

std::string Http1Client::transcript() const {
  return response->transcript() + (closes > 0 ? "CLOSE" : codec.canOpenStream() ? "IDLE" : "BUSY");
}

}  // namespace baton::test
