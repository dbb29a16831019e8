#include "chat/json_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace g4::chat::json_members {
namespace {

namespace json = boost::json;

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

}  // namespace

Result<json::value> read_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = kNestingMax;
  json::parser parser({}, options);
  boost::system::error_code bad;
  std::size_t read = parser.write(text, bad);
  if (bad && bad != json::error::too_deep) {
    const std::string whole = with_whole_characters(text);
    if (whole != text) {
      parser.reset();
      read = parser.write(whole, bad);
    }
  }
  if (bad == json::error::too_deep)
    return Error{fmt::format("is nested more than {} deep", kNestingMax)};
  if (bad) return Error{fmt::format("is not valid JSON: {} at byte {}", bad.message(), read)};
  return parser.release();
}

Error wrong(std::string_view path, std::string_view sentence) {
  return Error{fmt::format("{}: {}", path, sentence)};
}

std::string at(std::string_view path, std::size_t index) {
  return fmt::format("{}[{}]", path, index);
}

std::string in(std::string_view path, std::string_view key) {
  return fmt::format("{}.{}", path, key);
}

const json::value* find(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<const json::object*> as_object(const json::value& value, std::string_view path) {
  if (!value.is_object()) return wrong(path, "must be an object");
  return &value.get_object();
}

Result<const json::object*> need_object(const json::object& object, std::string_view key,
                                        std::string_view path) {
  const json::value* value = find(object, key);
  if (value == nullptr) return wrong(in(path, key), "is missing");
  return as_object(*value, in(path, key));
}

Result<std::optional<std::string>> optional_string(const json::object& object, std::string_view key,
                                                   std::string_view path) {
  const json::value* value = find(object, key);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string()) return wrong(in(path, key), "must be a string");
  return std::optional<std::string>(std::string(value->get_string()));
}

Result<std::optional<bool>> optional_bool(const json::object& object, std::string_view key,
                                          std::string_view path) {
  const json::value* value = find(object, key);
  if (value == nullptr) return std::optional<bool>();
  if (!value->is_bool()) return wrong(in(path, key), "must be true or false");
  return std::optional<bool>(value->get_bool());
}

Result<std::string> need_string(const json::object& object, std::string_view key,
                                std::string_view path) {
  std::optional<std::string> text = G4_TRY(optional_string(object, key, path));
  if (!text) return wrong(in(path, key), "is missing");
  return std::move(*text);
}

Result<std::string> need_name(const json::object& object, std::string_view path) {
  std::string name = G4_TRY(need_string(object, "name", path));
  if (name.empty()) return wrong(in(path, "name"), "must not be empty");
  return name;
}

Result<json::array> optional_array(const json::object& object, std::string_view key,
                                   std::string_view path) {
  const json::value* value = find(object, key);
  if (value == nullptr) return json::array();
  if (!value->is_array()) return wrong(in(path, key), "must be an array");
  return value->get_array();
}

}  // namespace g4::chat::json_members
