#include "chat/python_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <span>
#include <tuple>
#include <utility>

#include "chat/case_table.h"

namespace g4::chat {
namespace {

namespace json = boost::json;

constexpr char32_t kInvalid = 0xFFFFFFFF;

struct Char {
  char32_t code;       // kInvalid for a byte that begins no valid sequence
  std::size_t length;  // in bytes
};

Char char_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(at);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || at + length > text.size()) return {kInvalid, 1};
  char32_t code = lead & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return {kInvalid, 1};
    code = (code << 6) | (byte(at + i) & 0x3FU);
  }
  return {code, length};
}

void append_utf8(std::string& out, char32_t code) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xC0 | (code >> 6));
    put(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    put(0xE0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  } else {
    put(0xF0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3F));
    put(0x80 | ((code >> 6) & 0x3F));
    put(0x80 | (code & 0x3F));
  }
}

bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F ||
         c == 0x205F || c == 0x3000;
}

// Control, format and private-use characters, and spaces other than ' ': repr() escapes them.
bool is_unprintable(char32_t c) {
  static constexpr std::pair<char32_t, char32_t> kRanges[] = {
      {0x7F, 0xA0},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
      {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},
      {0x180E, 0x180E},   {0x200B, 0x200F},   {0x202A, 0x202E},   {0x2060, 0x206F},
      {0xE000, 0xF8FF},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0x110BD, 0x110BD},
      {0x110CD, 0x110CD}, {0x13430, 0x13438}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A},
      {0xE0000, 0xE0FFF}, {0xF0000, 0x10FFFF}};
  if (c < 0x20 || (c != ' ' && is_space(c))) return true;
  return std::ranges::any_of(
      kRanges, [c](const auto& range) { return c >= range.first && c <= range.second; });
}

char32_t map_case(std::span<const CaseRange> table, char32_t code) {
  auto after = std::upper_bound(table.begin(), table.end(), code,
                                [](char32_t c, const CaseRange& range) { return c < range.first; });
  if (after == table.begin()) return code;
  const CaseRange& range = *std::prev(after);
  if (code > range.last || (code - range.first) % range.stride != 0) return code;
  return static_cast<char32_t>(static_cast<std::int32_t>(code) + range.delta);
}

template <class Map>
std::string map_chars(std::string_view text, Map map) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const Char c = char_at(text, at);
    if (c.code == kInvalid) {
      out.push_back(text[at]);
    } else {
      map(out, c.code);
    }
    at += c.length;
  }
  return out;
}

// repr(float): the shortest digits that read back; exponent form outside [1e-4, 1e16).
std::string float_repr(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                 std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  if (e == std::string_view::npos) return std::string(text);  // inf, nan: no JSON holds them
  const int exponent = std::atoi(text.data() + e + 1);
  if (exponent < -4 || exponent >= 16) return std::string(text);
  std::string sign = text.front() == '-' ? "-" : "";
  std::string digits;
  for (char c : text.substr(0, e))
    if (c >= '0' && c <= '9') digits.push_back(c);
  if (exponent < 0)
    return sign + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return sign + digits.append(whole - digits.size(), '0') + ".0";
  return sign + digits.insert(whole, 1, '.');
}

std::string string_repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const bool has_double = text.find('"') != std::string_view::npos;
  const char32_t quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, static_cast<char>(quote));
  out += map_chars(text, [quote](std::string& to, char32_t c) {
    if (c == quote || c == '\\') {
      to.push_back('\\');
      append_utf8(to, c);
    } else if (c == '\n') {
      to += "\\n";
    } else if (c == '\r') {
      to += "\\r";
    } else if (c == '\t') {
      to += "\\t";
    } else if (!is_unprintable(c)) {
      append_utf8(to, c);
    } else if (c < 0x100) {
      to += fmt::format("\\x{:02x}", static_cast<std::uint32_t>(c));
    } else if (c < 0x10000) {
      to += fmt::format("\\u{:04x}", static_cast<std::uint32_t>(c));
    } else {
      to += fmt::format("\\U{:08x}", static_cast<std::uint32_t>(c));
    }
  });
  out.push_back(static_cast<char>(quote));
  return out;
}

std::string array_repr(const json::array& array) {
  std::string out = "[";
  for (const json::value& item : array) {
    if (out.size() > 1) out += ", ";
    out += repr(item);
  }
  return out + "]";
}

