#include "source/http/http1/field_line.h"

#include "source/base/strings.h"
#include "source/http/field_syntax.h"

namespace baton::http {

Http1Error parseFieldLine(std::string_view line, FieldLine& field) {
  if (line.size() < 2 || line[line.size() - 2] != '\r') return Http1Error::kBareLineFeed;
  line.remove_suffix(2);
  // RFC 9112 5.2: a proxy may refuse folded lines, and both readings of one are in use.
  if (line.front() == ' ' || line.front() == '\t') return Http1Error::kObsFold;

  const auto [colon, underscore] = tokenStart(line);
  if (colon == line.size() || line[colon] != ':') {
    const bool space = colon > 0 && colon < line.size() && (line[colon] == ' ' || line[colon] == '\t');
    return space ? Http1Error::kSpaceBeforeColon : Http1Error::kBadHeaderName;
  }
  if (colon == 0) return Http1Error::kBadHeaderName;

  field.name = line.substr(0, colon);
  field.value = base::trim(line.substr(colon + 1));
  field.underscore_in_name = underscore;
  return isFieldValue(field.value) ? Http1Error::kNone : Http1Error::kBadHeaderValue;
}

Http1Error checkTransferEncoding(std::string_view value) {
  if (base::equalsIgnoreCase(value, "chunked")) return Http1Error::kNone;
  // Anything else is refused; what remains is to tell codings that we lack (501) from what makes the length of the
  // message doubtful (400): chunked not last, chunked twice, empty elements, parameters.
  bool chunked_last = false;
  for (const std::string_view element : base::split(value, ',')) {
    const std::string_view coding = base::trim(element);
    if (!isToken(coding) || chunked_last) return Http1Error::kBadTransferEncoding;
    chunked_last = base::equalsIgnoreCase(coding, "chunked");
  }
  return chunked_last ? Http1Error::kUnsupportedTransferEncoding : Http1Error::kBadTransferEncoding;
}

}  // namespace baton::http
