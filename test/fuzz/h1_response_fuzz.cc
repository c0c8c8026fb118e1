// Bytes to the HTTP/1.1 client codec: the same response however they are split, and a connection is never called good
// after anything but a complete one.
#include <string>
#include <string_view>

#include "test/fuzz/fuzz_target.h"
#include "test/support/http1_ends.h"

namespace baton::test {
namespace {

std::string run(const http::Http1Settings& settings, uint8_t kind, std::string_view bytes, size_t step, bool end) {
  Http1Client client(settings);
  http::StreamSender& sender = client.open();
  http::HeaderMap request = makeHeaders({{":method", "GET"}, {":path", "/"}, {":authority", "a:1"}});
  if (kind == 1) request.set(":method", "HEAD");
  if (kind == 2) request.set(":method", "CONNECT");
  if (kind == 3) {
    request.add("connection", "upgrade");
    request.add("upgrade", "websocket");
  }
  sender.sendHeaders(request, kind < 2);
  for (size_t at = 0; at < bytes.size(); at += step) client.feed(bytes.substr(at, step));
  const bool good = client.codec.canOpenStream();
  fuzzCheck(!good || (client.response->ended && client.response->reset.empty() && client.closes == 0),
            "a connection is called good after half a response");
  if (end) client.end();
  fuzzCheck(client.closes <= 1, "closed twice");
  fuzzCheck(!client.response->data.empty() ? client.response->got_headers : true, "data before headers");
  return client.transcript();
}

}  // namespace

BATON_FUZZ_TARGET(h1_response, input) {
  FuzzInput from(input);
  const uint8_t bits = from.byte();
  const size_t piece = from.byte() + 1;
  http::Http1Settings settings;
  settings.enable_trailers = (bits & 1) != 0;
  settings.allow_chunked_length = (bits & 2) != 0;
  settings.max_head_bytes = 512;
  settings.max_headers_count = 20;
  const uint8_t kind = (bits >> 2) & 3;
  const bool end = (bits & 16) != 0;
  const std::string whole = run(settings, kind, from.rest(), from.rest().size() + 1, end);
  fuzzCheck(run(settings, kind, from.rest(), piece, end) == whole, "the response depends on the split");
}

}  // namespace baton::test
