#include "grammar/schema_multiples.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <string>

#include "grammar/schema.h"

namespace g4::grammar {
namespace {

// Small enough for the next product, and still too large once it was.
std::uint64_t bounded(std::uint64_t value) { return std::min(value, std::uint64_t{1'000'000'007}); }

}  // namespace

std::optional<Decimal> decimal(double value) {
  const std::string text = fmt::format("{}", value);  // the shortest that reads back
  Decimal out;
  std::size_t at = 0;
  bool behind = false;
  for (; at < text.size() && text[at] != 'e'; ++at) {
    behind = behind || text[at] == '.';
    if (text[at] == '.') continue;
    out.digits = out.digits * 10 + static_cast<std::uint64_t>(text[at] - '0');
    out.places += behind;
  }
  int exponent = 0;
  if (at < text.size())
    std::from_chars(text.data() + at + (text[at + 1] == '+' ? 2 : 1), text.data() + text.size(),
                    exponent);
  out.places -= exponent;
  if (out.digits > SchemaLimits::kMultipleMax || out.places > 9 || out.places < 0) return {};
  return out;
}

void CommonMultiple::add(Decimal value) {
  for (; places_ < value.places; ++places_) common_ = bounded(common_ * 10);
  for (; value.places < places_; ++value.places) value.digits = bounded(value.digits * 10);
  common_ = bounded(common_ / std::gcd(common_, value.digits) * value.digits);
}

bool CommonMultiple::is_small() const { return common_ <= SchemaLimits::kMultipleMax; }

}  // namespace g4::grammar
