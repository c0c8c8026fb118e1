// The table of operators, by what they look at; only for the files that fill it. It is a friend of Operator, so that
// the functions in it read the arguments that the readers in it have stored. Built on first use; any thread may read.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "source/access_log/operators.h"
#include "source/base/strings.h"

namespace baton::access_log {

struct OperatorTable {
  using Read = base::Result<void> (*)(Operator& self, std::string_view arguments);
  struct Entry {
    std::string name;
    Operator::Evaluate evaluate;
    Read read = nullptr;  // null: takes no arguments
    int option = 0;
  };
  using Entries = std::vector<Entry>;
  struct Argument {
    std::string_view name;
    int value;
  };

  static base::Result<Operator> parse(std::string_view text);
  static const Entries& entries();
  static void addRequest(Entries& entries);     // request and response
  static void addTimes(Entries& entries);       // bytes and time
  static void addConnection(Entries& entries);  // the client's side, and TLS on both
  static void addUpstream(Entries& entries);    // endpoints
  static void addMetadata(Entries& entries);
  static void addProcess(Entries& entries);  // this process, and COALESCE

  static base::Error bad(std::string_view found, std::string_view expected) {
    return {base::ErrorCode::kInvalidArgument,
            "expected " + std::string(expected) + ", found '" + std::string(found) + "'"};
  }
  // The value of the one that has the name that was found.
  static base::Result<void> choose(std::string_view found, std::span<const Argument> choices, int& option);

  // What `read` finds in the context: text, a number, or a value that is made in the scratch.
  template <auto read>
  static OperatorValue of(const Operator&, const FormatContext& context, std::string& scratch) {
    if constexpr (std::is_invocable_v<decltype(read), const FormatContext&, std::string&>) {
      return read(context, scratch);
    } else {
      return valueOf(read(context));
    }
  }
  template <typename T>
  static OperatorValue valueOf(const T& found) {
    if constexpr (std::is_integral_v<T>) {
      return static_cast<uint64_t>(found);
    } else if constexpr (std::is_same_v<T, OperatorValue>) {
      return found;
    } else {
      return textOrUnset(found);
    }
  }

  static constexpr OperatorValue kUnset{};
  static OperatorValue textOrUnset(std::string_view text) { return text.empty() ? kUnset : OperatorValue(text); }
  static OperatorValue keep(std::string text, std::string& scratch) {
    scratch = std::move(text);
    return textOrUnset(scratch);
  }
  static OperatorValue joined(const std::vector<std::string>& parts, std::string& scratch) {
    return keep(base::join(parts, ","), scratch);
  }
  // One word, as details have to be in a line of fields.
  static OperatorValue detailsText(std::string_view details, bool keep_spaces, std::string& scratch);

  // How an address is printed.
  enum AddressPart { kWhole, kWithoutPort, kPortOnly };
  using AddressOf = const network::Address* (*)(const FormatContext& context);  // null: there is none
  template <AddressOf find>
  static OperatorValue address(const Operator& self, const FormatContext& context, std::string& scratch) {
    return addressValue(find(context), self.option_, scratch, self.second_option_);
  }
  // An address in its three spellings.
  template <AddressOf find>
  static void addAddress(Entries& entries, const std::string& name) {
    entries.push_back({name, address<find>, nullptr, kWhole});
    entries.push_back({name + "_WITHOUT_PORT", address<find>, readMask, kWithoutPort});
    entries.push_back({name + "_PORT", address<find>, nullptr, kPortOnly});
  }
  // `mask`: of how many bits without the port, counted from 1; 0 prints the address itself.
  static OperatorValue addressValue(const network::Address* address, int part, std::string& scratch, int mask = 0);
  // MASK_PREFIX_LEN of an address.
  static base::Result<void> readMask(Operator& self, std::string_view arguments);

