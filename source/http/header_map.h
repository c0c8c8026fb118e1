// The header section or trailers of one message, as HTTP/1.1 and HTTP/2 share them: names in lower case, request line
// and status as pseudo-headers (:method, :scheme, :authority, :path, :status; Host is :authority). Order and duplicates
// are kept. Names and values live in one arena that is given back with the map; a view that was handed out stays valid
// until the map is cleared or destroyed (after a move: the map it was moved to). Owned by one stream, used on its
// worker. An empty map owns no memory; the memory of a usual one is recycled per thread, without an allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "source/http/header_name.h"

namespace baton::http {

class HeaderMap {
 public:
  HeaderMap() = default;
  HeaderMap(HeaderMap&& other) noexcept;
  HeaderMap& operator=(HeaderMap&& other) noexcept;
  ~HeaderMap();
  HeaderMap clone() const;

  // The first value of that name; empty when there is none.
  std::string_view get(HeaderName name) const { return valueOf(find(name)); }
  std::string_view get(std::string_view lower_case_name) const { return valueOf(find(lower_case_name)); }
  bool has(HeaderName name) const { return find(name) != nullptr; }
  bool has(std::string_view lower_case_name) const { return find(lower_case_name) != nullptr; }
  // All values of a name, joined by ", " when there are several (RFC 9110 5.3). `storage` holds the joined text.
  std::string_view getJoined(std::string_view lower_case_name, std::string& storage) const;

  // Appends an entry. Names are taken as they are: callers give lower case, and known names always mean their
  // enumerator.
  void add(HeaderName name, std::string_view value);
  void add(std::string_view lower_case_name, std::string_view value);
  // Appends an entry whose name is in any case; says which name it is.
  HeaderName addAnyCase(std::string_view name, std::string_view value);
  // Replaces the value of the first entry of that name and removes the others; appends when there was none.
  void set(HeaderName name, std::string_view value);
  void set(std::string_view lower_case_name, std::string_view value);
  void set(HeaderName name, uint64_t number);
  // Adds ", value" to the first entry of that name, or the entry (list-valued fields).
  void appendToList(HeaderName name, std::string_view value, std::string_view separator = ", ");
  // Returns how many entries were removed.
  size_t remove(HeaderName name) { return has(name) ? removeAll(name) : 0; }
  size_t remove(std::string_view lower_case_name);
  void removeIf(const std::function<bool(std::string_view name, std::string_view value)>& unwanted);
  void clear();

  // Entries, pseudo-headers included.
  size_t size() const { return count_; }
  bool empty() const { return count_ == 0; }
  // Sum of name and value lengths.
  size_t byteSize() const { return bytes_; }

  // In order. `visit(HeaderName, std::string_view name, std::string_view value)`; it must not change the map.
  template <typename Visit>
  void forEach(Visit&& visit) const {
    for (const Entry *entry = entriesBegin(), *end = entriesEnd(); entry != end; ++entry) {
      if (!entry->removed) visit(entry->id, entry->nameView(), entry->valueView());
    }
  }

  // Shorthands.
  std::string_view method() const { return get(HeaderName::kMethod); }
  std::string_view path() const { return get(HeaderName::kPath); }
  std::string_view authority() const { return get(HeaderName::kAuthority); }
  std::string_view scheme() const { return get(HeaderName::kScheme); }
  // The value of :status; 0 when absent or not a number.
  int status() const;
  void setStatus(int status);

 private:
  struct Entry {
    const char* name;
    const char* value;
    uint32_t name_size;
    uint32_t value_size;
    HeaderName id;
    bool removed;

    std::string_view nameView() const { return {name, name_size}; }
    std::string_view valueView() const { return {value, value_size}; }
  };
  // What reading needs of the storage.
  struct Entries {
    Entry* entries;
    uint32_t entry_count = 0;  // removed ones included
    uint32_t entry_capacity;
    // 1 + the place of the first entry of each known name; 0 for none, and for kOther.
    std::array<uint16_t, kKnownHeaderNames + 1> first{};
  };
  struct Storage;  // these and the arena

  static std::string_view valueOf(const Entry* entry) {
    return entry == nullptr ? std::string_view() : entry->valueView();
  }
  const Entry* entriesBegin() const { return entries_ == nullptr ? nullptr : entries_->entries; }
  const Entry* entriesEnd() const { return entries_ == nullptr ? nullptr : entries_->entries + entries_->entry_count; }
  Storage& storage();
  Entry* find(HeaderName name) const {
    if (entries_ == nullptr) return nullptr;
    const uint16_t place = entries_->first[static_cast<size_t>(name)];
    return place == 0 ? nullptr : &entries_->entries[place - 1];
  }
  Entry* find(std::string_view lower_case_name) const;
  void append(Storage& in, HeaderName id, std::string_view kept_name, std::string_view kept_value);
  void makeRoom(Storage& in);
  void replace(Entry& first, std::string_view value);
  size_t removeAll(HeaderName name);
  size_t removeEntry(Entry& entry);
  void reindex(Storage& in);

  Entries* entries_ = nullptr;  // a Storage
  uint32_t count_ = 0;
  uint32_t bytes_ = 0;
};

}  // namespace baton::http
