#include "source/tls/session_cache.h"

namespace baton::tls {

void SessionCache::put(const std::string& key, SessionPtr session) {
  if (capacity_ == 0) return;
  std::lock_guard lock(mutex_);
  while (sessions_.size() >= capacity_) sessions_.pop_back();
  sessions_.emplace_front(key, std::move(session));
}

SessionPtr SessionCache::get(const std::string& key) {
  std::lock_guard lock(mutex_);
  for (auto entry = sessions_.begin(); entry != sessions_.end(); ++entry) {
    if (entry->first != key) continue;
    if (SSL_SESSION_get_protocol_version(entry->second.get()) == TLS1_3_VERSION) {
      SessionPtr taken = std::move(entry->second);
      sessions_.erase(entry);
      return taken;
    }
    SSL_SESSION_up_ref(entry->second.get());
    return SessionPtr(entry->second.get());
  }
  return nullptr;
}

size_t SessionCache::size() const {
  std::lock_guard lock(mutex_);
  return sessions_.size();
}

}  // namespace baton::tls
