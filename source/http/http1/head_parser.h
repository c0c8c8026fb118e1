// Reads the head of an HTTP/1.1 message, start line and header section, line by line as the bytes come. Whatever could
// be read in two ways is an error. Owned by a codec; between messages it holds nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "source/http/header_map.h"
#include "source/http/http1/parse_error.h"
#include "source/http/http1/settings.h"

namespace baton::http {

// What a head says about the message's frame and the connection.
struct HeadFacts {
  bool http_10 = false;
  bool chunked = false;
  std::optional<uint64_t> content_length;
  bool connection_close = false;
  bool connection_keep_alive = false;
  bool upgrade = false;  // `upgrade` is there and nominated by `connection`, in HTTP/1.1
  bool connect = false;  // requests
  bool head = false;
  int status = 0;  // responses
};

class HeadParser {
 public:
  enum class Side { kRequest, kResponse };
  HeadParser(Side side, const Http1Settings& settings, const Http1Stats& stats)
      : settings_(settings), stats_(stats), side_(side) {}

  enum class Status { kNeedMore, kDone, kError };
  struct Result {
    Status status;
    size_t consumed;  // whole lines; the rest is to be offered again, with what follows
  };
  Result parse(std::string_view bytes);

  // A byte of the message (other than an empty line before it) has been seen.
  bool started() const { return started_; }
  Http1Error error() const { return error_; }
  const HeadFacts& facts() const { return facts_; }
  // After kDone. A request's Host is :authority; h2c upgrades are gone; a refused content-length is gone.
  HeaderMap takeHeaders() { return std::move(headers_); }
  // Bytes of the lines so far.
  size_t headBytes() const { return head_bytes_; }
  // For the next message.
  void reset();

 private:
  Http1Error parseLine(std::string_view line);
  Http1Error checkRequestLineStart(std::string_view line) const;
  Http1Error checkStatusLineStart(std::string_view line) const;
  Http1Error parseRequestLine(std::string_view line);
  Http1Error parseTarget(std::string_view method, std::string_view target);
  Http1Error parseAbsoluteTarget(std::string_view method, std::string_view target);
  Http1Error parseStatusLine(std::string_view line);
  Http1Error parseField(std::string_view line);
  Http1Error parseHost(std::string_view value);
  Http1Error parseContentLength(std::string_view value);
  Http1Error finish();
  Http1Error finishRequest();

  const Http1Settings& settings_;
  const Http1Stats& stats_;
  HeaderMap headers_;
  HeadFacts facts_;
  size_t head_bytes_ = 0;
  size_t searched_ = 0;  // how far the incomplete line has been searched for its end
  uint32_t fields_ = 0;
  Side side_;
  Http1Error error_ = Http1Error::kNone;
  uint8_t leading_empty_lines_ = 0;
  bool started_ = false;
  bool start_line_done_ = false;
  bool done_ = false;
  bool host_seen_ = false;
  bool authority_in_target_ = false;
  bool transfer_encoding_seen_ = false;
  bool connection_upgrade_ = false;
};

}  // namespace baton::http
