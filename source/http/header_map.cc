#include "source/http/header_map.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

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

struct HeaderMap::Storage {
  Entry* entries = inline_entries;
  uint32_t entry_count = 0;  // removed ones included
  uint32_t entry_capacity = kInlineEntries;
  char* free = inline_bytes;  // the arena's unused part
  char* end = inline_bytes + kInlineBytes;
  ExtraBlock* extra = nullptr;
  Storage* next_in_pool = nullptr;
  // 1 + the place of the first entry of each known name; 0 for none.
  std::array<uint16_t, kKnownHeaderNames> first{};
  Entry inline_entries[kInlineEntries];
  char inline_bytes[kInlineBytes];

  Storage() {}  // the arrays stay uninitialized
  ~Storage() { dropExtra(); }

  void reset() {
    dropExtra();
    entries = inline_entries;
    entry_count = 0;
    entry_capacity = kInlineEntries;
    free = inline_bytes;
    end = inline_bytes + kInlineBytes;
    first.fill(0);
  }

  void dropExtra() {
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

  void growEntries() {
    auto* more = new Entry[entry_capacity * 2];
    std::copy(entries, entries + entry_count, more);
    if (entries != inline_entries) delete[] entries;
    entries = more;
    entry_capacity *= 2;
  }
};

// Storages of maps that have gone, for the next maps of the same thread.
struct HeaderMapStoragePool {
  static constexpr size_t kMostKept = 128;
  HeaderMap::Storage* head = nullptr;
  size_t size = 0;

  ~HeaderMapStoragePool() {
    while (head != nullptr) delete std::exchange(head, head->next_in_pool);
    size = kMostKept;  // maps that die later in this thread free their own
  }

  HeaderMap::Storage* take() {
    if (head == nullptr) return new HeaderMap::Storage;
    --size;
    return std::exchange(head, head->next_in_pool);
  }

  void give(HeaderMap::Storage* storage) {
    if (size >= kMostKept) {
      delete storage;
      return;
    }
    storage->reset();
    storage->next_in_pool = std::exchange(head, storage);
    ++size;
  }

