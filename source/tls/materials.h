// Certificates, keys and lists that a configuration names, read and checked. Main thread. Errors begin with the path of
// the field below the TLS context.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/tls.h"

#include "source/base/result.h"
#include "source/tls/certificate.h"
#include "source/tls/openssl.h"

namespace baton::tls {

struct Material {
  std::string bytes;
  std::string path;  // the file, or "<inline>"
};

base::Result<Material> readMaterial(const api::DataSource& source, std::string_view field);

// An OCSP response that we staple.
struct Staple {
  std::string der;
  std::optional<base::WallTime> expires;

  bool valid(base::WallTime now) const { return !expires || now < *expires; }
};

// What proves who we are: leaf first, with the leaf's key.
struct Identity {
  std::vector<X509Ptr> chain;
  KeyPtr key;
  std::string path;
  std::optional<Staple> staple;
  bool must_staple = false;  // RFC 7633: the certificate says that it comes with a staple

  X509* leaf() const { return chain.front().get(); }
};

base::Result<Identity> loadIdentity(const api::TlsCertificate& settings, const std::string& field);
// Makes the context present this identity; one for each type of key.
base::Result<void> install(SSL_CTX* ctx, const Identity& identity);

}  // namespace baton::tls
