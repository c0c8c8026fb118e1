// The settings of an extension: a struct of one of the known types, chosen by the @type URL. Immutable and shared, so
// that a copy is cheap. Any thread may read.
//
//   if (const auto* tcp = filter.typed_config.as<api::TcpProxy>()) ...
#pragma once

#include <memory>
#include <utility>

namespace baton::api {

struct MessageDescription;

class TypedConfig {
 public:
  TypedConfig() = default;
  TypedConfig(const MessageDescription& description, std::shared_ptr<const void> value)
      : description_(&description), value_(std::move(value)) {}

  template <typename T>
  static TypedConfig of(T value) {
    return TypedConfig(describe(static_cast<const T*>(nullptr)), std::make_shared<const T>(std::move(value)));
  }

  // Null when the settings are of another type, or there are none.
  template <typename T>
  const T* as() const {
    return description_ == &describe(static_cast<const T*>(nullptr)) ? static_cast<const T*>(value_.get()) : nullptr;
  }

  explicit operator bool() const { return description_ != nullptr; }
  // Precondition: there are settings. The description names the type.
  const MessageDescription& description() const { return *description_; }
  const void* data() const { return value_.get(); }

 private:
  const MessageDescription* description_ = nullptr;
  std::shared_ptr<const void> value_;
};

}  // namespace baton::api