  static HeaderMapStoragePool& ofThisThread() {
    static thread_local HeaderMapStoragePool pool;
    return pool;
  }
};

HeaderMap::HeaderMap(HeaderMap&& other) noexcept
    : storage_(std::exchange(other.storage_, nullptr)),
      count_(std::exchange(other.count_, 0)),
      bytes_(std::exchange(other.bytes_, 0)) {}

HeaderMap& HeaderMap::operator=(HeaderMap&& other) noexcept {
  if (this != &other) {
    clear();
    storage_ = std::exchange(other.storage_, nullptr);
    count_ = std::exchange(other.count_, 0);
    bytes_ = std::exchange(other.bytes_, 0);
  }
  return *this;
}

HeaderMap::~HeaderMap() {
  clear();
}

void HeaderMap::clear() {
  if (storage_ == nullptr) return;
  HeaderMapStoragePool::ofThisThread().give(std::exchange(storage_, nullptr));
  count_ = 0;
  bytes_ = 0;
}

HeaderMap HeaderMap::clone() const {
  HeaderMap copy;
  forEach([&copy](HeaderName id, std::string_view name, std::string_view value) {
    const std::string_view kept_name = id == HeaderName::kOther ? copy.keep(name) : name;
    copy.append(id, kept_name, copy.keep(value));
  });
  return copy;
}

const HeaderMap::Entry* HeaderMap::entriesBegin() const {
  return storage_ == nullptr ? nullptr : storage_->entries;
}

const HeaderMap::Entry* HeaderMap::entriesEnd() const {
  return storage_ == nullptr ? nullptr : storage_->entries + storage_->entry_count;
}

HeaderMap::Storage& HeaderMap::storage() {
  if (storage_ == nullptr) storage_ = HeaderMapStoragePool::ofThisThread().take();
  return *storage_;
}

HeaderMap::Entry* HeaderMap::find(HeaderName name) const {
  if (storage_ == nullptr || name == HeaderName::kOther) return nullptr;
  const uint16_t place = storage_->first[static_cast<size_t>(name)];
  return place == 0 ? nullptr : &storage_->entries[place - 1];
}

HeaderMap::Entry* HeaderMap::find(std::string_view lower_case_name) const {
  if (storage_ == nullptr) return nullptr;
  const HeaderName known = findHeaderName(lower_case_name);
  if (known != HeaderName::kOther) return find(known);
  for (uint32_t i = 0; i < storage_->entry_count; ++i) {
    Entry& entry = storage_->entries[i];
    if (entry.id == HeaderName::kOther && !entry.removed && entry.nameView() == lower_case_name) return &entry;
  }
  return nullptr;
}

std::string_view HeaderMap::keep(std::string_view text) {
  if (text.empty()) return {"", 0};
  char* bytes = storage().allocate(text.size());
  std::memcpy(bytes, text.data(), text.size());
  return {bytes, text.size()};
}

HeaderMap::Entry& HeaderMap::append(HeaderName id, std::string_view kept_name, std::string_view kept_value) {
  Storage& in = storage();
  if (in.entry_count == in.entry_capacity) {
    if (count_ < in.entry_count / 2) {
      reindex();
    } else {
      in.growEntries();
    }
  }
  Entry& entry = in.entries[in.entry_count++];
  entry = {kept_name.data(),
           kept_value.data(),
           static_cast<uint32_t>(kept_name.size()),
           static_cast<uint32_t>(kept_value.size()),
           id,
           false};
  if (id != HeaderName::kOther) {
    uint16_t& first = in.first[static_cast<size_t>(id)];
    if (first == 0) first = static_cast<uint16_t>(std::min<uint32_t>(in.entry_count, UINT16_MAX));
  }
  ++count_;
  bytes_ += entry.name_size + entry.value_size;
  return entry;
}

// Drops removed entries for good and rebuilds the index.
void HeaderMap::reindex() {
  Storage& in = *storage_;
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

std::string_view HeaderMap::get(HeaderName name) const {
  const Entry* entry = find(name);
  return entry == nullptr ? std::string_view() : entry->valueView();
}

std::string_view HeaderMap::get(std::string_view lower_case_name) const {
  const Entry* entry = find(lower_case_name);
  return entry == nullptr ? std::string_view() : entry->valueView();
}

bool HeaderMap::has(HeaderName name) const {
  return find(name) != nullptr;
}

bool HeaderMap::has(std::string_view lower_case_name) const {
  return find(lower_case_name) != nullptr;
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
  append(name, spelling(name), keep(value));
}

void HeaderMap::add(std::string_view lower_case_name, std::string_view value) {
  const HeaderName known = findHeaderName(lower_case_name);
  if (known != HeaderName::kOther) return add(known, value);
  const std::string_view kept_name = keep(lower_case_name);
  append(HeaderName::kOther, kept_name, keep(value));
}

HeaderName HeaderMap::addAnyCase(std::string_view name, std::string_view value) {
  Storage& in = storage();
  char* lowered = in.allocate(name.size());
  for (size_t i = 0; i < name.size(); ++i) lowered[i] = base::lowerAscii(name[i]);
  const HeaderName known = findHeaderName({lowered, name.size()});
  if (known != HeaderName::kOther) {
    in.free = lowered;  // it was the last allocation: known names need no copy
    append(known, spelling(known), keep(value));
  } else {
    append(known, {lowered, name.size()}, keep(value));
  }
  return known;
}

void HeaderMap::replace(Entry& first, std::string_view value) {
  const std::string_view kept = keep(value);
  bytes_ += static_cast<uint32_t>(kept.size()) - first.value_size;
  first.value = kept.data();
  first.value_size = static_cast<uint32_t>(kept.size());
  for (Entry *entry = &first + 1, *end = storage_->entries + storage_->entry_count; entry != end; ++entry) {
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

size_t HeaderMap::remove(HeaderName name) {
  Entry* entry = find(name);
  if (entry == nullptr) return 0;
  storage_->first[static_cast<size_t>(name)] = 0;
  size_t removed = 0;
  for (Entry* end = storage_->entries + storage_->entry_count; entry != end; ++entry) {
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
  if (storage_ == nullptr) return;
  size_t removed = 0;
  for (Entry *entry = storage_->entries, *end = entry + storage_->entry_count; entry != end; ++entry) {
    if (!entry->removed && unwanted(entry->nameView(), entry->valueView())) removed += removeEntry(*entry);
  }
  if (removed > 0) reindex();
}

int HeaderMap::status() const {
  return base::parseNumber<int>(get(HeaderName::kStatus)).value_or(0);
}

void HeaderMap::setStatus(int status) {
  set(HeaderName::kStatus, static_cast<uint64_t>(status));
}

}  // namespace baton::http
