// Bytes to the chunk decoder: it gives no more than it got, nothing after an error or the end, and the same in pieces.
#include <string>
#include <string_view>

#include "source/http/http1/chunked.h"
#include "test/fuzz/fuzz_target.h"
#include "test/support/http1_ends.h"

namespace baton::test {
namespace {

using http::ChunkedDecoder;

std::string run(const http::Http1Settings& settings, std::string_view bytes, size_t piece) {
  ChunkedDecoder decoder(settings);
  std::string data;
  std::string pending;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    pending.append(bytes.substr(at, piece));
    for (bool more = true; more;) {
      const std::string offered = pending;
      const ChunkedDecoder::Step step = decoder.next(offered);
      fuzzCheck(step.consumed <= offered.size(), "consumed more than there is");
      data.append(step.data);
      pending.erase(0, step.consumed);
      switch (step.status) {
        case ChunkedDecoder::Status::kData:
          fuzzCheck(!step.data.empty() && step.data.size() <= step.consumed, "data that was not there");
          break;
        case ChunkedDecoder::Status::kNeedMore:
          fuzzCheck(step.data.empty(), "data without saying so");
          fuzzCheck(pending.size() <= ChunkedDecoder::kMaxTrailerBytes, "keeps more than its limit");
          more = false;
          break;
        case ChunkedDecoder::Status::kError:
          fuzzCheck(decoder.next("5\r\nhello\r\n").status == ChunkedDecoder::Status::kError, "goes on after an error");
          return data + "|" + std::string(http::detailsOf(decoder.error()));
        case ChunkedDecoder::Status::kDone:
          fuzzCheck(data.size() <= bytes.size(), "gave more than it got");
          return data + "|" + toText(decoder.takeTrailers()) + "|" + pending +
                 std::string(bytes.substr(std::min(at + piece, bytes.size())));
      }
    }
  }
  return data;
}

}  // namespace

BATON_FUZZ_TARGET(chunked, input) {
  FuzzInput from(input);
  http::Http1Settings settings;
  const uint8_t bits = from.byte();
  settings.enable_trailers = (bits & 1) != 0;
  settings.max_headers_count = 10;
  const std::string whole = run(settings, from.rest(), from.rest().size() + 1);
  fuzzCheck(run(settings, from.rest(), 1) == whole, "depends on the split: single bytes");
  fuzzCheck(run(settings, from.rest(), 1 + (bits >> 1)) == whole, "depends on the split");
}

}  // namespace baton::test
