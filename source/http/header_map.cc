#include "source/http/header_map.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

#include "source/base/recycled.h"
#include "source/base/strings.h"

namespace baton::http {
namespace {

constexpr size_t kInlineEntries = 32;
constexpr size_t kInlineBytes = 2048;
constexpr size_t kExtraBlockBytes = 8192;

// More memory for the arena of a map that has outgrown its first block.
struct ExtraBlock {
  ExtraBlock* next;

  char* bytes() { return reinterpret_cast<char*>(this + 1); }
  static ExtraBlock* make(size_t bytes, ExtraBlock* next) {
    auto* block = static_cast<ExtraBlock*>(::operator new(sizeof(ExtraBlock) + bytes));
    block->next = next;
    return block;
  }
};

}  // namespace

// Its arrays stay uninitialized: making one costs little when its memory is at hand.
struct HeaderMap::Storage final : Entries, base::Recycled<HeaderMap::Storage> {
  char* free = inline_bytes;  // the arena's unused part
  char* end = inline_bytes + kInlineBytes;
  ExtraBlock* extra = nullptr;
  Entry inline_entries[kInlineEntries];
  char inline_bytes[kInlineBytes];

  Storage() {
    entries = inline_entries;
    entry_capacity = kInlineEntries;
  }
  ~Storage() {
    if (entries != inline_entries) delete[] entries;
    while (extra != nullptr) ::operator delete(std::exchange(extra, extra->next));
  }

  char* allocate(size_t count) {
    if (static_cast<size_t>(end - free) < count) {
      const size_t block_bytes = std::max(count, kExtraBlockBytes);
      extra = ExtraBlock::make(block_bytes, extra);
      free = extra->bytes();
      end = free + block_bytes;
    }
    return std::exchange(free, free + count);
  }

  std::string_view keep(std::string_view text) {
    if (text.empty()) return {"", 0};
    char* bytes = allocate(text.size());
    std::memcpy(bytes, text.data(), text.size());
    return {bytes, text.size()};
  }

