// A value or the reason why there is none. Errors are values everywhere in Baton: nothing on the data path throws,
// and a library that throws is caught where it is called.
#pragma once

#include <cassert>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace baton::base {

enum class ErrorCode {
  kInvalidArgument,    // what a user or a peer gave us is wrong
  kNotFound,           // a thing that was named does not exist
  kResourceExhausted,  // a limit of ours or of the system
  kUnavailable,        // a peer or a file does not answer now
  kTimeout,            // a deadline of ours passed
  kProtocol,           // a peer broke the protocol that we speak with it
  kSystem,             // a system call failed; the message says which and why
};

struct Error {
  ErrorCode code = ErrorCode::kInvalidArgument;
  std::string message;
};

// The error of the system call that has just failed: "<what>: <strerror(errno)>".
Error systemError(std::string_view what);

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // Preconditions: ok() for value(), !ok() for error().
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

// A result without a value. `return {};` says that all went well.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}

  bool ok() const { return !failed_; }
  explicit operator bool() const { return ok(); }
  const Error& error() const {
    assert(failed_);
    return error_;
  }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace baton::base
