// Bytes to the ClientHello parser: names are host names of bounded length, the verdict does not depend on how the bytes
// arrive, and what OpenSSL reads as a ClientHello has the same name and protocols in it.
#include <algorithm>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/strings.h"
#include "source/network/client_hello.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {

using network::ClientHello;
using network::ClientHelloStatus;

namespace {

// What OpenSSL finds in the same bytes.
struct Reference {
  bool is_hello = false;
  std::string server_name;  // in lower case
  std::vector<std::string> application_protocols;
};

std::string_view extensionOf(SSL* ssl, unsigned type) {
  const unsigned char* bytes = nullptr;
  size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, type, &bytes, &size) != 1) return {};
  return {reinterpret_cast<const char*>(bytes), size};
}

size_t number(std::string_view bytes, size_t at, size_t width) {
  size_t value = 0;
  for (size_t i = at; i < at + width && i < bytes.size(); ++i)
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

int readHello(SSL* ssl, int*, void* into) {
  Reference& found = *static_cast<Reference*>(into);
  found.is_hello = true;
  const std::string_view names = extensionOf(ssl, TLSEXT_TYPE_server_name);
  for (size_t at = 2; at + 3 <= names.size() && found.server_name.empty(); at += 3 + number(names, at + 1, 2)) {
    const std::string_view name = names.substr(at + 3, number(names, at + 1, 2));
    const bool printable = std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
    if (names[at] == TLSEXT_NAMETYPE_host_name && printable && name.size() <= 255)
      found.server_name = base::lower(name);
  }
  const std::string_view protocols = extensionOf(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation);
  for (size_t at = 2; at < protocols.size(); at += 1 + number(protocols, at, 1)) {
    found.application_protocols.emplace_back(protocols.substr(at + 1, number(protocols, at, 1)));
  }
  return SSL_CLIENT_HELLO_ERROR;  // No more is wanted.
}

Reference askOpenSsl(std::string_view bytes) {
  static SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  Reference found;
  SSL_CTX_set_client_hello_cb(context, readHello, &found);
  SSL* const ssl = SSL_new(context);
  SSL_set_bio(ssl, BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())), BIO_new(BIO_s_null()));
  SSL_accept(ssl);
  SSL_free(ssl);
  ERR_clear_error();
  return found;
}

}  // namespace

BATON_FUZZ_TARGET(client_hello, input) {
  constexpr size_t kMost = 4096;
  const std::string_view bytes = input.substr(0, kMost);
  ClientHello whole;
  const ClientHelloStatus status = network::parseClientHello(bytes, kMost, whole);
  if (status != ClientHelloStatus::kDone) {
    fuzzCheck(whole.server_name.empty() && whole.application_protocols.empty(), "facts of a broken hello");
  }
  fuzzCheck(whole.server_name.size() <= 255, "a name that is no host name");
  fuzzCheck(
      std::ranges::none_of(whole.server_name, [](char c) { return c <= ' ' || c >= 0x7f || (c >= 'A' && c <= 'Z'); }),
      "a name that is no host name");
  for (size_t length = 1; length < bytes.size(); ++length) {
    ClientHello prefix;
    const ClientHelloStatus early = network::parseClientHello(bytes.substr(0, length), kMost, prefix);
    if (early == ClientHelloStatus::kNeedMore) continue;
    fuzzCheck(early == status, "depends on the split");
    fuzzCheck(prefix.server_name == whole.server_name, "another name when split");
    break;
  }

  const Reference reference = askOpenSsl(bytes);
  if (!reference.is_hello) return;
  fuzzCheck(status != ClientHelloStatus::kNeedMore, "waits for more of what is complete");
  if (status != ClientHelloStatus::kDone) return;
  fuzzCheck(whole.server_name == reference.server_name, "another name than OpenSSL finds");
  fuzzCheck(whole.application_protocols == reference.application_protocols, "other protocols than OpenSSL finds");
}

}  // namespace baton::test
