// How OpenSSL reaches a socket: recv(2) and send(2) on a descriptor that stays its owner's, without SIGPIPE.
#pragma once

#include "source/tls/openssl.h"

namespace baton::tls {

// For SSL_set_bio(). Null only when memory is out.
BIO* makeSocketBio(int fd);

}  // namespace baton::tls
