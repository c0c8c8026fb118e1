// Text or JSON with %OPERATORS%, compiled: access log lines, header values, bodies of local replies. Built on the main
// thread, immutable, used by any thread at once.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "api/access_log.h"

#include "source/base/result.h"
#include "source/http/header_map.h"
#include "source/http/stream_info.h"

namespace baton::access_log {

// What the operators read. Maps that do not exist (yet) are null.
struct FormatContext {
  const http::StreamInfo& info;
  const http::HeaderMap* request_headers = nullptr;
  const http::HeaderMap* response_headers = nullptr;
  const http::HeaderMap* response_trailers = nullptr;
  std::string_view local_reply_body;
  std::string_view log_type;  // %ACCESS_LOG_TYPE%: "DownstreamEnd", "TcpConnectionEnd" ...
};

// What an operator without a value prints.
enum class WhenUnset { kDash, kNothing };

class Formatter {
 public:
  // Prints nothing.
  Formatter();
  Formatter(const Formatter&);
  Formatter(Formatter&&) noexcept;
  Formatter& operator=(const Formatter&);
  Formatter& operator=(Formatter&&) noexcept;
  ~Formatter();

  // An unknown operator, or a bad argument of one, is an error. "%%" is a percent sign.
  static base::Result<Formatter> parse(std::string_view text, WhenUnset when_unset = WhenUnset::kDash);
  static base::Result<Formatter> build(const api::SubstitutionFormatString& config);

  // Appends. Control characters of values are escaped; a line end comes only from the format itself.
  void format(const FormatContext& context, std::string& out) const;
  // True when there is no operator in it, so that every result is the same.
  bool constant() const;
  // Of config.content_type, or by kind (text/plain, application/json); for local replies.
  std::string_view contentType() const;

 private:
  struct Program;
  std::shared_ptr<const Program> program_;
};

}  // namespace baton::access_log
