// A packet of another process and the descriptors that came with it: it is a message that encodes to the same bytes, or
// an error, and either way no descriptor is left open.
#include <fcntl.h>
#include <string>
#include <string_view>
#include <unistd.h>
#include <vector>

#include "source/server/hot_restart/message.h"
#include "test/fuzz/fuzz_target.h"

namespace baton::test {
namespace {

using namespace baton::server::hot_restart;

bool isOpen(int fd) {
  return ::fcntl(fd, F_GETFD) != -1;
}

void checkFields(const Fields& fields, int depth) {
  for (const Tag tag : {Tag::kEntry, Tag::kName, Tag::kValue, Tag::kCount, Tag::kReason}) {
    fuzzCheck(fields.text(tag).has_value() == !fields.all(tag).empty(), "a field is there for one look-up only");
    if (fields.number(tag)) fuzzCheck(fields.text(tag)->size() == sizeof(uint64_t), "a number of another size");
  }
  if (depth == 4) return;
  for (const std::string_view nested : fields.all(Tag::kEntry)) {
    if (const auto inner = Fields::decode(nested)) checkFields(*inner, depth + 1);
  }
}

}  // namespace

BATON_FUZZ_TARGET(hot_restart_msg, input) {
  FuzzInput from(input);
  const size_t count = from.byte() % 4;
  std::vector<network::Fd> received;
  std::vector<int> numbers;
  for (size_t i = 0; i < count; ++i) {
    numbers.push_back(::dup(STDERR_FILENO));
    received.emplace_back(numbers.back());
  }
  {
    auto message = decode(from.rest(), std::move(received));
    if (message) {
      fuzzCheck(message->descriptors.size() == count, "descriptors got lost");
      checkFields(message->fields, 0);
      const std::string again = encode(*message);
      std::vector<network::Fd> copies;
      for (size_t i = 0; i < count; ++i) copies.emplace_back(::dup(STDERR_FILENO));
      const auto second = decode(again, std::move(copies));
      fuzzCheck(second.ok(), "a message of ours is refused");
      fuzzCheck(second->type == message->type && second->fields.encode() == message->fields.encode(),
                "a message changes on its way");
      for (const int fd : numbers) fuzzCheck(isOpen(fd), "a descriptor of a good message is closed");
    } else {
      fuzzCheck(!message.error().message.empty(), "an error without a message");
    }
  }
  for (const int fd : numbers) fuzzCheck(!isOpen(fd), "a descriptor is left open");
}

}  // namespace baton::test
