// The small parsers that read what peers or configurations say: what they accept prints as what it means, and reading
// that again gives the same.
#include <string>
#include <string_view>

#include "source/base/strings.h"
#include "source/config/node.h"
#include "source/config/scalars.h"
#include "source/http/cookie.h"
#include "source/http/date.h"
#include "source/http/field_syntax.h"
#include "source/http/header_map.h"
#include "source/http/query.h"
#include "source/network/address.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {
namespace {

void checkDate(std::string_view text) {
  const auto time = http::parseHttpDate(text);
  if (!time) return;
  const std::string printed = http::formatHttpDate(*time);
  fuzzCheck(printed.size() == 29, "a date of another size");
  const auto again = http::parseHttpDate(printed);
  fuzzCheck(again && *again == *time, "a date changes when it is printed and read again");
}

void checkDuration(std::string_view text) {
  const config::Node node{.kind = config::Node::Kind::kScalar, .scalar = std::string(text)};
  const auto duration = config::parseDuration(node);
  if (!duration) {
    fuzzCheck(!duration.error().message.empty(), "an error without a message");
    return;
  }
  const config::Node printed{.kind = config::Node::Kind::kScalar, .scalar = config::formatDuration(*duration)};
  const auto again = config::parseDuration(printed);
  fuzzCheck(again && *again == *duration, "a duration changes when it is printed and read again");
}

void checkAddress(std::string_view text) {
  if (const auto address = network::Address::parse(text)) {
    const auto again = network::Address::parse(address->text());
    fuzzCheck(again && *again == *address, "an address changes when it is printed and read again");
  }
  if (const auto range = network::CidrRange::parse(text)) {
    const auto again = network::CidrRange::parse(range->text());
    fuzzCheck(again && *again == *range, "a range changes when it is printed and read again");
  }
}

void checkEncodings(std::string_view text) {
  const std::string encoded = http::percentEncode(text);
  fuzzCheck(http::percentDecode(encoded) == text, "percent-encoding loses something");
  for (const char c : encoded) fuzzCheck(c == '%' || http::isUnreservedChar(c), "percent-encoding leaves something");
  fuzzCheck(http::percentDecode(text).size() <= text.size(), "percent-decoding grows");
  const auto back = base::base64Decode(base::base64Encode(text));
  fuzzCheck(back && *back == text, "base64 loses something");
  if (const auto bytes = config::parseBase64(text)) {
    fuzzCheck(bytes->size() <= text.size(), "base64 grows");
  }
}

void checkAuthority(std::string_view text) {
  const std::string_view host = http::hostOf(text);
  const std::string_view port = http::portOf(text);
  fuzzCheck(host.size() + port.size() <= text.size(), "host and port are more than the authority");
  if (!http::isAuthority(text)) return;
  fuzzCheck(text.substr(0, host.size()) == host, "the host is not what the authority begins with");
  fuzzCheck(port.empty() || base::parseNumber<uint16_t>(port).has_value(), "the port of a valid authority is none");
  fuzzCheck(text.find('@') == std::string_view::npos, "user information in a valid authority");
  fuzzCheck(http::isAuthorityWithPort(text) == !port.empty(), "the port is seen by one only");
}

void checkLists(std::string_view text) {
  size_t bytes = 0;
  http::forEachQueryParameter(text, [&](std::string_view name, std::string_view value) {
    bytes += name.size() + value.size();
    const auto found = http::findQueryParameter(std::string("/?") + std::string(text), name);
    fuzzCheck(found.has_value(), "a parameter that is there is not found");
    return true;
  });
  fuzzCheck(bytes <= text.size(), "the parameters are more than the query");
  if (!http::isFieldValue(text)) return;
  http::HeaderMap headers;
  headers.add("cookie", text);
  const std::string_view name = text.substr(0, text.find('='));
  if (const auto value = http::findCookie(headers, name)) {
    fuzzCheck(value->size() < text.size() && text.find(*value) != std::string_view::npos, "a cookie from elsewhere");
  }
}

}  // namespace

BATON_FUZZ_TARGET(small_parsers, input) {
  checkDate(input);
  checkDuration(input);
  checkAddress(input);
  checkEncodings(input);
  checkAuthority(input);
  checkLists(input);
}

}  // namespace baton::test