std::string object_repr(const json::object& object) {
  std::string out = "{";
  for (const auto& [key, value] : object) {
    if (out.size() > 1) out += ", ";
    out += string_repr(key) + ": " + repr(value);
  }
  return out + "}";
}

}  // namespace

std::string_view strip(std::string_view text) {
  while (!text.empty()) {
    const Char c = char_at(text, 0);
    if (c.code == kInvalid || !is_space(c.code)) break;
    text.remove_prefix(c.length);
  }
  while (!text.empty()) {
    std::size_t at = text.size() - 1;
    while (at > 0 && text.size() - at < 4 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80)
      --at;
    const Char c = char_at(text, at);
    if (c.code == kInvalid || at + c.length != text.size() || !is_space(c.code)) break;
    text.remove_suffix(c.length);
  }
  return text;
}

std::string lower(std::string_view text) {
  return map_chars(text, [](std::string& to, char32_t c) {
    if (c < 0x80) {
      append_utf8(to, c >= 'A' && c <= 'Z' ? c + 32 : c);
    } else if (c == 0x130) {  // the one character whose small form is longer
      to += "i\u0307";
    } else {
      append_utf8(to, map_case(kLowerRanges, c));
    }
  });
}

std::string upper(std::string_view text) {
  return map_chars(text, [](std::string& to, char32_t c) {
    append_utf8(to, c >= 0x80 ? map_case(kUpperRanges, c) : c >= 'a' && c <= 'z' ? c - 32 : c);
  });
}

std::string to_str(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : repr(value);
}

std::string repr(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "None";
    case json::kind::bool_:
      return value.get_bool() ? "True" : "False";
    case json::kind::int64:
      return fmt::format("{}", value.get_int64());
    case json::kind::uint64:
      return fmt::format("{}", value.get_uint64());
    case json::kind::double_:
      return float_repr(value.get_double());
    case json::kind::string:
      return string_repr(value.get_string());
    case json::kind::array:
      return array_repr(value.get_array());
    case json::kind::object:
      return object_repr(value.get_object());
  }
  return {};
}

bool truthy(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return false;
    case json::kind::bool_:
      return value.get_bool();
    case json::kind::int64:
      return value.get_int64() != 0;
    case json::kind::uint64:
      return value.get_uint64() != 0;
    case json::kind::double_:
      return value.get_double() < 0 || value.get_double() > 0;
    case json::kind::string:
      return !value.get_string().empty();
    case json::kind::array:
      return !value.get_array().empty();
    case json::kind::object:
      return !value.get_object().empty();
  }
  return false;
}

const json::value* member(const json::value& value, std::string_view key) {
  return value.is_object() ? value.get_object().if_contains(key) : nullptr;
}

std::vector<Entry> dictsort(const json::object& object) {
  struct Keyed {
    std::string folded;
    std::size_t index;  // keeps equal keys in order
    Entry entry;
  };
  std::vector<Keyed> keyed;
  keyed.reserve(object.size());
  for (const auto& pair : object)
    keyed.push_back({lower(pair.key()), keyed.size(), Entry{pair.key(), &pair.value()}});
  std::ranges::sort(keyed, [](const Keyed& a, const Keyed& b) {
    return std::tie(a.folded, a.index) < std::tie(b.folded, b.index);  // UTF-8 sorts as code points
  });
  std::vector<Entry> sorted;
  sorted.reserve(keyed.size());
  for (const Keyed& k : keyed) sorted.push_back(k.entry);
  return sorted;
}

Result<std::vector<std::string>> iterate(const json::value& value, std::string_view what) {
  std::vector<std::string> items;
  if (value.is_array()) {
    for (const json::value& item : value.get_array()) items.push_back(to_str(item));
  } else if (value.is_object()) {
    for (const auto& pair : value.get_object()) items.emplace_back(pair.key());
  } else if (value.is_string()) {
    const std::string_view text = value.get_string();
    for (std::size_t at = 0; at < text.size();) {
      const Char c = char_at(text, at);
      items.emplace_back(text.substr(at, c.length));
      at += c.length;
    }
  } else {
    return Error{fmt::format("{} must be a list, not {}", what, repr(value))};
  }
  return items;
}

}  // namespace g4::chat
