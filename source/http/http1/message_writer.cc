#include "source/http/http1/message_writer.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "source/base/strings.h"
#include "source/http/field_syntax.h"
#include "source/http/message_rules.h"
#include "source/http/status.h"

namespace baton::http {
namespace {

// Heads are put together here before they go to the sink. One per thread: nothing is kept between two messages.
std::string& scratch() {
  constexpr size_t kMostKept = 64 * 1024;
  static thread_local std::string text;
  if (text.capacity() > kMostKept) text = std::string();
  text.clear();
  return text;
}

void appendNumber(std::string& out, uint64_t number, int base = 10) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number, base);
  out.append(digits, end);
}

// Returns the end of what it has written, like std::copy.
char* copyInProperCase(std::string_view name, char* to) {
  bool start = true;
  for (const char c : name) {
    *to++ = start && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    start = c == '-';
  }
  return to;
}

// Names and values of one head, in the spelling that the settings ask for.
class FieldWriter {
 public:
  FieldWriter(std::string& out, bool proper_case) : out_(out), proper_case_(proper_case) {}

  // For names of ours and values that have been checked.
  void put(std::string_view name, std::string_view value) {
    const size_t start = out_.size();
    out_.resize(start + name.size() + value.size() + 4);
    char* at = out_.data() + start;
    at = proper_case_ ? copyInProperCase(name, at) : std::copy(name.begin(), name.end(), at);
    *at++ = ':';
    *at++ = ' ';
    at = std::copy(value.begin(), value.end(), at);
    *at++ = '\r';
    *at = '\n';
  }
  void put(std::string_view name, uint64_t number) {
    char digits[20];
    const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number);
    put(name, std::string_view(digits, static_cast<size_t>(end - digits)));
  }
  // For what came from elsewhere.
  bool putChecked(HeaderName id, std::string_view name, std::string_view value) {
    if ((id == HeaderName::kOther && !isToken(name)) || !isFieldValue(value)) return false;
    put(name, value);
    return true;
  }

 private:
  std::string& out_;
  bool proper_case_;
};

// Fields that the writer writes itself, or that belong to one hop.
bool isWritersOwn(HeaderName id) {
  switch (id) {
    case HeaderName::kMethod:
    case HeaderName::kScheme:
    case HeaderName::kAuthority:
    case HeaderName::kPath:
    case HeaderName::kProtocol:
    case HeaderName::kStatus:
    case HeaderName::kConnection:
    case HeaderName::kContentLength:
    case HeaderName::kHost:
    case HeaderName::kHttp2Settings:
    case HeaderName::kKeepAlive:
    case HeaderName::kProxyConnection:
    case HeaderName::kTransferEncoding:
    case HeaderName::kUpgrade:
      return true;
    default:
      return false;
  }
}

bool putFields(FieldWriter& fields, const HeaderMap& headers) {
  bool valid = true;
  headers.forEach([&](HeaderName id, std::string_view name, std::string_view value) {
    if (!isWritersOwn(id)) valid = valid && fields.putChecked(id, name, value);
  });
  return valid;
}

std::optional<uint64_t> contentLength(const HeaderMap& headers) {
  return base::parseNumber<uint64_t>(headers.get(HeaderName::kContentLength));
}

void appendStatusLine(std::string& out, int status) {
  out.append("HTTP/1.1 ");
  appendNumber(out, static_cast<uint64_t>(status));
  out.append(" ").append(reasonPhrase(status)).append("\r\n");
}

bool isPathText(std::string_view path) {
  return !path.empty() && std::all_of(path.begin(), path.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > 0x20 && byte != 0x7f;
  });
}

}  // namespace

void MessageWriter::write(std::string_view bytes) {
  bytes_ += bytes.size();
  sink_.write(bytes);
}

void MessageWriter::writeHeadBytes(std::string_view bytes) {
  head_bytes_ += bytes.size();
  write(bytes);
}

bool MessageWriter::writeInformational(const HeaderMap& headers) {
  const int status = headers.status();
  if (status < 100 || status > 199 || status == 101) return false;
  std::string& out = scratch();
  appendStatusLine(out, status);
  FieldWriter fields(out, settings_.proper_case_header_keys);
  if (!putFields(fields, headers)) return false;
  out.append("\r\n");
  writeHeadBytes(out);
  return true;
}

