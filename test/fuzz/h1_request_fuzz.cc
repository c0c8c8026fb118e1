// Bytes to the HTTP/1.1 server codec: the same requests and answers however they are split, and whatever it accepts is,
// written by the client codec, exactly one request with the same meaning.
#include <string>
#include <string_view>

#include "source/http/message_rules.h"
#include "test/fuzz/fuzz_target.h"
#include "test/support/http1_ends.h"

namespace baton::test {
namespace {

http::Http1Settings settingsFrom(uint8_t bits) {
  http::Http1Settings settings;
  settings.enable_trailers = (bits & 1) != 0;
  settings.accept_http_10 = (bits & 2) != 0;
  if ((bits & 4) != 0) settings.default_host_for_http_10 = "default";
  settings.allow_chunked_length = (bits & 8) != 0;
  settings.allow_custom_methods = (bits & 16) != 0;
  settings.underscores = static_cast<http::UnderscoreAction>((bits >> 5) % 3);
  settings.max_head_bytes = 512;
  settings.max_target_bytes = 100;
  settings.max_headers_count = 20;
  return settings;
}

void run(Http1Server& server, std::string_view bytes, uint8_t piece) {
  const size_t step = piece == 0 ? bytes.size() + 1 : piece;
  for (size_t at = 0; at < bytes.size(); at += step) server.feed(bytes.substr(at, step));
  server.end();
}

void checkRoundTrip(Http1Server::Exchange& exchange) {
  http::HeaderMap headers = exchange.request.headers.clone();
  http::stripRequestHopByHop(headers, false);
  if (headers.method() == "CONNECT") return;
  Http1Client client;
  http::StreamSender& sender = client.open();
  const bool body = !exchange.request.data.empty();
  sender.sendHeaders(headers, !body);
  if (body) sender.sendData(exchange.request.data, true);
  fuzzCheck(client.response->reset.empty(), "the client codec refused what the server codec accepted");

  http::Http1Settings settings;
  settings.allow_custom_methods = true;
  settings.underscores = http::UnderscoreAction::kAllow;
  Http1Server upstream(settings);
  upstream.feed(client.sink.text);
  fuzzCheck(upstream.exchanges.size() == 1, "one request became another number of requests");
  Http1Server::Exchange& forwarded = upstream.last();
  fuzzCheck(forwarded.request.ended && forwarded.error_status == 0, "the forwarded request is not valid");
  fuzzCheck(forwarded.request.data == exchange.request.data, "the forwarded body differs");
  for (const auto name : {http::HeaderName::kMethod, http::HeaderName::kPath, http::HeaderName::kAuthority}) {
    fuzzCheck(forwarded.request.headers.get(name) == headers.get(name), "the forwarded head differs");
  }
}

}  // namespace

BATON_FUZZ_TARGET(h1_request, input) {
  FuzzInput from(input);
  const http::Http1Settings settings = settingsFrom(from.byte());
  const uint8_t piece = from.byte();
  Http1Server whole(settings);
  run(whole, from.rest(), 0);
  Http1Server split(settings);
  run(split, from.rest(), piece);
  // The end of input comes while more or less has been answered, which is all that may differ.
  fuzzCheck(whole.exchanges.size() == split.exchanges.size(), "the number of requests depends on the split");
  for (size_t i = 0; i < whole.exchanges.size(); ++i) {
    fuzzCheck(whole.exchanges[i]->request.transcript() == split.exchanges[i]->request.transcript(),
              "a request depends on the split");
    fuzzCheck(whole.exchanges[i]->error_details == split.exchanges[i]->error_details, "an error depends on the split");
  }
  fuzzCheck(whole.closes <= 1 && split.closes <= 1, "closed twice");
  for (const auto& exchange : whole.exchanges) {
    if (exchange->request.ended && exchange->error_status == 0) checkRoundTrip(*exchange);
  }
}

}  // namespace baton::test
