#include "source/network/listener_filter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>
#include <span>
#include <sys/socket.h>

#include "api/metadata.h"

#include "source/base/strings.h"
#include "source/base/utf8.h"
#include "source/network/client_hello.h"
#include "source/network/proxy_header.h"

namespace baton::network {
namespace {

using Verdict = ListenerFilter::Verdict;

// What a peek found: bytes, or that there is nothing yet, or that the connection is over.
struct Peeked {
  std::string_view bytes;
  bool over = false;
};

Peeked peek(int fd, std::span<char> into) {
  ssize_t got = 0;
  do {
    got = ::recv(fd, into.data(), into.size(), MSG_PEEK | MSG_DONTWAIT);
  } while (got < 0 && errno == EINTR);
  if (got > 0) return {{into.data(), static_cast<size_t>(got)}, false};
  return {{}, got == 0 || errno != EAGAIN};
}

// --- tls_inspector ---

struct TlsInspectorFactory;

class TlsInspectorFilter final : public ListenerFilter {
 public:
  explicit TlsInspectorFilter(const TlsInspectorFactory& factory) : factory_(factory) {}
  Verdict look(AcceptedSocket& socket) override;

 private:
  const TlsInspectorFactory& factory_;
  size_t seen_ = 0;
};

struct TlsInspectorFactory final : public ListenerFilterFactory {
  TlsInspectorFactory(const api::TlsInspector& settings, const stats::Scope& root)
      : max_bytes(settings.max_client_hello_size),
        close_on_errors(settings.close_connection_on_client_hello_parsing_errors),
        tls_found(root.counter("tls_inspector.tls_found")),
        tls_not_found(root.counter("tls_inspector.tls_not_found")),
        too_large(root.counter("tls_inspector.client_hello_too_large")),
        sni_found(root.counter("tls_inspector.sni_found")),
        sni_not_found(root.counter("tls_inspector.sni_not_found")),
        alpn_found(root.counter("tls_inspector.alpn_found")),
        alpn_not_found(root.counter("tls_inspector.alpn_not_found")) {}
  std::unique_ptr<ListenerFilter> create() const override { return std::make_unique<TlsInspectorFilter>(*this); }

  const size_t max_bytes;
  const bool close_on_errors;
  stats::Counter tls_found, tls_not_found, too_large, sni_found, sni_not_found, alpn_found, alpn_not_found;
};

Verdict TlsInspectorFilter::look(AcceptedSocket& socket) {
  std::array<char, 16384> storage;
  const Peeked peeked = peek(socket.fd, {storage.data(), std::min(storage.size(), factory_.max_bytes)});
  // An end without bytes is a connection that never was: the session sees it as such.
  if (peeked.over) return Verdict::kContinue;
  if (peeked.bytes.size() == seen_) return Verdict::kWait;
  seen_ = peeked.bytes.size();
  ClientHello hello;
  switch (parseClientHello(peeked.bytes, factory_.max_bytes, hello)) {
    case ClientHelloStatus::kNeedMore:
      return Verdict::kWait;
    case ClientHelloStatus::kTooLarge:
      factory_.too_large.add();
      return Verdict::kClose;
    case ClientHelloStatus::kMalformed:
      factory_.tls_not_found.add();
      return factory_.close_on_errors ? Verdict::kClose : Verdict::kContinue;
    case ClientHelloStatus::kNotTls:
      factory_.tls_not_found.add();
      return Verdict::kContinue;
    case ClientHelloStatus::kDone:
      break;
  }
  factory_.tls_found.add();
  (hello.server_name.empty() ? factory_.sni_not_found : factory_.sni_found).add();
  (hello.application_protocols.empty() ? factory_.alpn_not_found : factory_.alpn_found).add();
  socket.info.detected_transport_protocol = "tls";
  socket.info.requested_server_name = std::move(hello.server_name);
  socket.info.requested_application_protocols = std::move(hello.application_protocols);
  return Verdict::kContinue;
}

// --- proxy_protocol ---

struct ProxyProtocolFactory;

class ProxyProtocolFilter final : public ListenerFilter {
 public:
  explicit ProxyProtocolFilter(const ProxyProtocolFactory& factory) : factory_(factory) {}
  Verdict look(AcceptedSocket& socket) override;

 private:
  const ProxyProtocolFactory& factory_;
};

struct ProxyProtocolFactory final : public ListenerFilterFactory {
  struct VersionStats {
    explicit VersionStats(const stats::Scope& scope)
        : found(scope.counter("found")), disallowed(scope.counter("disallowed")), error(scope.counter("error")) {}
    stats::Counter found, disallowed, error;
  };

