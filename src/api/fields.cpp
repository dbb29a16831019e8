#include "api/fields.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace g4::api {
namespace json = boost::json;

namespace {

constexpr std::size_t kUnreadNamesMax = 16;

void add(std::string name, UnreadFields& unread) {
  ++unread.count;
  if (unread.names.size() < kUnreadNamesMax) unread.names.push_back(std::move(name));
}

}  // namespace

const json::value* Fields::find(std::string_view key) {
  const auto member = object_.find(key);
  if (member == object_.end()) return nullptr;
  read_[static_cast<std::size_t>(member - object_.begin())] = true;
  return member->value().is_null() ? nullptr : &member->value();
}

void Fields::take(const Fields& inner) {
  if (!error_) error_ = inner.error_;
  UnreadFields unread = inner.unread();
  inner_unread_.count += unread.count - unread.names.size();
  for (std::string& name : unread.names) add(std::move(name), inner_unread_);
}

void Fields::leave(std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) find(key);
}

UnreadFields Fields::unread() const {
  UnreadFields unread = inner_unread_;
  for (std::size_t i = 0; i < read_.size(); ++i) {
    const auto member = object_.begin() + i;
    if (!read_[i] && !member->value().is_null()) add(path(member->key()), unread);
  }
  return unread;
}

void Fields::fail(std::string_view key, std::string message) {
  if (!error_) error_ = invalid(path(key), std::move(message));
}

std::optional<double> Fields::number(std::string_view key, double low, double high) {
  const json::value* value = find(key);
  if (!value) return std::nullopt;
  boost::system::error_code bad;
  const auto found = value->to_number<double>(bad);
  if (!value->is_number() || bad) {
    fail(key, fmt::format("\"{}\" should be a number", path(key)));
  } else if (!(found >= low && found <= high)) {
    fail(key, fmt::format("\"{}\" is {}, expected {} to {}", path(key), found, low, high));
  } else {
    return found;
  }
  return std::nullopt;
}

std::optional<std::int64_t> Fields::integer(std::string_view key, std::int64_t low,
                                            std::int64_t high) {
  const json::value* value = find(key);
  if (!value) return std::nullopt;
  boost::system::error_code bad;
  const auto found = value->to_number<std::int64_t>(bad);
  if (!value->is_number() || bad) {
    fail(key, fmt::format("\"{}\" should be a whole number from {} to {}", path(key), low, high));
  } else if (found < low || found > high) {
    fail(key, fmt::format("\"{}\" is {}, expected {} to {}", path(key), found, low, high));
  } else {
    return found;
  }
  return std::nullopt;
}

bool Fields::boolean(std::string_view key, bool otherwise) {
  const json::value* value = find(key);
  if (!value) return otherwise;
  if (value->is_bool()) return value->get_bool();
  fail(key, fmt::format("\"{}\" should be true or false", path(key)));
  return otherwise;
}

std::optional<std::string> Fields::string(std::string_view key) {
  const json::value* value = find(key);
  if (!value) return std::nullopt;
  if (value->is_string()) return std::string(value->get_string());
  fail(key, fmt::format("\"{}\" should be a string", path(key)));
  return std::nullopt;
}

std::optional<std::vector<std::int64_t>> Fields::integers(std::string_view key, std::int64_t low,
                                                          std::int64_t high) {
  const json::value* value = find(key);
  if (!value) return std::nullopt;
  std::vector<std::int64_t> found;
  if (value->is_array())
    for (const json::value& item : value->get_array()) {
      boost::system::error_code bad;
      const auto number = item.to_number<std::int64_t>(bad);
      if (bad || number < low || number > high) break;
      found.push_back(number);
    }
  if (!value->is_array() || found.size() != value->get_array().size()) {
    fail(key, fmt::format("\"{}\" should be a list of whole numbers from {} to {}", path(key), low,
                          high));
    return std::nullopt;
  }
  return found;
}

