#include "source/http/http1/head_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "source/base/strings.h"
#include "source/http/field_syntax.h"
#include "source/http/http1/field_line.h"

namespace baton::http {
namespace {

constexpr uint8_t kMaxLeadingEmptyLines = 8;
constexpr size_t kMaxMethodBytes = 64;

// The methods of the IANA registry that are in use.
bool isRegisteredMethod(std::string_view method) {
  static constexpr std::string_view kMethods[] = {"GET",
                                                  "POST",
                                                  "HEAD",
                                                  "PUT",
                                                  "OPTIONS",
                                                  "DELETE",
                                                  "PATCH",
                                                  "CONNECT",
                                                  "TRACE",
                                                  "PROPFIND",
                                                  "MKCOL",
                                                  "COPY",
                                                  "MOVE",
                                                  "LOCK",
                                                  "UNLOCK",
                                                  "REPORT",
                                                  "PROPPATCH",
                                                  "SEARCH",
                                                  "MERGE",
                                                  "ACL",
                                                  "MKACTIVITY",
                                                  "MKCALENDAR",
                                                  "BIND",
                                                  "UNBIND",
                                                  "REBIND",
                                                  "LINK",
                                                  "UNLINK",
                                                  "CHECKIN",
                                                  "LABEL",
                                                  "CHECKOUT",
                                                  "UNCHECKOUT",
                                                  "PURGE",
                                                  "UPDATE",
                                                  "BASELINE-CONTROL",
                                                  "VERSION-CONTROL",
                                                  "ORDERPATCH"};
  return std::find(std::begin(kMethods), std::end(kMethods), method) != std::end(kMethods);
}

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// HTTP/d.d and nothing else.
bool isVersion(std::string_view text) {
  return text.size() == 8 && text.substr(0, 5) == "HTTP/" && isDigit(text[5]) && text[6] == '.' && isDigit(text[7]);
}

}  // namespace

HeadParser::Result HeadParser::parse(std::string_view bytes) {
  size_t consumed = 0;
  while (!done_) {
    const std::string_view rest = bytes.substr(consumed);
    const void* line_feed =
        rest.size() > searched_ ? std::memchr(rest.data() + searched_, '\n', rest.size() - searched_) : nullptr;
    if (line_feed == nullptr) {
      searched_ = rest.size();
      if (!start_line_done_ && !rest.empty() && rest != "\r") {
        started_ = true;
        error_ = side_ == Side::kRequest ? checkRequestLineStart(rest) : checkStatusLineStart(rest);
      }
      if (error_ == Http1Error::kNone && head_bytes_ + rest.size() > settings_.max_head_bytes) {
        error_ = Http1Error::kHeadTooLarge;
      }
      return {error_ == Http1Error::kNone ? Status::kNeedMore : Status::kError, consumed};
    }
    searched_ = 0;
    const auto line_size = static_cast<size_t>(static_cast<const char*>(line_feed) - rest.data()) + 1;
    consumed += line_size;
    error_ = parseLine(rest.substr(0, line_size));
    if (error_ != Http1Error::kNone) return {Status::kError, consumed};
  }
  return {Status::kDone, consumed};
}

void HeadParser::reset() {
  headers_.clear();
  facts_ = {};
  head_bytes_ = 0;
  searched_ = 0;
  fields_ = 0;
  error_ = Http1Error::kNone;
  leading_empty_lines_ = 0;
  started_ = start_line_done_ = done_ = false;
  host_seen_ = authority_in_target_ = transfer_encoding_seen_ = connection_upgrade_ = false;
}

Http1Error HeadParser::parseLine(std::string_view line) {
  const bool empty = line == "\r\n";
  if (!start_line_done_) {
    // RFC 9112 2.2: a server ignores at least one empty line before a request.
    if (empty && side_ == Side::kRequest) {
      return ++leading_empty_lines_ > kMaxLeadingEmptyLines ? Http1Error::kTooManyLeadingCrlf : Http1Error::kNone;
    }
    started_ = true;
    start_line_done_ = true;
    head_bytes_ = line.size();
    return side_ == Side::kRequest ? parseRequestLine(line) : parseStatusLine(line);
  }
  head_bytes_ += line.size();
  if (head_bytes_ > settings_.max_head_bytes) return Http1Error::kHeadTooLarge;
  if (!empty) return parseField(line);
  done_ = true;
  return finish();
}

// What can be said before the end of the line is there; a whole line passes through here too, so that it makes no
// difference in which pieces it came.
Http1Error HeadParser::checkRequestLineStart(std::string_view line) const {
  const size_t method_size = tokenStart(line).size;
  if (method_size > kMaxMethodBytes) return Http1Error::kBadMethod;
  if (method_size == line.size()) return Http1Error::kNone;
  if (method_size == 0) return Http1Error::kBadMethod;
  if (line[method_size] != ' ') {
    const char after = line[method_size];
    return after == '\r' || after == '\n' ? Http1Error::kBadRequestLine : Http1Error::kBadMethod;
  }
  const size_t most = std::min(settings_.max_target_bytes, settings_.max_head_bytes);
  if (line.size() > most) {
    const std::string_view target = line.substr(method_size + 1);
    if (std::min(target.find_first_of(" \r\n"), target.size()) > most) return Http1Error::kTargetTooLong;
    if (line.size() > settings_.max_head_bytes) return Http1Error::kHeadTooLarge;
  }
  return Http1Error::kNone;
}

Http1Error HeadParser::checkStatusLineStart(std::string_view line) const {
  constexpr std::string_view kStart = "HTTP/1.";
  const size_t size = std::min(kStart.size(), line.size());
  if (line.substr(0, size) != kStart.substr(0, size)) return Http1Error::kBadStatusLine;
  return line.size() > settings_.max_head_bytes ? Http1Error::kHeadTooLarge : Http1Error::kNone;
}

Http1Error HeadParser::parseRequestLine(std::string_view line) {
  if (const Http1Error error = checkRequestLineStart(line); error != Http1Error::kNone) return error;
  if (line[line.size() - 2] != '\r') return Http1Error::kBareLineFeed;
  line.remove_suffix(2);

  // Exactly one space between the three parts (RFC 9112 3; the lenient reading of section 3 is for others).
  const size_t first_space = line.find(' ');
  const size_t second_space = line.find(' ', first_space + 1);
  if (second_space == std::string_view::npos) return Http1Error::kBadRequestLine;
  const std::string_view method = line.substr(0, first_space);
  const std::string_view target = line.substr(first_space + 1, second_space - first_space - 1);
  const std::string_view version = line.substr(second_space + 1);
  if (target.empty()) return Http1Error::kBadRequestLine;

  if (!isVersion(version)) return Http1Error::kBadVersion;
  if (version[5] != '1' || version[7] > '1') return Http1Error::kUnsupportedVersion;
  facts_.http_10 = version[7] == '0';
  if (facts_.http_10 && !settings_.accept_http_10) return Http1Error::kHttp10NotAccepted;
  if (!settings_.allow_custom_methods && !isRegisteredMethod(method)) return Http1Error::kUnknownMethod;

  facts_.connect = method == "CONNECT";
  facts_.head = method == "HEAD";
  headers_.add(HeaderName::kMethod, method);
  return parseTarget(method, target);
}

// RFC 9112 3.2.
Http1Error HeadParser::parseTarget(std::string_view method, std::string_view target) {
  if (!isTargetText(target)) return Http1Error::kBadTarget;
  if (facts_.connect) {
    if (!isAuthorityWithPort(target)) return Http1Error::kBadTarget;
    authority_in_target_ = true;
    headers_.add(HeaderName::kAuthority, target);
    return Http1Error::kNone;
  }
  if (target.front() == '/') {
    headers_.add(HeaderName::kPath, target);
    return Http1Error::kNone;
  }
  if (target == "*") {
    if (method != "OPTIONS") return Http1Error::kBadTarget;
    headers_.add(HeaderName::kPath, target);
    return Http1Error::kNone;
  }
  return parseAbsoluteTarget(method, target);
}

Http1Error HeadParser::parseAbsoluteTarget(std::string_view method, std::string_view target) {
  const bool secure = base::startsWithIgnoreCase(target, "https://");
  if (!secure && !base::startsWithIgnoreCase(target, "http://")) return Http1Error::kBadTarget;
  if (!settings_.allow_absolute_url) return Http1Error::kAbsoluteTargetNotAllowed;
  target.remove_prefix(secure ? 8 : 7);
  const size_t authority_size = std::min(target.find_first_of("/?"), target.size());
  const std::string_view authority = target.substr(0, authority_size);
  if (!isAuthority(authority)) return Http1Error::kBadTarget;
  authority_in_target_ = true;
  headers_.add(HeaderName::kScheme, secure ? "https" : "http");
  headers_.add(HeaderName::kAuthority, authority);

  const std::string_view path = target.substr(authority_size);
  if (path.empty()) {
    // RFC 9112 3.2.4: the last proxy turns an OPTIONS without a path into `*`.
    headers_.add(HeaderName::kPath, method == "OPTIONS" ? "*" : "/");
  } else if (path.front() == '?') {
    headers_.add(HeaderName::kPath, "/");
    headers_.appendToList(HeaderName::kPath, path, "");
  } else {
    headers_.add(HeaderName::kPath, path);
  }
  return Http1Error::kNone;
}

Http1Error HeadParser::parseStatusLine(std::string_view line) {
  if (const Http1Error error = checkStatusLineStart(line); error != Http1Error::kNone) return error;
  if (line[line.size() - 2] != '\r') return Http1Error::kBareLineFeed;
  line.remove_suffix(2);
  // "HTTP/1.x NNN reason"; the reason and, as many servers have it, the space before an empty one may be missing.
  if (line.size() < 12 || !isVersion(line.substr(0, 8)) || line[7] > '1' || line[8] != ' ') {
    return Http1Error::kBadStatusLine;
  }
  const std::string_view code = line.substr(9, 3);
  if (!isDigit(code[0]) || !isDigit(code[1]) || !isDigit(code[2]) || code[0] < '1' || code[0] > '5') {
    return Http1Error::kBadStatusLine;
  }
  if (line.size() > 12 && (line[12] != ' ' || !isFieldValue(line.substr(13)))) return Http1Error::kBadStatusLine;
  facts_.http_10 = line[7] == '0';
  facts_.status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  headers_.add(HeaderName::kStatus, code);
  return Http1Error::kNone;
}

Http1Error HeadParser::parseField(std::string_view line) {
  FieldLine field;
  if (const Http1Error error = parseFieldLine(line, field); error != Http1Error::kNone) return error;
  if (++fields_ > settings_.max_headers_count) return Http1Error::kTooManyHeaders;

  if (field.underscore_in_name && side_ == Side::kRequest) {
    if (settings_.underscores == UnderscoreAction::kRejectRequest) {
      stats_.requests_rejected_with_underscores_in_headers.add();
      return Http1Error::kUnderscoreInHeaderName;
    }
    if (settings_.underscores == UnderscoreAction::kDropHeader) {
      stats_.dropped_headers_with_underscores.add();
      return Http1Error::kNone;
    }
  }

  if (side_ == Side::kRequest && field.name.size() == 4 && base::equalsIgnoreCase(field.name, "host")) {
    return parseHost(field.value);
  }
  switch (headers_.addAnyCase(field.name, field.value)) {
    case HeaderName::kContentLength:
      return parseContentLength(field.value);
    case HeaderName::kTransferEncoding:
      if (transfer_encoding_seen_) return Http1Error::kBadTransferEncoding;
      transfer_encoding_seen_ = true;
      facts_.chunked = true;
      return checkTransferEncoding(field.value);
    case HeaderName::kConnection:
      base::forEachListElement(field.value, [this](std::string_view option) {
        facts_.connection_close |= base::equalsIgnoreCase(option, "close");
        facts_.connection_keep_alive |= base::equalsIgnoreCase(option, "keep-alive");
        connection_upgrade_ |= base::equalsIgnoreCase(option, "upgrade");
        return true;
      });
      return Http1Error::kNone;
    default:
      return Http1Error::kNone;
  }
}

Http1Error HeadParser::parseHost(std::string_view value) {
  if (host_seen_) return Http1Error::kSeveralHosts;
  host_seen_ = true;
  if (!isAuthority(value)) return Http1Error::kBadHost;
  // RFC 9112 3.2.2: the target's authority replaces the field.
  if (!authority_in_target_) headers_.add(HeaderName::kAuthority, value);
  return Http1Error::kNone;
}

Http1Error HeadParser::parseContentLength(std::string_view value) {
  if (facts_.content_length.has_value()) return Http1Error::kSeveralContentLengths;
  facts_.content_length = base::parseNumber<uint64_t>(value);
  if (!facts_.content_length.has_value()) {
    return value.find(',') != std::string_view::npos ? Http1Error::kSeveralContentLengths
                                                     : Http1Error::kBadContentLength;
  }
  return Http1Error::kNone;
}

Http1Error HeadParser::finish() {
  if (facts_.chunked) {
    if (facts_.http_10) return Http1Error::kTransferEncodingInHttp10;
    if (facts_.content_length.has_value()) {
      if (!settings_.allow_chunked_length) return Http1Error::kLengthAndTransferEncoding;
      // RFC 9112 6.3: transfer-encoding wins, and the length must not be forwarded.
      headers_.remove(HeaderName::kContentLength);
      facts_.content_length.reset();
    }
  }
  facts_.upgrade = connection_upgrade_ && !facts_.http_10 && headers_.has(HeaderName::kUpgrade);
  return side_ == Side::kRequest ? finishRequest() : Http1Error::kNone;
}

Http1Error HeadParser::finishRequest() {
  if (!host_seen_) {
    if (!facts_.http_10) return Http1Error::kMissingHost;
    if (!authority_in_target_) {
      if (settings_.default_host_for_http_10.empty()) return Http1Error::kMissingHost;
      headers_.add(HeaderName::kAuthority, settings_.default_host_for_http_10);
    }
  }
  if (facts_.connect) {
    // RFC 9110 9.3.6: content of a CONNECT has no meaning, so it could only be taken for the tunnel's first bytes.
    if (facts_.chunked || facts_.content_length.value_or(0) > 0) return Http1Error::kTransferEncodingInConnect;
    facts_.upgrade = false;
  }
  if (facts_.upgrade) {
    // We speak HTTP/2 over cleartext with prior knowledge only: such an offer is ignored (RFC 9113 3.1).
    base::forEachListElement(headers_.get(HeaderName::kUpgrade), [this](std::string_view protocol) {
      if (base::equalsIgnoreCase(protocol, "h2c")) facts_.upgrade = false;
      return facts_.upgrade;
    });
    if (!facts_.upgrade) {
      headers_.remove(HeaderName::kUpgrade);
      headers_.remove(HeaderName::kHttp2Settings);
    }
  }
  return Http1Error::kNone;
}

}  // namespace baton::http
