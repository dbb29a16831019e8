// Result<T>: a value or an Error with a sentence a user can act on.
//
// Foreign input (files, sockets, flags) fails as a Result; our own mistakes assert. An error that
// must say more than a sentence derives from Error: its Result<T, E> turns into a Result<T>.
// Member names follow std::expected, so that C++23 can replace this file.
#pragma once

#include <cassert>
#include <concepts>
#include <string>
#include <utility>
#include <variant>

namespace g4 {

struct Error {
  std::string message;
};

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // implicit on purpose
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // implicit on purpose
  template <std::derived_from<E> Wider>
    requires(!std::same_as<Wider, E>)
  Result(Result<T, Wider> other)
      : state_(other ? State(std::in_place_index<0>, std::move(other).value())
                     : State(std::in_place_index<1>, std::move(other).error())) {}

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  const T& value() const& {
    assert(has_value());
    return *std::get_if<0>(&state_);
  }
  T&& value() && {
    assert(has_value());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const E& error() const& {
    assert(!has_value());
    return *std::get_if<1>(&state_);
  }
  E&& error() && {
    assert(!has_value());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  using State = std::variant<T, E>;
  State state_;
};

template <>
class [[nodiscard]] Result<void, Error> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}  // implicit on purpose

  bool has_value() const { return !failed_; }
  explicit operator bool() const { return has_value(); }
  void value() const { assert(has_value()); }
  const Error& error() const& {
    assert(failed_);
    return error_;
  }
  Error&& error() && {
    assert(failed_);
    return std::move(error_);
  }

 private:
  Error error_;
  bool failed_ = false;
};

using Status = Result<void>;

}  // namespace g4

// Evaluates to the value of a Result, or returns its Error to the caller.
#define G4_TRY(expression)                                 \
  ({                                                       \
    auto g4_result_ = (expression);                        \
    if (!g4_result_) return std::move(g4_result_).error(); \
    std::move(g4_result_).value();                         \
  })