  using TlsOf = const network::TlsInfo* (*)(const FormatContext& context);  // null: no TLS
  template <TlsOf find, std::string network::TlsInfo::*member>
  static OperatorValue tlsText(const Operator&, const FormatContext& context, std::string&) {
    const network::TlsInfo* const tls = find(context);
    return tls == nullptr ? kUnset : textOrUnset(tls->*member);
  }
  template <TlsOf find, std::vector<std::string> network::TlsInfo::*member>
  static OperatorValue tlsList(const Operator&, const FormatContext& context, std::string& scratch) {
    const network::TlsInfo* const tls = find(context);
    return tls == nullptr ? kUnset : joined(tls->*member, scratch);
  }
  // What a TLS peer said.
  template <TlsOf find>
  static void addTls(Entries& entries, const std::string& side) {
    using Tls = network::TlsInfo;
    entries.push_back({side + "_TLS_VERSION", tlsText<find, &Tls::version>});
    entries.push_back({side + "_TLS_CIPHER", tlsText<find, &Tls::cipher>});
    entries.push_back({side + "_TLS_SESSION_ID", tlsText<find, &Tls::session_id>});
    entries.push_back({side + "_PEER_SUBJECT", tlsText<find, &Tls::peer_subject>});
    entries.push_back({side + "_PEER_ISSUER", tlsText<find, &Tls::peer_issuer>});
    entries.push_back({side + "_PEER_SERIAL", tlsText<find, &Tls::peer_serial>});
    entries.push_back({side + "_PEER_URI_SAN", tlsList<find, &Tls::peer_uri_sans>});
    entries.push_back({side + "_PEER_DNS_SAN", tlsList<find, &Tls::peer_dns_sans>});
    entries.push_back({side + "_PEER_IP_SAN", tlsList<find, &Tls::peer_ip_sans>});
    entries.push_back({side + "_PEER_FINGERPRINT_256", tlsText<find, &Tls::peer_fingerprint_256>});
    entries.push_back({side + "_PEER_FINGERPRINT_1", tlsText<find, &Tls::peer_fingerprint_1>});
    entries.push_back({side + "_PEER_CERT", tlsText<find, &Tls::peer_certificate_url_encoded_pem>});
    entries.push_back({side + "_PEER_CERT_V_START", tlsText<find, &Tls::peer_cert_v_start>});
    entries.push_back({side + "_PEER_CERT_V_END", tlsText<find, &Tls::peer_cert_v_end>});
  }

 private:
  // The arguments of an operator, and the values that depend on them.
  static base::Result<void> readHeaders(Operator& self, std::string_view arguments);
  template <const http::HeaderMap* FormatContext::*map>
  static OperatorValue header(const Operator& self, const FormatContext& context, std::string& scratch);
  static base::Result<void> readPath(Operator& self, std::string_view arguments);
  static OperatorValue path(const Operator& self, const FormatContext& context, std::string& scratch);
  static base::Result<void> readParameter(Operator& self, std::string_view arguments);
  static OperatorValue parameter(const Operator& self, const FormatContext& context, std::string& scratch);
  static base::Result<void> readDetails(Operator& self, std::string_view arguments);
  static OperatorValue responseDetails(const Operator& self, const FormatContext& context, std::string& scratch);
  static base::Result<void> readGrpc(Operator& self, std::string_view arguments);
  static OperatorValue grpc(const Operator& self, const FormatContext& context, std::string& scratch);

  template <TimeFormat::Zone zone>
  static base::Result<void> readTime(Operator& self, std::string_view arguments);
  static OperatorValue startTime(const Operator& self, const FormatContext& context, std::string& scratch);
  static OperatorValue emitTime(const Operator& self, const FormatContext& context, std::string& scratch);
  static base::Result<void> readDuration(Operator& self, std::string_view arguments);
  static OperatorValue duration(const Operator& self, const FormatContext& context, std::string& scratch);

  static base::Result<void> readEnvironment(Operator& self, std::string_view arguments);
  static OperatorValue environment(const Operator& self, const FormatContext& context, std::string& scratch);
  static base::Result<void> readChoices(Operator& self, std::string_view arguments);
  static OperatorValue firstWithValue(const Operator& self, const FormatContext& context, std::string& scratch);

  static base::Result<void> readKeys(Operator& self, std::string_view arguments);
  static base::Result<void> readKindAndKeys(Operator& self, std::string_view arguments);
  static OperatorValue metadata(const Operator& self, const FormatContext& context, std::string& scratch);
};

}  // namespace baton::access_log
