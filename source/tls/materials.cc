#include "source/tls/materials.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <sstream>

#include <openssl/pkcs12.h>

#include "source/tls/errors.h"

namespace baton::tls {
namespace {

base::Error fieldError(std::string_view field, std::string_view message) {
  return {base::ErrorCode::kInvalidArgument, std::string(field) + ": " + std::string(message)};
}

base::Error fieldError(std::string_view field, const Material& material, const base::Error& error) {
  return {error.code, std::string(field) + ": " + material.path + ": " + error.message};
}

int givePassword(char* into, int size, int, void* password) {
  const auto& text = *static_cast<const std::string*>(password);
  if (text.size() > static_cast<size_t>(size)) return -1;
  std::memcpy(into, text.data(), text.size());
  return static_cast<int>(text.size());
}

base::Result<KeyPtr> parseKey(const Material& material, std::string& password) {
  ERR_clear_error();
  const BioPtr bio(BIO_new_mem_buf(material.bytes.data(), static_cast<int>(material.bytes.size())));
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, givePassword, &password));
  if (!key) return libraryError("not a PEM private key, or not its password");
  return key;
}

base::Result<void> readPkcs12(const Material& material, const std::string& password, Identity& identity) {
  ERR_clear_error();
  const BioPtr bio(BIO_new_mem_buf(material.bytes.data(), static_cast<int>(material.bytes.size())));
  const std::unique_ptr<PKCS12, Freer<PKCS12_free>> bundle(d2i_PKCS12_bio(bio.get(), nullptr));
  EVP_PKEY* key = nullptr;
  X509* leaf = nullptr;
  STACK_OF(X509)* others = nullptr;
  if (!bundle || PKCS12_parse(bundle.get(), password.c_str(), &key, &leaf, &others) != 1) {
    return libraryError("not a PKCS#12 bundle, or not its password");
  }
  identity.key.reset(key);
  if (leaf != nullptr) identity.chain.emplace_back(leaf);
  for (int i = 0; others != nullptr && i < sk_X509_num(others); ++i) {
    identity.chain.emplace_back(sk_X509_value(others, i));
  }
  sk_X509_free(others);
  if (leaf == nullptr || key == nullptr) {
    return base::Error{base::ErrorCode::kInvalidArgument, "the PKCS#12 bundle lacks a certificate or its key"};
  }
  return {};
}

base::Result<Staple> parseStaple(const Material& material, X509* leaf) {
  ERR_clear_error();
  const auto* bytes = reinterpret_cast<const unsigned char*>(material.bytes.data());
  const std::unique_ptr<OCSP_RESPONSE, Freer<OCSP_RESPONSE_free>> response(
      d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(material.bytes.size())));
  if (!response) return libraryError("not an OCSP response in DER");
  if (OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return base::Error{base::ErrorCode::kInvalidArgument, "the OCSP response is not a successful one"};
  }
  const std::unique_ptr<OCSP_BASICRESP, Freer<OCSP_BASICRESP_free>> basic(OCSP_response_get1_basic(response.get()));
  if (!basic || OCSP_resp_count(basic.get()) != 1) {
    return base::Error{base::ErrorCode::kInvalidArgument, "the OCSP response must be about exactly one certificate"};
  }
  OCSP_SINGLERESP* single = OCSP_resp_get0(basic.get(), 0);
  ASN1_INTEGER* serial = nullptr;
  OCSP_id_get0_info(nullptr, nullptr, nullptr, &serial, const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
  if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0) {
    return base::Error{base::ErrorCode::kInvalidArgument, "the OCSP response is about another certificate"};
  }
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  OCSP_single_get0_status(single, nullptr, nullptr, nullptr, &next_update);
  Staple staple{material.bytes, std::nullopt};
  if (next_update != nullptr) staple.expires = wallTime(next_update);
  return staple;
}

base::Result<void> readPem(const api::TlsCertificate& settings, const std::string& field, std::string& password,
                           Identity& identity) {
  if (!settings.certificate_chain) return fieldError(field + ".certificate_chain", "required");
  if (!settings.private_key) return fieldError(field + ".private_key", "required");
  const auto chain = readMaterial(*settings.certificate_chain, field + ".certificate_chain");
  if (!chain) return chain.error();
  auto certificates = parseCertificates(chain->bytes);
  if (!certificates) return fieldError(field + ".certificate_chain", *chain, certificates.error());
  const auto key_text = readMaterial(*settings.private_key, field + ".private_key");
  if (!key_text) return key_text.error();
  auto key = parseKey(*key_text, password);
  if (!key) return fieldError(field + ".private_key", *key_text, key.error());
  identity.chain = std::move(*certificates);
  identity.key = std::move(*key);
  identity.path = chain->path;
  return {};
}

}  // namespace

base::Result<Material> readMaterial(const api::DataSource& source, std::string_view field) {
  if (source.inline_string) return Material{*source.inline_string, "<inline>"};
  if (source.inline_bytes) return Material{*source.inline_bytes, "<inline>"};
  if (source.environment_variable) {
    const char* value = std::getenv(source.environment_variable->c_str());
    if (value == nullptr) return fieldError(field, "environment variable " + *source.environment_variable + " not set");
    return Material{value, "<inline>"};
  }
  if (!source.filename)
    return fieldError(field, "expected filename, inline_string, inline_bytes or environment_variable");
  std::ifstream file(*source.filename, std::ios::binary);
  std::ostringstream bytes;
  if (file) bytes << file.rdbuf();
  if (!file) return base::Error{base::systemError(std::string(field) + ": cannot read " + *source.filename)};
  return Material{std::move(bytes).str(), *source.filename};
}

base::Result<Identity> loadIdentity(const api::TlsCertificate& settings, const std::string& field) {
  std::string password;
  if (settings.password) {
    const auto material = readMaterial(*settings.password, field + ".password");
    if (!material) return material.error();
    password = material->bytes;
  }
  Identity identity;
  if (settings.pkcs12) {
    const auto bundle = readMaterial(*settings.pkcs12, field + ".pkcs12");
    if (!bundle) return bundle.error();
    if (const auto read = readPkcs12(*bundle, password, identity); !read) {
      return fieldError(field + ".pkcs12", *bundle, read.error());
    }
    identity.path = bundle->path;
  } else if (const auto read = readPem(settings, field, password, identity); !read) {
    return read.error();
  }
  ERR_clear_error();
  if (X509_check_private_key(identity.leaf(), identity.key.get()) != 1) {
    ERR_clear_error();
    return fieldError(field, "the private key does not belong to the certificate of " + identity.path + " (" +
                                 subjectName(identity.leaf()) + ")");
  }
  identity.must_staple = X509_get_ext_by_NID(identity.leaf(), NID_tlsfeature, -1) >= 0;
  if (settings.ocsp_staple) {
    const auto material = readMaterial(*settings.ocsp_staple, field + ".ocsp_staple");
    if (!material) return material.error();
    auto staple = parseStaple(*material, identity.leaf());
    if (!staple) return fieldError(field + ".ocsp_staple", *material, staple.error());
    identity.staple = std::move(*staple);
  }
  return identity;
}

base::Result<void> install(SSL_CTX* ctx, const Identity& identity) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate(ctx, identity.leaf()) != 1 || SSL_CTX_use_PrivateKey(ctx, identity.key.get()) != 1) {
    return libraryError(identity.path);
  }
  SSL_CTX_clear_chain_certs(ctx);
  for (size_t i = 1; i < identity.chain.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(ctx, identity.chain[i].get()) != 1) return libraryError(identity.path);
  }
  return {};
}

}  // namespace baton::tls
