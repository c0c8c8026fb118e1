#include "test/support/certificates.h"

#include <atomic>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdexcept>

#include <openssl/pkcs12.h>

namespace baton::test {
namespace {

constexpr long kDay = 24 * 60 * 60;

template <typename Pointer>
Pointer check(Pointer pointer) {
  if (!pointer) throw std::runtime_error("OpenSSL failed while making test material");
  return pointer;
}

void check(int result) {
  if (result <= 0) throw std::runtime_error("OpenSSL failed while making test material");
}

std::string contentOf(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return std::string(bytes, static_cast<size_t>(size));
}

// Making an RSA key takes long: one for all.
tls::KeyPtr rsaKey() {
  static EVP_PKEY* const key = check(EVP_RSA_gen(2048));
  EVP_PKEY_up_ref(key);
  return tls::KeyPtr(key);
}

void addExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = check(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  check(X509_add_ext(certificate, extension, -1));
  X509_EXTENSION_free(extension);
}

}  // namespace

TestCertificate makeCertificate(const CertificateSpec& spec) {
  static std::atomic<long> next_serial{1000};
  TestCertificate made;
  made.key = spec.key == CertificateSpec::Key::kRsa ? rsaKey() : tls::KeyPtr(check(EVP_EC_gen("P-256")));
  made.certificate.reset(check(X509_new()));
  X509* certificate = made.certificate.get();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), next_serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), spec.from_days * kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate), spec.to_days * kDay);
  X509_set_pubkey(certificate, made.key.get());
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>(spec.common_name.c_str());
  check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, text, -1, -1, 0));
  X509* issuer = spec.issuer != nullptr ? spec.issuer->certificate.get() : certificate;
  X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
  addExtension(certificate, issuer, NID_basic_constraints, spec.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  addExtension(certificate, issuer, NID_subject_key_identifier, "hash");
  if (spec.authority) addExtension(certificate, issuer, NID_key_usage, "critical,keyCertSign,cRLSign,digitalSignature");
  if (spec.must_staple) addExtension(certificate, issuer, NID_tlsfeature, "status_request");
  std::string sans;
  for (const std::string& san : spec.sans) sans += (sans.empty() ? "" : ",") + san;
  if (!sans.empty()) addExtension(certificate, issuer, NID_subject_alt_name, sans);
  check(X509_sign(certificate, spec.issuer != nullptr ? spec.issuer->key.get() : made.key.get(), EVP_sha256()));

  const tls::BioPtr bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_X509(bio.get(), certificate));
  made.certificate_pem = contentOf(bio.get());
  const tls::BioPtr key_bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_PrivateKey(key_bio.get(), made.key.get(), nullptr, nullptr, 0, nullptr, nullptr));
  made.key_pem = contentOf(key_bio.get());
  return made;
}

TestCertificate makeAuthority(const std::string& common_name) {
  return makeCertificate({.common_name = common_name, .authority = true});
}

TestCertificate makeLeaf(const std::string& name, const TestCertificate& issuer) {
  return makeCertificate({.common_name = name, .sans = {"DNS:" + name}, .issuer = &issuer});
}

std::string makeRevocationList(const TestCertificate& issuer, const std::vector<const TestCertificate*>& revoked) {
  const tls::X509CrlPtr list(check(X509_CRL_new()));
  X509_CRL_set_version(list.get(), X509_CRL_VERSION_2);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.certificate.get()));
  ASN1_TIME* time = X509_gmtime_adj(nullptr, -kDay);
  X509_CRL_set1_lastUpdate(list.get(), time);
  for (const TestCertificate* certificate : revoked) {
    X509_REVOKED* entry = check(X509_REVOKED_new());
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(certificate->certificate.get()));
    X509_REVOKED_set_revocationDate(entry, time);
    check(X509_CRL_add0_revoked(list.get(), entry));
  }
  X509_gmtime_adj(time, 30 * kDay);
  X509_CRL_set1_nextUpdate(list.get(), time);
  ASN1_TIME_free(time);
  check(X509_CRL_sign(list.get(), issuer.key.get(), EVP_sha256()));
  const tls::BioPtr bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_X509_CRL(bio.get(), list.get()));
  return contentOf(bio.get());
}

std::string makeOcspResponse(const TestCertificate& issuer, const TestCertificate& subject, int valid_days) {
  OCSP_CERTID* id = check(OCSP_cert_to_id(EVP_sha1(), subject.certificate.get(), issuer.certificate.get()));
  OCSP_BASICRESP* basic = check(OCSP_BASICRESP_new());
  ASN1_TIME* from = X509_gmtime_adj(nullptr, -30 * kDay);
  ASN1_TIME* to = X509_gmtime_adj(nullptr, valid_days * kDay);
  check(OCSP_basic_add1_status(basic, id, V_OCSP_CERTSTATUS_GOOD, 0, nullptr, from, to));
  check(OCSP_basic_sign(basic, issuer.certificate.get(), issuer.key.get(), EVP_sha256(), nullptr, 0));
  OCSP_RESPONSE* response = check(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic));
  unsigned char* der = nullptr;
  const int size = i2d_OCSP_RESPONSE(response, &der);
  check(size);
  std::string bytes(reinterpret_cast<char*>(der), static_cast<size_t>(size));
  OPENSSL_free(der);
  ASN1_TIME_free(from);
  ASN1_TIME_free(to);
  OCSP_CERTID_free(id);
  OCSP_BASICRESP_free(basic);
  OCSP_RESPONSE_free(response);
  return bytes;
}

std::string makePkcs12(const TestCertificate& certificate, const std::string& password) {
  PKCS12* bundle = check(PKCS12_create(password.c_str(), "test", certificate.key.get(), certificate.certificate.get(),
                                       nullptr, 0, 0, 0, 0, 0));
  const tls::BioPtr bio(BIO_new(BIO_s_mem()));
  check(i2d_PKCS12_bio(bio.get(), bundle));
  PKCS12_free(bundle);
  return contentOf(bio.get());
}

std::string encryptedKey(const TestCertificate& certificate, const std::string& password) {
  const tls::BioPtr bio(BIO_new(BIO_s_mem()));
  check(PEM_write_bio_PKCS8PrivateKey(bio.get(), certificate.key.get(), EVP_aes_256_cbc(), password.data(),
                                      static_cast<int>(password.size()), nullptr, nullptr));
  return contentOf(bio.get());
}

}  // namespace baton::test
