#include "source/tls/certificate_set.h"

#include <algorithm>
#include <set>

namespace baton::tls {
namespace {

// The names that a certificate is for: its DNS names, or its common name when it has none, as old ones do.
std::vector<std::string> namesOf(X509* leaf) {
  std::vector<std::string> names;
  for (const SubjectAltName& san : subjectAltNames(leaf)) {
    if (san.type == SanType::kDns) names.push_back(base::lower(san.value));
  }
  if (!names.empty()) return names;
  char name[256];
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, name, sizeof name);
  if (size > 0) names.push_back(base::lower({name, static_cast<size_t>(size)}));
  return names;
}

}  // namespace

base::Result<CertificateSet> CertificateSet::build(std::vector<Identity> identities, bool full_scan,
                                                   const MakeCtx& make_ctx) {
  CertificateSet set;
  set.identities_ = std::move(identities);
  NameMap exact;
  NameMap wildcard;
  Indexes all;
  for (size_t i = 0; i < set.identities_.size(); ++i) {
    all.push_back(i);
    for (const std::string& name : namesOf(set.identities_[i].leaf())) {
      if (name.starts_with("*.")) {
        wildcard[name.substr(1)].push_back(i);
      } else {
        exact[name].push_back(i);
      }
    }
  }
  const auto any = set.contextFor(all, make_ctx);
  if (!any) return any.error();
  set.any_ = *any;
  const auto unmatched = full_scan ? any : set.contextFor({0}, make_ctx);
  if (!unmatched) return unmatched.error();
  set.unmatched_ = *unmatched;
  for (const auto& [suffix, candidates] : wildcard) {
    const auto ctx = set.contextFor(candidates, make_ctx);
    if (!ctx) return ctx.error();
    set.wildcard_.emplace(suffix, *ctx);
  }
  for (const auto& [name, candidates] : exact) {
    // A wildcard may add the type of key that the exact ones lack.
    Indexes with_wildcards = candidates;
    const size_t dot = name.find('.');
    if (dot != std::string::npos) {
      if (const auto more = wildcard.find(name.substr(dot)); more != wildcard.end()) {
        with_wildcards.insert(with_wildcards.end(), more->second.begin(), more->second.end());
      }
    }
    const auto ctx = set.contextFor(with_wildcards, make_ctx);
    if (!ctx) return ctx.error();
    set.exact_.emplace(name, *ctx);
  }
  return set;
}

base::Result<SSL_CTX*> CertificateSet::contextFor(const Indexes& candidates, const MakeCtx& make_ctx) {
  Indexes chosen;
  std::set<int> key_types;
  for (const size_t i : candidates) {
    if (key_types.insert(EVP_PKEY_get_base_id(identities_[i].key.get())).second) chosen.push_back(i);
  }
  std::sort(chosen.begin(), chosen.end());
  SslCtxPtr& ctx = contexts_[chosen];
  if (ctx) return ctx.get();
  auto made = make_ctx();
  if (!made) return made.error();
  for (const size_t i : chosen) {
    if (const auto installed = install(made->get(), identities_[i]); !installed) return installed.error();
  }
  ctx = std::move(*made);
  return ctx.get();
}

SSL_CTX* CertificateSet::choose(std::string_view server_name) const {
  if (server_name.empty()) return any_;
  const std::string name = base::lower(server_name);
  if (const auto found = exact_.find(name); found != exact_.end()) return found->second;
  const size_t dot = name.find('.');
  if (dot != std::string::npos && dot > 0) {
    const auto found = wildcard_.find(std::string_view(name).substr(dot));
    if (found != wildcard_.end()) return found->second;
  }
  return unmatched_;
}

const Identity* CertificateSet::identityOf(const X509* leaf) const {
  for (const Identity& identity : identities_) {
    if (identity.leaf() == leaf) return &identity;
  }
  return nullptr;
}

std::vector<std::string> CertificateSet::names() const {
  std::set<std::string> names;
  for (const Identity& identity : identities_) {
    for (std::string& name : namesOf(identity.leaf())) names.insert(std::move(name));
  }
  return {names.begin(), names.end()};
}

}  // namespace baton::tls