std::vector<std::string> Fields::strings(std::string_view key, std::size_t count_max) {
  const json::value* value = find(key);
  if (!value) return {};
  if (value->is_string()) return {std::string(value->get_string())};
  std::vector<std::string> found;
  if (value->is_array())
    for (const json::value& item : value->get_array())
      if (item.is_string()) found.emplace_back(item.get_string());
  if (!value->is_array() || found.size() != value->get_array().size())
    fail(key, fmt::format("\"{}\" should be a string or a list of strings", path(key)));
  else if (found.size() > count_max)
    fail(key, fmt::format("\"{}\" has {} entries, expected at most {}", path(key), found.size(),
                          count_max));
  return found;
}

void Fields::refuse(std::initializer_list<std::string_view> keys, std::string_view reason) {
  for (std::string_view key : keys) {
    const json::value* value = find(key);
    const bool empty = !value || (value->is_array() && value->get_array().empty()) ||
                       (value->is_bool() && !value->get_bool());
    if (!empty) fail(key, fmt::format("\"{}\" is not supported: {}", path(key), reason));
  }
}

namespace {

bool all_finite(const json::value& value) {
  if (value.is_double()) return std::isfinite(value.get_double());
  if (value.is_array())
    for (const json::value& item : value.get_array())
      if (!all_finite(item)) return false;
  if (value.is_object())
    for (const auto& [key, item] : value.get_object())
      if (!all_finite(item)) return false;
  return true;
}

enum class Unit : std::uint8_t { kWhole, kLeading, kTrailing };

constexpr std::size_t kUnitBytes = std::string_view("\\ud83d").size();

// Of the escape that `text` begins with; none if that is another one.
std::optional<Unit> utf16_unit(std::string_view text) {
  if (text.size() < kUnitBytes || !text.starts_with("\\u")) return std::nullopt;
  unsigned unit = 0;
  const char* end = text.data() + kUnitBytes;
  if (std::from_chars(text.data() + 2, end, unit, 16).ptr != end) return std::nullopt;
  if (unit >= 0xD800 && unit < 0xDC00) return Unit::kLeading;
  return unit >= 0xDC00 && unit < 0xE000 ? Unit::kTrailing : Unit::kWhole;
}

// JSON with U+FFFD for each half of a character.
std::string with_whole_characters(std::string_view json) {
  std::string whole;
  while (true) {
    const std::size_t escape = std::min(json.find('\\'), json.size());
    whole += json.substr(0, escape);
    json.remove_prefix(escape);
    if (json.empty()) return whole;
    const auto unit = utf16_unit(json);
    std::size_t bytes = unit ? kUnitBytes : std::min<std::size_t>(2, json.size());
    const bool pair = unit == Unit::kLeading && utf16_unit(json.substr(bytes)) == Unit::kTrailing;
    if (pair) bytes *= 2;
    const bool half = !pair && (unit == Unit::kLeading || unit == Unit::kTrailing);
    whole += half ? std::string_view("\\ufffd") : json.substr(0, bytes);
    json.remove_prefix(bytes);
  }
}

json::value parse_json(std::string_view body, boost::system::error_code& bad) {
  json::value value = json::parse(body, bad);
  if (!bad) return value;
  const std::string whole = with_whole_characters(body);
  return whole == body ? value : json::parse(whole, bad);
}

}  // namespace

Parsed<json::object> parse_object(std::string_view body) {
  boost::system::error_code bad;
  json::value value = parse_json(body, bad);
  if (bad) return ApiError{400, "the body is not valid JSON: " + bad.message(), std::nullopt, ""};
  if (!value.is_object())
    return ApiError{400, "the body should be a JSON object", std::nullopt, ""};
  // Boost.JSON reads 1e400 as infinity, which is not a JSON number and would go out as one.
  if (!all_finite(value))
    return ApiError{400, "the body holds a number too large for a double", std::nullopt, ""};
  return std::move(value.get_object());
}

std::string to_json(const json::value& value) { return json::serialize(value); }

}  // namespace g4::api
