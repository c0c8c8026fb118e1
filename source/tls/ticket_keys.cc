#include "source/tls/ticket_keys.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <openssl/crypto.h>
#include <openssl/rand.h>

namespace baton::tls {

TicketKey::~TicketKey() {
  OPENSSL_cleanse(name.data(), name.size());
  OPENSSL_cleanse(mac_key.data(), mac_key.size());
  OPENSSL_cleanse(cipher_key.data(), cipher_key.size());
}

TicketKey TicketKey::random(base::WallTime now) {
  TicketKey key;
  // A predictable key would open every session that it protects: better no process than that.
  if (RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) != 1 ||
      RAND_priv_bytes(key.mac_key.data(), static_cast<int>(key.mac_key.size())) != 1 ||
      RAND_priv_bytes(key.cipher_key.data(), static_cast<int>(key.cipher_key.size())) != 1) {
    std::abort();
  }
  key.created = now;
  return key;
}

base::Result<TicketKey> TicketKey::fromBytes(std::string_view bytes, base::WallTime now) {
  TicketKey key;
  const size_t wanted = key.name.size() + key.mac_key.size() + key.cipher_key.size();
  if (bytes.size() != wanted) {
    return base::Error{base::ErrorCode::kInvalidArgument, "a session ticket key has " + std::to_string(wanted) +
                                                              " bytes, found " + std::to_string(bytes.size())};
  }
  for (std::span<uint8_t> part :
       {std::span<uint8_t>(key.name), std::span<uint8_t>(key.mac_key), std::span<uint8_t>(key.cipher_key)}) {
    std::memcpy(part.data(), bytes.data(), part.size());
    bytes.remove_prefix(part.size());
  }
  key.created = now;
  return key;
}

std::shared_ptr<const TicketKeyRing::Keys> TicketKeyRing::keys() const {
  std::lock_guard lock(mutex_);
  return keys_;
}

void TicketKeyRing::replace(Keys keys) {
  auto fresh = std::make_shared<const Keys>(std::move(keys));
  std::lock_guard lock(mutex_);
  keys_.swap(fresh);
}

std::shared_ptr<TicketKeyRing> TicketKeyStore::ring(const std::string& policy) {
  auto& ring = rings_[policy];
  if (!ring) ring = std::make_shared<TicketKeyRing>(TicketKeyRing::Keys{TicketKey::random(clock_.wall())});
  return ring;
}

void TicketKeyStore::rotate() {
  const base::WallTime now = clock_.wall();
  std::erase_if(rings_, [](const auto& entry) { return entry.second.use_count() == 1; });
  for (auto& [policy, ring] : rings_) {
    const auto keys = ring->keys();
    // A clock that was set back must not stop the rotation for good.
    const bool from_the_future = keys->front().created > now + rotation_interval_;
    if (now - keys->front().created < rotation_interval_ && !from_the_future) continue;
    TicketKeyRing::Keys next{TicketKey::random(now)};
    next.insert(next.end(), keys->begin(), keys->begin() + std::min(keys->size(), kKeptKeys - 1));
    ring->replace(std::move(next));
  }
}

std::vector<TicketKeySet> TicketKeyStore::exportKeys() const {
  std::vector<TicketKeySet> sets;
  for (const auto& [policy, ring] : rings_) sets.push_back({policy, *ring->keys()});
  return sets;
}

size_t TicketKeyStore::importKeys(const std::vector<TicketKeySet>& sets) {
  size_t imported = 0;
  for (const TicketKeySet& set : sets) {
    const auto found = rings_.find(set.policy);
    if (found == rings_.end() || set.keys.empty()) continue;
    found->second->replace({set.keys.begin(), set.keys.begin() + std::min(set.keys.size(), kKeptKeys)});
    ++imported;
  }
  rotate();
  return imported;
}

}  // namespace baton::tls
