// Formats with %OPERATORS%: any text is refused with a reason or prints something bounded, and whatever clients and
// upstreams sent, a line end comes only from the format itself.
#include <algorithm>
#include <string>
#include <string_view>

#include "source/access_log/formatter.h"
#include "source/http/header_map.h"
#include "source/http/stream_info.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {
namespace {

bool isControl(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

size_t controls(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), isControl));
}

}  // namespace

// The format, a zero byte, and what the peers say.
BATON_FUZZ_TARGET(header_format, input) {
  const size_t end = input.find('\0');
  const std::string_view format = input.substr(0, end);
  const std::string said(end == std::string_view::npos ? "" : input.substr(end + 1));
  const auto parsed = access_log::Formatter::parse(format);
  if (!parsed) {
    fuzzCheck(!parsed.error().message.empty(), "an error without a message");
    return;
  }
  http::HeaderMap request;
  for (const std::string_view name : {":authority", ":method", ":path", "x-a", "user-agent", "x-forwarded-for"}) {
    request.add(name, said);
  }
  http::HeaderMap response;
  response.setStatus(200);
  response.add("x-a", said);
  http::HeaderMap trailers;
  trailers.add("grpc-status", said);
  trailers.add("grpc-message", said);
  auto connection = std::make_shared<network::ConnectionInfo>();
  connection->requested_server_name = said;
  connection->transport_failure_reason = said;
  auto tls = std::make_shared<network::TlsInfo>();
  tls->peer_subject = said;
  tls->peer_dns_sans = {said, said};
  connection->tls = tls;
  http::StreamInfo info;
  info.connection = connection;
  info.request_id = said;
  info.response_code_details = said;
  info.route_name = said;
  info.upstream_cluster = said;
  info.upstream.transport_failure_reason = said;
  info.upstream.tls = tls;
  const access_log::FormatContext context{info, &request, &response, &trailers, said, "DownstreamEnd"};
  std::string out;
  parsed->format(context, out);
  fuzzCheck(controls(out) <= controls(format), "a control character of a value is printed as it is");
  // Every operator has at least three characters, and an escaped byte at most six.
  fuzzCheck(out.size() <= format.size() * (said.size() * 13 + 300) + 1000, "the text grew out of bounds");
  std::string again = "kept";
  parsed->format(context, again);
  fuzzCheck(again.starts_with("kept"), "format() does not append");
}

}  // namespace baton::test
