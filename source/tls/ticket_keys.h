// The keys that session tickets are encrypted with. The newest encrypts; older ones still decrypt until they are
// rotated out. A ring belongs to a client certificate policy: when the policy changes, a context gets another ring, so
// that no session that an older policy let in can be resumed. Keys never reach a disk or a log and are wiped when they
// go.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/clock.h"
#include "source/base/result.h"

namespace baton::tls {

struct TicketKey {
  std::array<uint8_t, 16> name{};
  std::array<uint8_t, 32> mac_key{};
  std::array<uint8_t, 32> cipher_key{};
  base::WallTime created{};

  TicketKey() = default;
  TicketKey(const TicketKey&) = default;
  TicketKey& operator=(const TicketKey&) = default;
  ~TicketKey();

  static TicketKey random(base::WallTime now);
  // 80 bytes: name, MAC key, cipher key.
  static base::Result<TicketKey> fromBytes(std::string_view bytes, base::WallTime now);
};

// What crosses a hot restart: the keys of one policy, newest first.
struct TicketKeySet {
  std::string policy;
  std::vector<TicketKey> keys;
};

// Read by every worker's handshakes, changed by the main thread.
class TicketKeyRing {
 public:
  using Keys = std::vector<TicketKey>;  // newest first, never empty

  explicit TicketKeyRing(Keys keys) : keys_(std::make_shared<const Keys>(std::move(keys))) {}

  std::shared_ptr<const Keys> keys() const;
  void replace(Keys keys);

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Keys> keys_;
};

// All rings of the process. Owned by the server and outlives the contexts; main thread.
class TicketKeyStore {
 public:
  static constexpr std::chrono::hours kRotationInterval{12};
  static constexpr size_t kKeptKeys = 3;

  explicit TicketKeyStore(const base::Clock& clock, std::chrono::seconds rotation_interval = kRotationInterval)
      : clock_(clock), rotation_interval_(rotation_interval) {}

  // The ring of a policy, made with a fresh key when there is none.
  std::shared_ptr<TicketKeyRing> ring(const std::string& policy);
  // Gives a new key to each ring whose newest one is older than the interval, forgets keys beyond kKeptKeys and rings
  // that no context uses any more. Call it every few minutes.
  void rotate();

  std::vector<TicketKeySet> exportKeys() const;
  // Replaces the keys of the rings with the same policy; sets of other policies are dropped. Returns how many rings
  // took keys.
  size_t importKeys(const std::vector<TicketKeySet>& sets);

 private:
  const base::Clock& clock_;
  std::chrono::seconds rotation_interval_;
  std::map<std::string, std::shared_ptr<TicketKeyRing>> rings_;
};

}  // namespace baton::tls
