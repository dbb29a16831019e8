#include "weights/meta.h"

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <variant>

#include "weights/source.h"

namespace g4 {
namespace {

constexpr std::string_view kKinds[] = {"an unsigned integer",
                                       "a signed integer",
                                       "a float",
                                       "a bool",
                                       "a string",
                                       "an array of unsigned integers",
                                       "an array of signed integers",
                                       "an array of floats",
                                       "an array of bools",
                                       "an array of strings"};
static_assert(std::size(kKinds) == std::variant_size_v<MetaValue>);

Result<const MetaValue*> value_of(const Checkpoint& checkpoint, std::string_view key) {
  if (const MetaValue* value = checkpoint.meta(key)) return value;
  return Error{fmt::format("{}: key {} is missing", checkpoint.path(), in_quotes(key))};
}

Error wrong(const Checkpoint& checkpoint, std::string_view key, const MetaValue& value,
            std::string_view expected) {
  return Error{fmt::format("{}: key {} is {}; expected {}", checkpoint.path(), in_quotes(key),
                           kKinds[value.index()], expected)};
}

// One number as another type; nullopt if it does not fit.
template <class To, class From>
std::optional<To> convert(From from) {
  if constexpr (std::is_integral_v<To>) {
    if (!std::in_range<To>(from)) return std::nullopt;
  }
  return static_cast<To>(from);
}

// The value as To, from the first of the alternatives From... that the file holds.
template <class To, class... From>
Result<To> number(const Checkpoint& checkpoint, std::string_view key, std::string_view expected) {
  const MetaValue* value = G4_TRY(value_of(checkpoint, key));
  std::optional<To> result;
  const auto take = [&](const auto* from) {
    if (from) result = convert<To>(*from);
    return from != nullptr;
  };
  if (!(take(std::get_if<From>(value)) || ...)) return wrong(checkpoint, key, *value, expected);
  if (!result)
    return Error{fmt::format("{}: key {} is out of range; expected {}", checkpoint.path(),
                             in_quotes(key), expected)};
  return *result;
}

template <class To, class... From>
Result<std::vector<To>> numbers(const Checkpoint& checkpoint, std::string_view key,
                                std::string_view expected) {
  const MetaValue* value = G4_TRY(value_of(checkpoint, key));
  std::vector<To> results;
  bool in_range = true;
  const auto take = [&](const auto* from) {
    if (!from) return false;
    results.reserve(from->size());
    for (auto element : *from) {
      const std::optional<To> result = convert<To>(element);
      in_range = in_range && result.has_value();
      results.push_back(result.value_or(To{}));
    }
    return true;
  };
  if (!(take(std::get_if<std::vector<From>>(value)) || ...))
    return wrong(checkpoint, key, *value, expected);
  if (!in_range)
    return Error{fmt::format("{}: key {} has a value out of range; expected {}", checkpoint.path(),
                             in_quotes(key), expected)};
  return results;
}

template <class T>
Result<const T*> exactly(const Checkpoint& checkpoint, std::string_view key,
                         std::string_view expected) {
  const MetaValue* value = G4_TRY(value_of(checkpoint, key));
  if (const T* held = std::get_if<T>(value)) return held;
  return wrong(checkpoint, key, *value, expected);
}

}  // namespace

Result<std::uint64_t> meta_u64(const Checkpoint& checkpoint, std::string_view key) {
  return number<std::uint64_t, std::uint64_t, std::int64_t>(checkpoint, key, "an unsigned integer");
}

Result<double> meta_f64(const Checkpoint& checkpoint, std::string_view key) {
  return number<double, double, std::uint64_t, std::int64_t>(checkpoint, key, "a number");
}

Result<bool> meta_bool(const Checkpoint& checkpoint, std::string_view key) {
  return *G4_TRY(exactly<bool>(checkpoint, key, "a bool"));
}

Result<std::string> meta_string(const Checkpoint& checkpoint, std::string_view key) {
  return *G4_TRY(exactly<std::string>(checkpoint, key, "a string"));
}

Result<std::vector<std::uint64_t>> meta_u64s(const Checkpoint& checkpoint, std::string_view key) {
  return numbers<std::uint64_t, std::uint64_t, std::int64_t>(checkpoint, key,
                                                             "an array of unsigned integers");
}

Result<std::vector<std::int64_t>> meta_i64s(const Checkpoint& checkpoint, std::string_view key) {
  return numbers<std::int64_t, std::int64_t, std::uint64_t>(checkpoint, key,
                                                            "an array of signed integers");
}

Result<std::vector<double>> meta_f64s(const Checkpoint& checkpoint, std::string_view key) {
  return numbers<double, double, std::uint64_t, std::int64_t>(checkpoint, key,
                                                              "an array of numbers");
}

Result<std::vector<bool>> meta_bools(const Checkpoint& checkpoint, std::string_view key) {
  return *G4_TRY(exactly<std::vector<bool>>(checkpoint, key, "an array of bools"));
}

Result<std::span<const std::string>> meta_strings(const Checkpoint& checkpoint,
                                                  std::string_view key) {
  return std::span<const std::string>(
      *G4_TRY(exactly<std::vector<std::string>>(checkpoint, key, "an array of strings")));
}

}  // namespace g4
