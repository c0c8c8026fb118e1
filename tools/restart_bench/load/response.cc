#include "tools/restart_bench/load/response.h"

#include <algorithm>

#include "source/base/strings.h"

namespace baton::restart_bench {

bool Response::feed(std::string_view bytes) {
  if (bytes.empty()) return true;
  begun_ = true;
  if (complete_) return false;
  if (!head_done_) {
    head_ += bytes;
    const size_t end = head_.find("\r\n\r\n");
    if (end == std::string::npos) return head_.size() < 64 * 1024;
    const std::string rest = head_.substr(end + 4);
    head_.resize(end + 2);
    if (!parseHead()) return false;
    head_done_ = true;
    if (length_ == 0u || status_ == 101) complete_ = true;
    return rest.empty() || status_ == 101 ? true : takeBody(rest);
  }
  return takeBody(bytes);
}

void Response::finish() {
  if (head_done_ && !length_ && !chunked_) complete_ = true;
}

bool Response::parseHead() {
  if (!head_.starts_with("HTTP/1.")) return false;
  const auto status = base::parseNumber<int>(std::string_view(head_).substr(9, 3));
  if (!status) return false;
  status_ = *status;
  closes_ = head_[7] == '0';
  for (std::string_view line : base::split(head_, '\n')) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    std::string_view value = line.substr(colon + 1);
    if (value.ends_with('\r')) value.remove_suffix(1);
    value = base::trim(value);
    if (base::equalsIgnoreCase(name, "content-length")) length_ = base::parseNumber(value);
    if (base::equalsIgnoreCase(name, "transfer-encoding")) chunked_ = base::equalsIgnoreCase(value, "chunked");
    if (base::equalsIgnoreCase(name, "connection")) closes_ = base::equalsIgnoreCase(value, "close");
  }
  return true;
}

bool Response::takeBody(std::string_view bytes) {
  if (complete_) return false;
  if (chunked_) return takeChunked(bytes);
  compare(bytes);
  if (length_ && received_ > *length_) return false;
  if (length_ && received_ == *length_) complete_ = true;
  return true;
}

bool Response::takeChunked(std::string_view bytes) {
  while (!bytes.empty()) {
    if (complete_) return false;
    if (chunk_left_ > 0) {
      const size_t count = std::min<uint64_t>(bytes.size(), chunk_left_);
      compare(bytes.substr(0, count));
      chunk_left_ -= count;
      bytes.remove_prefix(count);
      continue;
    }
    // The line end after a chunk, a size line, or the empty line after the last one.
    const char c = bytes.front();
    bytes.remove_prefix(1);
    if (c != '\n') {
      if (c != '\r') chunk_line_ += c;
      continue;
    }
    if (chunk_line_.empty()) {
      if (last_chunk_) complete_ = true;
      continue;
    }
    const auto size = base::parseNumber(chunk_line_, 16);
    chunk_line_.clear();
    if (!size) return false;
    chunk_left_ = *size;
    last_chunk_ = *size == 0;
  }
  return true;
}

void Response::compare(std::string_view bytes) {
  for (const char c : bytes) {
    const bool same =
        expected_ ? received_ < expected_->size() && (*expected_)[received_] == c : c == patternAt(received_);
    matches_ = matches_ && same;
    ++received_;
  }
}

}  // namespace baton::restart_bench
