// Typed look-ups in the two kinds of configuration, shared by the readers of text and of vision.
// Each failure names the file, the key, what was found and what was expected.
#pragma once

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "weights/checkpoint.h"
#include "weights/meta.h"

namespace g4 {

// "FOLDER: config.json", for sentences.
std::string config_json_of(const Checkpoint& checkpoint);
// The object that a Hugging Face folder's config.json holds.
Result<boost::json::object> read_config_json(const Checkpoint& checkpoint);

// One object of a config.json, with typed look-ups that name the file and key when they fail.
class ConfigReader {
 public:
  ConfigReader(const boost::json::object& object, std::string where)
      : object_(&object), where_(std::move(where)) {}

  const std::string& where() const { return where_; }
  const boost::json::value* find(std::string_view key) const {
    const boost::json::value* value = object_->if_contains(key);
    return value && !value->is_null() ? value : nullptr;
  }
  Result<std::int64_t> integer(std::string_view key,
                               std::optional<std::int64_t> otherwise = {}) const {
    const boost::json::value* value = find(key);
    if (!value && otherwise) return *otherwise;
    if (!value) return Error{fmt::format("{}: \"{}\" is missing", where_, key)};
    boost::system::error_code bad;
    const auto number = value->to_number<std::int64_t>(bad);
    if (bad) return Error{fmt::format("{}: \"{}\" should be a whole number", where_, key)};
    return number;
  }
  Result<double> number(std::string_view key, double otherwise) const {
    const boost::json::value* value = find(key);
    if (!value) return otherwise;
    boost::system::error_code bad;
    const auto found = value->to_number<double>(bad);
    if (bad || !std::isfinite(found))
      return Error{fmt::format("{}: \"{}\" should be a number", where_, key)};
    return found;
  }
  Result<bool> boolean(std::string_view key) const {
    const boost::json::value* value = find(key);
    if (!value) return false;
    if (!value->is_bool())
      return Error{fmt::format("{}: \"{}\" should be true or false", where_, key)};
    return value->get_bool();
  }
  Result<std::string> string(std::string_view key, std::string otherwise) const {
    const boost::json::value* value = find(key);
    if (!value) return otherwise;
    if (!value->is_string())
      return Error{fmt::format("{}: \"{}\" should be a string", where_, key)};
    return std::string(value->get_string());
  }
  // A nested object; an empty one if absent.
  Result<ConfigReader> object(std::string_view key) const {
    static const boost::json::object kEmpty;
    const boost::json::value* value = find(key);
    if (value && !value->is_object())
      return Error{fmt::format("{}: \"{}\" should be an object", where_, key)};
    return ConfigReader(value ? value->get_object() : kEmpty,
                        fmt::format("{}, \"{}\"", where_, key));
  }
  const boost::json::object& raw() const { return *object_; }

 private:
  const boost::json::object* object_;
  std::string where_;
};

// Keys of one architecture; an absent key gives the fallback, a wrong type an error.
class ConfigKeys {
 public:
  ConfigKeys(const Checkpoint& checkpoint, std::string architecture)
      : checkpoint_(&checkpoint), prefix_(std::move(architecture) + ".") {}

  bool has(std::string_view key) const { return checkpoint_->meta(prefix_ + std::string(key)); }
  Result<std::int64_t> integer(std::string_view key) const {
    const std::uint64_t value = G4_TRY(meta_u64(*checkpoint_, prefix_ + std::string(key)));
    if (value > std::uint64_t{1} << 40)
      return Error{fmt::format("{}: \"{}{}\" is {}, which no model has", checkpoint_->path(),
                               prefix_, key, value)};
    return static_cast<std::int64_t>(value);
  }
  Result<std::int64_t> integer(std::string_view key, std::int64_t otherwise) const {
    if (!has(key)) return otherwise;
    return integer(key);
  }
  Result<double> number(std::string_view key, double otherwise) const {
    if (!has(key)) return otherwise;
    return meta_f64(*checkpoint_, prefix_ + std::string(key));
  }
  // One value for every layer, or an array with one for each.
  Result<std::vector<std::int64_t>> per_layer(std::string_view key, std::size_t n_layers) const {
    const std::string full = prefix_ + std::string(key);
    const MetaValue* value = checkpoint_->meta(full);
    const bool array = value && (std::holds_alternative<std::vector<std::uint64_t>>(*value) ||
                                 std::holds_alternative<std::vector<std::int64_t>>(*value));
    if (!array) return std::vector<std::int64_t>(n_layers, G4_TRY(integer(key)));
    std::vector<std::int64_t> values = G4_TRY(meta_i64s(*checkpoint_, full));
    if (values.size() != n_layers)
      return Error{fmt::format("{}: \"{}\" has {} values for {} layers", checkpoint_->path(), full,
                               values.size(), n_layers)};
    return values;
  }
  const std::string& prefix() const { return prefix_; }

 private:
  const Checkpoint* checkpoint_;
  std::string prefix_;
};

}  // namespace g4