  ProxyProtocolFactory(const api::ProxyProtocol& settings, const stats::Scope& scope)
      : optional(settings.allow_requests_without_proxy_protocol),
        not_found_allowed(scope.counter("not_found_allowed")),
        not_found_disallowed(scope.counter("not_found_disallowed")),
        versions{VersionStats(scope.scope("versions.v1.")), VersionStats(scope.scope("versions.v2."))} {
    for (const auto version : settings.disallowed_versions) {
      if (version == api::ProxyProtocol::Version::kV1) disallowed[0] = true;
      if (version == api::ProxyProtocol::Version::kV2) disallowed[1] = true;
    }
    for (const auto& rule : settings.rules) {
      if (rule.on_tlv_present) kept_tlvs[static_cast<uint8_t>(rule.tlv_type)] = *rule.on_tlv_present;
    }
  }
  std::unique_ptr<ListenerFilter> create() const override { return std::make_unique<ProxyProtocolFilter>(*this); }

  const bool optional;
  std::array<bool, 2> disallowed{};
  stats::Counter not_found_allowed, not_found_disallowed;
  std::array<VersionStats, 2> versions;
  std::map<uint8_t, api::ProxyProtocol::KeyValuePair> kept_tlvs;
};

// Values are made UTF-8, because formats write them as JSON.
std::shared_ptr<const api::Metadata> metadataOf(const std::vector<std::pair<uint8_t, std::string>>& tlvs,
                                                const std::map<uint8_t, api::ProxyProtocol::KeyValuePair>& kept) {
  std::map<std::string, std::map<std::string, std::string>> found;
  for (const auto& [type, value] : tlvs) {
    const auto rule = kept.find(type);
    if (rule == kept.end()) continue;
    const std::string& name = rule->second.metadata_namespace;
    std::string& text = found[name.empty() ? "envoy.filters.listener.proxy_protocol" : name][rule->second.key];
    text = value;
    for (size_t at = 0; at < text.size();) {
      const size_t length = base::utf8Length(std::string_view(text).substr(at));
      if (length == 0) text[at] = '!';
      at += std::max<size_t>(length, 1);
    }
  }
  if (found.empty()) return nullptr;
  auto metadata = std::make_shared<api::Metadata>();
  for (auto& [name, values] : found) {
    api::Value::Object object;
    for (auto& [key, text] : values) object.push_back({key, api::Value{std::move(text)}});
    metadata->filter_metadata.emplace(name, api::Value{std::move(object)});
  }
  return metadata;
}

Verdict ProxyProtocolFilter::look(AcceptedSocket& socket) {
  std::array<char, 2048> storage;
  Peeked peeked = peek(socket.fd, storage);
  // An end without bytes is not the header's fault: whoever waits for more sees the end too.
  if (peeked.bytes.empty()) return Verdict::kWait;
  ProxyHeader header;
  ProxyHeaderStatus status = parseProxyHeader(peeked.bytes, header);
  std::string large;
  if (status == ProxyHeaderStatus::kNeedMore && header.length > storage.size()) {
    large.resize(header.length);
    peeked = peek(socket.fd, large);
    status = parseProxyHeader(peeked.bytes, header);
  }
  if (status == ProxyHeaderStatus::kNeedMore) return Verdict::kWait;
  if (status == ProxyHeaderStatus::kNone) {
    (factory_.optional ? factory_.not_found_allowed : factory_.not_found_disallowed).add();
    return factory_.optional ? Verdict::kContinue : Verdict::kClose;
  }
  const size_t index = header.version == 1 ? 0 : 1;
  const auto& counts = factory_.versions[index];
  if (factory_.disallowed[index]) {
    counts.disallowed.add();
    return Verdict::kClose;
  }
  if (status == ProxyHeaderStatus::kMalformed) {
    counts.error.add();
    return Verdict::kClose;
  }
  // Exactly the header leaves the socket; the stream begins after it.
  std::string consumed(header.length, '\0');
  if (::recv(socket.fd, consumed.data(), consumed.size(), MSG_DONTWAIT) != static_cast<ssize_t>(consumed.size())) {
    counts.error.add();
    return Verdict::kClose;
  }
  counts.found.add();
  if (header.source) socket.info.remote_address = std::move(*header.source);
  if (header.destination) socket.info.local_address = std::move(*header.destination);
  socket.info.dynamic_metadata = metadataOf(header.tlvs, factory_.kept_tlvs);
  socket.info.proxy_protocol_tlvs = std::move(header.tlvs);
  return Verdict::kContinue;
}

// --- http_inspector ---

struct HttpInspectorFactory;

class HttpInspectorFilter final : public ListenerFilter {
 public:
  explicit HttpInspectorFilter(const HttpInspectorFactory& factory) : factory_(factory) {}
  Verdict look(AcceptedSocket& socket) override;

