// What the server codec accepts goes out by the client codec, and a strict parser of its own kind, which knows neither,
// sees exactly one message in it: one request line, fields without anything that can be read in two ways, one framing,
// and the body that came in.
#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "source/http/message_rules.h"
#include "test/fuzz/fuzz_target.h"
#include "test/support/http1_ends.h"

namespace baton::test {
namespace {

// RFC 9112 at its strictest, for what Baton itself writes.
class StrictReader {
 public:
  explicit StrictReader(std::string_view bytes) : left_(bytes) {}

  // The body; nothing when there is anything wrong, or anything behind the message.
  std::optional<std::string> read() {
    const auto request_line = line();
    if (!request_line || std::count(request_line->begin(), request_line->end(), ' ') != 2) return std::nullopt;
    if (!request_line->ends_with(" HTTP/1.1")) return std::nullopt;
    std::optional<size_t> length;
    bool chunked = false;
    int hosts = 0;
    while (true) {
      const auto field = line();
      if (!field) return std::nullopt;
      if (field->empty()) break;
      const size_t colon = field->find(':');
      if (colon == std::string_view::npos || colon == 0) return std::nullopt;
      const std::string_view name = field->substr(0, colon);
      const std::string_view value = field->substr(std::min(field->size(), colon + 2));
      if (!std::all_of(name.begin(), name.end(), isNameChar)) return std::nullopt;
      if (name == "host") ++hosts;
      if (name == "content-length") {
        if (length || value.empty() || value.find_first_not_of("0123456789") != std::string_view::npos) return {};
        length = std::stoull(std::string(value));
      }
      if (name == "transfer-encoding") {
        if (chunked || value != "chunked") return std::nullopt;
        chunked = true;
      }
    }
    if (hosts != 1 || (length && chunked)) return std::nullopt;
    std::string body;
    if (length) {
      if (left_.size() < *length) return std::nullopt;
      body = left_.substr(0, *length);
      left_.remove_prefix(*length);
    }
    if (chunked && !readChunks(body)) return std::nullopt;
    if (!left_.empty()) return std::nullopt;
    return body;
  }

 private:
  static bool isNameChar(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  }

  // Ends with CR LF and has no other control character but tabs.
  std::optional<std::string_view> line() {
    const size_t end = left_.find("\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view text = left_.substr(0, end);
    left_.remove_prefix(end + 2);
    for (const char c : text) {
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f) return std::nullopt;
    }
    return text;
  }

  bool readChunks(std::string& body) {
    while (true) {
      const auto size_line = line();
      if (!size_line || size_line->empty() || size_line->size() > 8) return false;
      if (size_line->find_first_not_of("0123456789abcdef") != std::string_view::npos) return false;
      const size_t size = std::stoul(std::string(*size_line), nullptr, 16);
      if (size == 0) break;
      if (left_.size() < size + 2 || left_.substr(size, 2) != "\r\n") return false;
      body += left_.substr(0, size);
      left_.remove_prefix(size + 2);
    }
    while (true) {
      const auto trailer = line();
      if (!trailer) return false;
      if (trailer->empty()) return true;
    }
  }

  std::string_view left_;
};

}  // namespace

BATON_FUZZ_TARGET(h1_roundtrip, input) {
  FuzzInput from(input);
  const uint8_t bits = from.byte();
  http::Http1Settings settings;
  settings.enable_trailers = (bits & 1) != 0;
  settings.accept_http_10 = (bits & 2) != 0;
  settings.default_host_for_http_10 = "default";
  settings.allow_custom_methods = (bits & 4) != 0;
  settings.underscores = http::UnderscoreAction::kAllow;
  Http1Server downstream(settings);
  downstream.feed(from.rest());
  for (const auto& exchange : downstream.exchanges) {
    if (!exchange->request.ended || exchange->error_status != 0) continue;
    http::HeaderMap headers = exchange->request.headers.clone();
    if (headers.method() == "CONNECT" || headers.has(http::HeaderName::kUpgrade)) continue;
    http::stripRequestHopByHop(headers, false);
    Http1Client upstream(settings);
    http::StreamSender& sender = upstream.open();
    const std::string& body = exchange->request.data;
    sender.sendHeaders(headers, body.empty());
    // In two pieces, which may become two chunks.
    if (!body.empty()) {
      sender.sendData(std::string_view(body).substr(0, body.size() / 2), false);
      sender.sendData(std::string_view(body).substr(body.size() / 2), true);
    }
    fuzzCheck(upstream.response->reset.empty(), "the client codec refused what the server codec accepted");
    const auto seen = StrictReader(upstream.sink.text).read();
    fuzzCheck(seen.has_value(), "what is sent upstream is not one message");
    fuzzCheck(*seen == body, "what is sent upstream has another body");
  }
}

}  // namespace baton::test
