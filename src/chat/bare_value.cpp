#include "chat/bare_value.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace g4::chat {
namespace {

constexpr std::pair<std::string_view, std::string_view> kWords[] = {
    {"true", "true"}, {"false", "false"}, {"null", "null"},
    {"True", "true"}, {"False", "false"}, {"None", "null"}};

// Longer ones are text; keeps a flood of digits from being looked at again with every token.
constexpr std::size_t kNumberBytesMax = 400;

std::size_t digits(std::string_view text) {
  const auto end = std::ranges::find_if(text, [](char c) { return c < '0' || c > '9'; });
  return static_cast<std::size_t>(end - text.begin());
}

// Cuts `text` as a number is built; `rest` is what no number goes on with.
struct NumberParts {
  bool minus = false;
  bool point = false;
  std::string_view whole, fraction;
  std::string_view exponent;  // "e", sign and digits
  std::string_view rest;
};

NumberParts cut_number(std::string_view text) {
  NumberParts parts;
  const auto take = [&](std::size_t n) {
    const std::string_view taken = text.substr(0, n);
    text.remove_prefix(taken.size());
    return taken;
  };
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) parts.minus = take(1) == "-";
  parts.whole = take(digits(text));
  if (!text.empty() && text[0] == '.') {
    take(1);
    parts.point = true;
    parts.fraction = take(digits(text));
  }
  const bool mantissa = !parts.whole.empty() || !parts.fraction.empty();
  if (mantissa && !text.empty() && (text[0] == 'e' || text[0] == 'E')) {
    const bool sign = text.size() > 1 && (text[1] == '-' || text[1] == '+');
    const std::size_t before_digits = sign ? 2 : 1;
    parts.exponent = take(before_digits + digits(text.substr(before_digits)));
  }
  parts.rest = text;
  return parts;
}

bool fits_double(const std::string& number) {
  double value;
  const char* end = number.data() + number.size();
  return std::from_chars(number.data(), end, value).ec == std::errc();
}

}  // namespace

std::optional<std::string> scalar_json(std::string_view text) {
  for (const auto& [word, json] : kWords)
    if (text == word) return std::string(json);
  if (text.size() > kNumberBytesMax) return std::nullopt;
  const NumberParts parts = cut_number(text);
  if (!parts.rest.empty() || (parts.whole.empty() && parts.fraction.empty())) return std::nullopt;
  if (!parts.exponent.empty() && digits(parts.exponent.substr(parts.exponent.size() - 1)) == 0)
    return std::nullopt;
  if (parts.whole.size() > 1 && parts.whole[0] == '0') return std::nullopt;
  std::string json(parts.minus ? "-" : "");
  json += parts.whole.empty() ? "0" : parts.whole;
  if (parts.point) {
    json += '.';
    json += parts.fraction.empty() ? "0" : parts.fraction;
  }
  json += parts.exponent;
  if (!fits_double(json)) return std::nullopt;
  return json;
}

bool may_become_scalar(std::string_view text) {
  if (text.size() > kNumberBytesMax) return false;
  for (const auto& [word, json] : kWords)
    if (word.starts_with(text)) return true;
  return cut_number(text).rest.empty();
}

}  // namespace g4::chat