bool MessageWriter::writeResponseHead(const HeaderMap& headers, const ResponseTo& request, bool end_of_stream) {
  const int status = headers.status();
  const bool switches = status == 101;
  if (status < 200 ? !(switches && request.upgrade) : status > 999) return false;

  std::string& out = scratch();
  appendStatusLine(out, status);
  FieldWriter fields(out, settings_.proper_case_header_keys);
  if (!putFields(fields, headers)) return false;

  // RFC 9110 7.8: 101 names the protocol, 426 the one to ask for.
  const std::string_view upgrade = headers.get(HeaderName::kUpgrade);
  const bool says_upgrade = (switches || status == 426) && !upgrade.empty();
  if (says_upgrade && !fields.putChecked(HeaderName::kUpgrade, "upgrade", upgrade)) return false;
  if (request.close && !switches) {
    fields.put("connection", "close");
  } else if (says_upgrade) {
    fields.put("connection", "upgrade");
  } else if (request.http_10 && request.keep_alive_10) {
    fields.put("connection", "keep-alive");
  }

  const std::optional<uint64_t> length = contentLength(headers);
  if (switches || (request.connect && status < 300)) {
    framing_ = Framing::kTunnel;
  } else if (request.head || status == 204 || status == 304) {
    framing_ = Framing::kNoBody;
    // RFC 9110 8.6: what a GET would have given; never in a 204.
    if (length.has_value() && status != 204) fields.put("content-length", *length);
  } else if (length.has_value()) {
    framing_ = Framing::kLength;
    remaining_ = *length;
    fields.put("content-length", *length);
  } else if (end_of_stream) {
    framing_ = Framing::kNoBody;
    fields.put("content-length", uint64_t{0});
  } else if (request.http_10) {
    framing_ = Framing::kUntilClose;
  } else {
    framing_ = Framing::kChunked;
    fields.put("transfer-encoding", "chunked");
  }
  out.append("\r\n");
  writeHeadBytes(out);
  return true;
}

bool MessageWriter::writeRequestHead(const HeaderMap& headers, bool end_of_stream) {
  const std::string_view method = headers.method();
  const std::string_view authority = headers.authority();
  const std::string_view path = headers.path();
  const bool connect = method == "CONNECT";
  if (!isToken(method) || (authority.empty() ? connect : !isAuthority(authority))) return false;
  if (!connect && !isPathText(path)) return false;

  std::string& out = scratch();
  out.append(method).append(" ");
  if (connect) {
    out.append(authority);
  } else {
    if (settings_.send_fully_qualified_url && path.front() == '/') {
      out.append(headers.scheme() == "https" ? "https://" : "http://").append(authority);
    }
    out.append(path);
  }
  out.append(" HTTP/1.1\r\n");
  FieldWriter fields(out, settings_.proper_case_header_keys);
  fields.put("host", authority);
  if (!putFields(fields, headers)) return false;

  const bool upgrade = isUpgrade(headers);
  if (upgrade) {
    if (!fields.putChecked(HeaderName::kUpgrade, "upgrade", headers.get(HeaderName::kUpgrade))) return false;
    fields.put("connection", "upgrade");
  }

  const std::optional<uint64_t> length = contentLength(headers);
  if (connect || (upgrade && length.value_or(0) == 0)) {
    framing_ = Framing::kTunnel;
  } else if (length.has_value()) {
    if (end_of_stream && *length > 0) return false;
    framing_ = Framing::kLength;
    remaining_ = *length;
    fields.put("content-length", *length);
  } else if (end_of_stream) {
    framing_ = Framing::kNoBody;
    // RFC 9110 8.6: methods that usually have content say that there is none.
    if (method == "POST" || method == "PUT" || method == "PATCH") fields.put("content-length", uint64_t{0});
  } else {
    framing_ = Framing::kChunked;
    fields.put("transfer-encoding", "chunked");
  }
  out.append("\r\n");
  writeHeadBytes(out);
  return true;
}

bool MessageWriter::writeData(std::string_view bytes) {
  if (bytes.empty()) return true;
  switch (framing_) {
    case Framing::kNoBody:
      break;
    case Framing::kLength: {
      const auto fits = static_cast<size_t>(std::min<uint64_t>(remaining_, bytes.size()));
      remaining_ -= fits;
      if (fits > 0) write(bytes.substr(0, fits));
      return fits == bytes.size();
    }
    case Framing::kChunked: {
      char size_line[18];
      char* end = std::to_chars(size_line, size_line + 16, bytes.size(), 16).ptr;
      *end++ = '\r';
      *end++ = '\n';
      write({size_line, static_cast<size_t>(end - size_line)});
      write(bytes);
      write("\r\n");
      break;
    }
    case Framing::kUntilClose:
    case Framing::kTunnel:
      write(bytes);
      break;
  }
  return true;
}

bool MessageWriter::writeEnd() {
  if (framing_ == Framing::kChunked) write("0\r\n\r\n");
  return framing_ != Framing::kLength || remaining_ == 0;
}

bool MessageWriter::writeEnd(const HeaderMap& trailers) {
  if (framing_ != Framing::kChunked || !settings_.enable_trailers || trailers.empty()) return writeEnd();
  std::string& out = scratch();
  out.append("0\r\n");
  FieldWriter fields(out, settings_.proper_case_header_keys);
  trailers.forEach([&](HeaderName id, std::string_view name, std::string_view value) {
    if (!isWritersOwn(id)) fields.putChecked(id, name, value);
  });
  out.append("\r\n");
  write(out);
  return true;
}

}  // namespace baton::http
