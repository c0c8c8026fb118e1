// Sessions of a TLS client that wait to be resumed, newest first. Shared by all workers.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "source/tls/openssl.h"

namespace baton::tls {

class SessionCache {
 public:
  explicit SessionCache(size_t capacity) : capacity_(capacity) {}

  // The oldest makes room.
  void put(const std::string& key, SessionPtr session);
  // One that was stored under `key`, or null. One of TLS 1.3 is taken out, since its ticket should be used once
  // (RFC 8446 C.4).
  SessionPtr get(const std::string& key);
  size_t size() const;

 private:
  const size_t capacity_;
  mutable std::mutex mutex_;
  std::deque<std::pair<std::string, SessionPtr>> sessions_;
};

}  // namespace baton::tls
