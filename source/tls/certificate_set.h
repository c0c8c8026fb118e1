// The identities of a server and the choice among them by server name. Names are looked up in a hash, exact ones before
// wildcards; identities that cover the same name with different types of key (RSA, ECDSA) share a context, in which
// OpenSSL picks what the client can verify. Built once, then immutable.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "source/base/strings.h"
#include "source/tls/materials.h"
#include "source/tls/openssl.h"

namespace baton::tls {

class CertificateSet {
 public:
  // Makes an SSL_CTX with all settings but the identities.
  using MakeCtx = std::function<base::Result<SslCtxPtr>()>;

  // At least one identity. `full_scan`: for a name that none covers, choose among all of them rather than the first.
  static base::Result<CertificateSet> build(std::vector<Identity> identities, bool full_scan, const MakeCtx& make_ctx);

  // Never null. An empty name (no SNI) chooses among all.
  SSL_CTX* choose(std::string_view server_name) const;
  // What connections begin with, before their name is known.
  SSL_CTX* initial() const { return any_; }
  // Whether there is anything to choose.
  bool single() const { return contexts_.size() == 1; }

  const std::vector<Identity>& identities() const { return identities_; }
  const Identity* identityOf(const X509* leaf) const;
  // All names, sorted.
  std::vector<std::string> names() const;

 private:
  using Indexes = std::vector<size_t>;
  using NameMap = std::unordered_map<std::string, Indexes, base::StringHash, std::equal_to<>>;
  using CtxMap = std::unordered_map<std::string, SSL_CTX*, base::StringHash, std::equal_to<>>;

  base::Result<SSL_CTX*> contextFor(const Indexes& candidates, const MakeCtx& make_ctx);

  std::vector<Identity> identities_;
  std::map<Indexes, SslCtxPtr> contexts_;  // by the identities that it presents
  CtxMap exact_;
  CtxMap wildcard_;  // keyed by what follows the "*": ".example.com"
  SSL_CTX* any_ = nullptr;
  SSL_CTX* unmatched_ = nullptr;
};

}  // namespace baton::tls
