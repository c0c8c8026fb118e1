// Header fields that arrive by HTTP/2 and leave by HTTP/1.1: whatever the server codec lets through becomes exactly one
// request, with one framing, that means the same. The input is lines of "name: value", as they go into HEADERS.
#include <deque>
#include <string>

#include "source/base/clock.h"
#include "source/event/loop.h"
#include "source/http/http2/server_codec.h"
#include "source/http/message_rules.h"
#include "test/fuzz/fuzz_target.h"
#include "test/support/h2_frames.h"
#include "test/support/http1_ends.h"

namespace baton::test {
namespace {

class Null final : public http::ByteSink {
 public:
  void write(std::string_view) override {}
  size_t unsentBytes() const override { return 0; }
};

struct Request final : http::StreamReceiver {
  http::HeaderMap headers;
  std::string body;
  bool ended = false;

  void onHeaders(http::HeaderMap&& received, bool end) override {
    headers = std::move(received);
    ended = end;
  }
  void onData(std::string_view bytes, bool end) override {
    body += bytes;
    ended = end;
  }
  void onTrailers(http::HeaderMap&&) override { ended = true; }
  void onReset(http::StreamReset, std::string_view) override {}
};

struct User final : http::ServerCodecHandler {
  std::deque<Request> requests;

  void onConnectionMustClose() override {}
  void onDispatchResumed() override {}
  http::StreamReceiver& onNewStream(http::StreamSender&) override { return requests.emplace_back(); }
  void onRequestError(http::StreamSender&, const http::RequestError&) override {}
};

H2Fields fieldsOf(std::string_view text) {
  H2Fields fields;
  while (!text.empty()) {
    const size_t end = text.find('\x1e');
    const std::string_view line = text.substr(0, end);
    const size_t colon = line.find(':', 1);
    fields.emplace_back(line.substr(0, colon), colon == std::string_view::npos ? "" : line.substr(colon + 1));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return fields;
}

}  // namespace

BATON_FUZZ_TARGET(h2_to_h1, input) {
  FuzzInput from(input);
  const size_t body_size = from.byte() % 16;
  const std::string body(body_size, 'b');
  http::Http2Settings settings;
  settings.allow_connect = true;
  const base::SimulatedClock clock;
  event::Loop loop(clock);
  const http::Http2Stats stats;
  Null sink;
  User user;
  http::Http2ServerCodec codec(loop, sink, user, settings, stats);
  codec.dispatch(std::string(kH2Preface) + h2Settings({}) + h2SettingsAck() +
                 h2Headers(1, fieldsOf(from.rest()), body.empty()) + (body.empty() ? "" : h2Data(1, body, true)));
  if (user.requests.empty() || !user.requests.front().ended) return;
  Request& request = user.requests.front();
  if (request.headers.method() == "CONNECT") return;
  // The connection manager refuses fragments; the codec does not look for them.
  if (request.headers.path().find('#') != std::string_view::npos) return;

  const bool upgrade = http::isUpgrade(request.headers);
  http::stripRequestHopByHop(request.headers, upgrade);
  Http1Client client;
  http::StreamSender& sender = client.open();
  sender.sendHeaders(request.headers, request.body.empty());
  // What HTTP/1.1 can't say must not be sent at all.
  if (!client.response->reset.empty()) return;
  if (!request.body.empty()) sender.sendData(request.body, true);

  http::Http1Settings lenient;
  lenient.allow_custom_methods = true;
  lenient.underscores = http::UnderscoreAction::kAllow;
  Http1Server upstream(lenient);
  upstream.feed(client.sink.text);
  fuzzCheck(upstream.exchanges.size() == 1, "one request became another number of requests");
  Http1Server::Exchange& forwarded = upstream.last();
  fuzzCheck(forwarded.error_status == 0, "the forwarded request is not valid");
  if (!upgrade) {
    fuzzCheck(forwarded.request.ended, "the forwarded request does not end");
    fuzzCheck(forwarded.request.data == request.body, "the forwarded body differs");
  }
  for (const auto name : {http::HeaderName::kMethod, http::HeaderName::kPath, http::HeaderName::kAuthority}) {
    fuzzCheck(forwarded.request.headers.get(name) == request.headers.get(name), "the forwarded head differs");
  }
}

}  // namespace baton::test
