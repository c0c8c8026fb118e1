// Lets an SSL_CTX encrypt its session tickets with the keys of a ring: AES-256-CBC, HMAC-SHA-256 (RFC 5077 4).
#pragma once

#include <memory>

#include "source/tls/openssl.h"
#include "source/tls/ticket_keys.h"

namespace baton::tls {

// For SSL_CTX_set_tlsext_ticket_key_evp_cb()'s callback: `keys` of one moment; with `always_renew` each resumption
// brings a new ticket. Returns what OpenSSL expects of it.
int useTicketKey(const TicketKeyRing::Keys& keys, bool always_renew, unsigned char* name, unsigned char* iv,
                 EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt);

}  // namespace baton::tls
