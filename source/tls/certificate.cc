#include "source/tls/certificate.h"

#include <algorithm>
#include <arpa/inet.h>
#include <ctime>
#include <openssl/pem.h>

#include "source/base/strings.h"
#include "source/tls/errors.h"

namespace baton::tls {
namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

std::string_view text(const ASN1_STRING* value) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)), static_cast<size_t>(ASN1_STRING_length(value))};
}

std::string addressText(std::string_view bytes) {
  char out[INET6_ADDRSTRLEN] = {};
  if (bytes.size() == 4) inet_ntop(AF_INET, bytes.data(), out, sizeof out);
  if (bytes.size() == 16) inet_ntop(AF_INET6, bytes.data(), out, sizeof out);
  return out;
}

std::string nameText(const X509_NAME* name) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<size_t>(std::max(size, 0L)));
}

}  // namespace

int64_t CertificateFacts::daysUntilExpiration(base::WallTime now) const {
  return std::chrono::floor<std::chrono::days>(expires - now).count();
}

std::vector<SubjectAltName> subjectAltNames(X509* certificate) {
  std::vector<SubjectAltName> found;
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    switch (name->type) {
      case GEN_EMAIL:
        found.push_back({SanType::kEmail, std::string(text(name->d.rfc822Name))});
        break;
      case GEN_DNS:
        found.push_back({SanType::kDns, std::string(text(name->d.dNSName))});
        break;
      case GEN_URI:
        found.push_back({SanType::kUri, std::string(text(name->d.uniformResourceIdentifier))});
        break;
      case GEN_IPADD:
        found.push_back({SanType::kIpAddress, addressText(text(name->d.iPAddress))});
        break;
      default:
        break;
    }
  }
  // A NUL inside a name is an attempt to look like another name to whoever reads it as a C string.
  std::erase_if(found, [](const SubjectAltName& san) { return san.value.find('\0') != std::string::npos; });
  return found;
}

CertificateFacts certificateFacts(X509* certificate, std::string_view path) {
  CertificateFacts facts;
  facts.path = path;
  facts.serial_number = serialNumber(certificate);
  facts.subject = subjectName(certificate);
  for (SubjectAltName& san : subjectAltNames(certificate)) {
    if (san.type == SanType::kDns) facts.dns_sans.push_back(std::move(san.value));
    if (san.type == SanType::kUri) facts.uri_sans.push_back(std::move(san.value));
    if (san.type == SanType::kIpAddress) facts.ip_sans.push_back(std::move(san.value));
  }
  facts.valid_from = wallTime(X509_get0_notBefore(certificate));
  facts.expires = wallTime(X509_get0_notAfter(certificate));
  return facts;
}

std::string subjectName(X509* certificate) {
  return nameText(X509_get_subject_name(certificate));
}

std::string issuerName(X509* certificate) {
  return nameText(X509_get_issuer_name(certificate));
}

std::string serialNumber(X509* certificate) {
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number(
      ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  if (!number) return {};
  char* hex = BN_bn2hex(number.get());
  std::string serial = base::lower(hex);
  OPENSSL_free(hex);
  return serial;
}

std::string fingerprint(X509* certificate, const EVP_MD* digest) {
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  if (X509_digest(certificate, digest, bytes, &size) != 1) return {};
  return base::hexEncode({reinterpret_cast<const char*>(bytes), size});
}

std::string publicKeyPin(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return {};
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int digest_size = 0;
  EVP_Digest(der, static_cast<size_t>(size), digest, &digest_size, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  return base::base64Encode({reinterpret_cast<const char*>(digest), digest_size});
}

base::WallTime wallTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(timegm(&parts));
}

std::string timeText(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  char out[40];
  const size_t size = std::strftime(out, sizeof out, "%Y-%m-%dT%H:%M:%S.000Z", &parts);
  return {out, size};
}

std::string urlEncodedPem(X509* certificate) {
  BioPtr bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(bio.get(), certificate) != 1) return {};
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &bytes);
  std::string encoded;
  encoded.reserve(static_cast<size_t>(size) + 128);
  for (const char c : std::string_view(bytes, static_cast<size_t>(size))) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
    if (plain) {
      encoded += c;
    } else {
      static constexpr char kDigits[] = "0123456789ABCDEF";
      encoded += {'%', kDigits[static_cast<unsigned char>(c) >> 4], kDigits[c & 15]};
    }
  }
  return encoded;
}

base::Result<std::vector<X509Ptr>> parseCertificates(std::string_view pem) {
  ERR_clear_error();
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<X509Ptr> certificates;
  while (X509* certificate = PEM_read_bio_X509_AUX(bio.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(certificate);
  }
  const unsigned long last = ERR_peek_last_error();
  const bool at_end = ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE;
  if (!at_end) return libraryError("not a PEM certificate");
  ERR_clear_error();
  if (certificates.empty()) {
    return base::Error{base::ErrorCode::kInvalidArgument, "no PEM certificate (\"-----BEGIN CERTIFICATE-----\") found"};
  }
  return certificates;
}

bool dnsNameMatches(std::string_view pattern, std::string_view host) {
  if (base::equalsIgnoreCase(pattern, host)) return true;
  if (!pattern.starts_with("*.") || pattern.size() < 3) return false;
  const size_t dot = host.find('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  return base::equalsIgnoreCase(pattern.substr(1), host.substr(dot));
}

}  // namespace baton::tls