  void growEntries() {
    auto* more = new Entry[entry_capacity * 2];
    std::copy(entries, entries + entry_count, more);
    if (entries != inline_entries) delete[] entries;
    entries = more;
    entry_capacity *= 2;
  }
};

inline HeaderMap::Storage& HeaderMap::storage() {
  if (entries_ == nullptr) entries_ = new Storage;
  return *static_cast<Storage*>(entries_);
}

HeaderMap::HeaderMap(HeaderMap&& other) noexcept
    : entries_(std::exchange(other.entries_, nullptr)),
      count_(std::exchange(other.count_, 0)),
      bytes_(std::exchange(other.bytes_, 0)) {}

HeaderMap& HeaderMap::operator=(HeaderMap&& other) noexcept {
  if (this != &other) {
    clear();
    entries_ = std::exchange(other.entries_, nullptr);
    count_ = std::exchange(other.count_, 0);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

HeaderMap::~HeaderMap() {
  clear();
}

void HeaderMap::clear() {
  if (entries_ == nullptr) return;
  delete static_cast<Storage*>(std::exchange(entries_, nullptr));
  count_ = 0;
  bytes_ = 0;
}

HeaderMap HeaderMap::clone() const {
  HeaderMap copy;
  forEach([&copy](HeaderName id, std::string_view name, std::string_view value) {
    Storage& in = copy.storage();
    const std::string_view kept_name = id == HeaderName::kOther ? in.keep(name) : name;
    copy.append(in, id, kept_name, in.keep(value));
  });
  return copy;
}

HeaderMap::Entry* HeaderMap::find(std::string_view lower_case_name) const {
  if (entries_ == nullptr) return nullptr;
  const HeaderName known = findHeaderName(lower_case_name);
  if (known != HeaderName::kOther) return find(known);
  for (uint32_t i = 0; i < entries_->entry_count; ++i) {
    Entry& entry = entries_->entries[i];
    if (entry.id == HeaderName::kOther && !entry.removed && entry.nameView() == lower_case_name) return &entry;
  }
  return nullptr;
}

inline void HeaderMap::append(Storage& in, HeaderName id, std::string_view kept_name, std::string_view kept_value) {
  if (in.entry_count == in.entry_capacity) makeRoom(in);
  Entry& entry = in.entries[in.entry_count++];
  entry.name = kept_name.data();
  entry.value = kept_value.data();
  entry.name_size = static_cast<uint32_t>(kept_name.size());
  entry.value_size = static_cast<uint32_t>(kept_value.size());
  entry.id = id;
  entry.removed = false;
  if (id != HeaderName::kOther) {
    uint16_t& first = in.first[static_cast<size_t>(id)];
    if (first == 0) first = static_cast<uint16_t>(std::min<uint32_t>(in.entry_count, UINT16_MAX));
  }
  ++count_;
  bytes_ += entry.name_size + entry.value_size;
}

void HeaderMap::makeRoom(Storage& in) {
  count_ < in.entry_count / 2 ? reindex(in) : in.growEntries();
}

// Drops removed entries for good and rebuilds the index.
void HeaderMap::reindex(Storage& in) {
  Entry* end =
      std::remove_if(in.entries, in.entries + in.entry_count, [](const Entry& entry) { return entry.removed; });
  in.entry_count = static_cast<uint32_t>(end - in.entries);
  in.first.fill(0);
  for (uint32_t i = in.entry_count; i-- > 0;) {
    if (in.entries[i].id != HeaderName::kOther) {
      in.first[static_cast<size_t>(in.entries[i].id)] = static_cast<uint16_t>(i + 1);
    }
  }
}

std::string_view HeaderMap::getJoined(std::string_view lower_case_name, std::string& storage) const {
  const Entry* first = find(lower_case_name);
  if (first == nullptr) return {};
  bool several = false;
  for (const Entry* entry = first + 1; entry < entriesEnd(); ++entry) {
    if (entry->removed || entry->id != first->id || entry->nameView() != lower_case_name) continue;
    if (!several) storage = first->valueView();
    several = true;
    storage += ", ";
    storage += entry->valueView();
  }
  return several ? std::string_view(storage) : first->valueView();
}

void HeaderMap::add(HeaderName name, std::string_view value) {
  Storage& in = storage();
  append(in, name, spelling(name), in.keep(value));
}

void HeaderMap::add(std::string_view lower_case_name, std::string_view value) {
  const HeaderName known = findHeaderName(lower_case_name);
  if (known != HeaderName::kOther) return add(known, value);
  Storage& in = storage();
  const std::string_view kept_name = in.keep(lower_case_name);
  append(in, HeaderName::kOther, kept_name, in.keep(value));
}

HeaderName HeaderMap::addAnyCase(std::string_view name, std::string_view value) {
  Storage& in = storage();
  char* lowered = in.allocate(name.size());
  base::lowerInto(name, lowered);
  const HeaderName known = findHeaderName({lowered, name.size()});
  if (known != HeaderName::kOther) {
    in.free = lowered;  // it was the last allocation: known names need no copy
    append(in, known, spelling(known), in.keep(value));
  } else {
    append(in, known, {lowered, name.size()}, in.keep(value));
  }
  return known;
}

void HeaderMap::replace(Entry& first, std::string_view value) {
  const std::string_view kept = storage().keep(value);
  bytes_ += static_cast<uint32_t>(kept.size()) - first.value_size;
  first.value = kept.data();
  first.value_size = static_cast<uint32_t>(kept.size());
  for (Entry *entry = &first + 1, *end = entries_->entries + entries_->entry_count; entry != end; ++entry) {
    if (!entry->removed && entry->id == first.id && entry->nameView() == first.nameView()) removeEntry(*entry);
  }
}

void HeaderMap::set(HeaderName name, std::string_view value) {
  Entry* entry = find(name);
  entry == nullptr ? add(name, value) : replace(*entry, value);
}

void HeaderMap::set(std::string_view lower_case_name, std::string_view value) {
  Entry* entry = find(lower_case_name);
  entry == nullptr ? add(lower_case_name, value) : replace(*entry, value);
}

void HeaderMap::set(HeaderName name, uint64_t number) {
  char digits[20];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), number);
  set(name, std::string_view(digits, static_cast<size_t>(end - digits)));
}

void HeaderMap::appendToList(HeaderName name, std::string_view value, std::string_view separator) {
  Entry* entry = find(name);
  if (entry == nullptr || entry->value_size == 0) return set(name, value);
  const size_t total = entry->value_size + separator.size() + value.size();
  char* bytes = storage().allocate(total);
  char* at = std::copy_n(entry->value, entry->value_size, bytes);
  at = std::copy(separator.begin(), separator.end(), at);
  std::copy(value.begin(), value.end(), at);
  bytes_ += static_cast<uint32_t>(total) - entry->value_size;
  entry->value = bytes;
  entry->value_size = static_cast<uint32_t>(total);
}

size_t HeaderMap::removeEntry(Entry& entry) {
  entry.removed = true;
  --count_;
  bytes_ -= entry.name_size + entry.value_size;
  return 1;
}

size_t HeaderMap::removeAll(HeaderName name) {
  Entry* entry = find(name);
  entries_->first[static_cast<size_t>(name)] = 0;
  size_t removed = 0;
  for (Entry* end = entries_->entries + entries_->entry_count; entry != end; ++entry) {
    if (entry->id == name && !entry->removed) removed += removeEntry(*entry);
  }
  return removed;
}

size_t HeaderMap::remove(std::string_view lower_case_name) {
  const HeaderName known = findHeaderName(lower_case_name);
  if (known != HeaderName::kOther) return remove(known);
  size_t removed = 0;
  for (Entry* entry = find(lower_case_name); entry != nullptr && entry != entriesEnd(); ++entry) {
    if (entry->id == HeaderName::kOther && !entry->removed && entry->nameView() == lower_case_name) {
      removed += removeEntry(*entry);
    }
  }
  return removed;
}

void HeaderMap::removeIf(const std::function<bool(std::string_view name, std::string_view value)>& unwanted) {
  if (entries_ == nullptr) return;
  size_t removed = 0;
  for (Entry *entry = entries_->entries, *end = entry + entries_->entry_count; entry != end; ++entry) {
    if (!entry->removed && unwanted(entry->nameView(), entry->valueView())) removed += removeEntry(*entry);
  }
  if (removed > 0) reindex(storage());
}

int HeaderMap::status() const {
  // Asked for several times per response, and nearly always three digits.
  const std::string_view text = get(HeaderName::kStatus);
  const auto digit = [text](size_t at) { return static_cast<unsigned>(text[at] - '0'); };
  if (text.size() == 3 && digit(0) < 10 && digit(1) < 10 && digit(2) < 10) {
    return static_cast<int>(digit(0) * 100 + digit(1) * 10 + digit(2));
  }
  return base::parseNumber<int>(text).value_or(0);
}

void HeaderMap::setStatus(int status) {
  set(HeaderName::kStatus, static_cast<uint64_t>(status));
}

}  // namespace baton::http
