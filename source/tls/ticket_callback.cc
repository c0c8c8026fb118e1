#include "source/tls/ticket_callback.h"

#include <cstring>
#include <openssl/core_names.h>
#include <openssl/rand.h>

namespace baton::tls {
namespace {

constexpr int kError = -1;
constexpr int kUnknownKey = 0;  // a full handshake follows
constexpr int kUse = 1;
constexpr int kUseAndRenew = 2;

bool setKeys(const TicketKey& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
  // Fetched once: a look-up by name for every ticket would take a lock of the library's.
  static EVP_CIPHER* const aes = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  static char digest[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<uint8_t*>(key.mac_key.data()),
                                                           key.mac_key.size()),
                         OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                         OSSL_PARAM_construct_end()};
  return EVP_CipherInit_ex(cipher, aes, nullptr, key.cipher_key.data(), iv, encrypt) == 1 &&
         EVP_MAC_CTX_set_params(mac, params) == 1;
}

}  // namespace

int useTicketKey(const TicketKeyRing::Keys& keys, bool always_renew, unsigned char* name, unsigned char* iv,
                 EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
  if (encrypt == 1) {
    const TicketKey& newest = keys.front();
    std::memcpy(name, newest.name.data(), newest.name.size());
    if (RAND_bytes(iv, 16) != 1) return kError;
    return setKeys(newest, iv, cipher, mac, 1) ? kUse : kError;
  }
  for (const TicketKey& key : keys) {
    if (std::memcmp(name, key.name.data(), key.name.size()) != 0) continue;
    if (!setKeys(key, iv, cipher, mac, 0)) return kError;
    return &key == &keys.front() && !always_renew ? kUse : kUseAndRenew;
  }
  return kUnknownKey;
}

}  // namespace baton::tls