 private:
  const HttpInspectorFactory& factory_;
};

struct HttpInspectorFactory final : public ListenerFilterFactory {
  explicit HttpInspectorFactory(const stats::Scope& scope)
      : http10_found(scope.counter("http10_found")),
        http11_found(scope.counter("http11_found")),
        http2_found(scope.counter("http2_found")),
        http_not_found(scope.counter("http_not_found")) {}
  std::unique_ptr<ListenerFilter> create() const override { return std::make_unique<HttpInspectorFilter>(*this); }

  stats::Counter http10_found, http11_found, http2_found, http_not_found;
};

Verdict HttpInspectorFilter::look(AcceptedSocket& socket) {
  constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  if (socket.info.detected_transport_protocol == "tls") return Verdict::kContinue;
  std::array<char, 8192> storage;
  const Peeked peeked = peek(socket.fd, storage);
  if (peeked.over) return Verdict::kContinue;
  const std::string_view bytes = peeked.bytes;
  if (bytes.size() < kPreface.size() && kPreface.starts_with(bytes)) return Verdict::kWait;
  if (bytes.starts_with(kPreface)) {
    factory_.http2_found.add();
    socket.info.requested_application_protocols = {"h2c"};
    return Verdict::kContinue;
  }
  const size_t end = bytes.find_first_of("\r\n");
  const bool text = std::ranges::all_of(bytes.substr(0, end), [](char c) { return c >= ' ' && c != 0x7f; });
  if (end == std::string_view::npos && text && bytes.size() < storage.size()) return Verdict::kWait;
  const std::string_view line = bytes.substr(0, end);
  if (text && line.ends_with(" HTTP/1.1")) {
    factory_.http11_found.add();
    socket.info.requested_application_protocols = {"http/1.1"};
  } else if (text && line.ends_with(" HTTP/1.0")) {
    factory_.http10_found.add();
    socket.info.requested_application_protocols = {"http/1.0"};
  } else {
    factory_.http_not_found.add();
  }
  return Verdict::kContinue;
}

// --- original_dst ---

class OriginalDstFilter final : public ListenerFilter {
 public:
  Verdict look(AcceptedSocket& socket) override {
    constexpr int kOriginalDestination = 80;  // SO_ORIGINAL_DST of linux/netfilter_ipv4.h, the same for IPv6
    if (!socket.info.direct_local_address.isIp()) return Verdict::kContinue;
    const bool v6 = socket.info.direct_local_address.family() == Address::Family::kIpv6;
    sockaddr_storage raw{};
    socklen_t length = sizeof(raw);
    // Fails where no firewall rule redirected the connection: then it came to where it wanted to go.
    if (::getsockopt(socket.fd, v6 ? int{IPPROTO_IPV6} : int{IPPROTO_IP}, kOriginalDestination, &raw, &length) == 0) {
      if (auto original = Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&raw), length)) {
        socket.info.local_address = std::move(*original);
      }
    }
    return Verdict::kContinue;
  }
};

struct OriginalDstFactory final : public ListenerFilterFactory {
  std::unique_ptr<ListenerFilter> create() const override { return std::make_unique<OriginalDstFilter>(); }
};

}  // namespace

base::Result<std::shared_ptr<const ListenerFilterFactory>> ListenerFilterFactory::build(
    const api::ListenerFilter& filter, const stats::Scope& root) {
  using Made = std::shared_ptr<const ListenerFilterFactory>;
  const api::TypedConfig& config = filter.typed_config;
  if (const auto* settings = config.as<api::TlsInspector>()) {
    return Made(std::make_shared<TlsInspectorFactory>(*settings, root));
  }
  if (const auto* settings = config.as<api::ProxyProtocol>()) {
    std::string prefix = "proxy_proto.";
    if (!settings->stat_prefix.empty()) prefix += settings->stat_prefix + ".";
    return Made(std::make_shared<ProxyProtocolFactory>(*settings, root.scope(prefix)));
  }
  if (config.as<api::HttpInspector>() != nullptr) {
    return Made(std::make_shared<HttpInspectorFactory>(root.scope("http_inspector.")));
  }
  if (config.as<api::OriginalDst>() != nullptr) return Made(std::make_shared<OriginalDstFactory>());
  return base::Error{base::ErrorCode::kInvalidArgument, "listener filter '" + filter.name + "' is not implemented"};
}

}  // namespace baton::network
