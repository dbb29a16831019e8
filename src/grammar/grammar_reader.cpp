#include "grammar/grammar_reader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.h"

namespace g4::grammar {
namespace {

constexpr char32_t kCodePointMax = 0x10FFFF;
constexpr CharRange kSurrogates{0xD800, 0xDFFF};
constexpr std::uint32_t kNumberMax = 1'000'000'000;

}  // namespace

bool GrammarReader::take(std::string_view what) {
  if (!starts(what)) return false;
  at_ += what.size();
  return true;
}

void GrammarReader::skip_while(bool (*belongs)(char)) {
  while (!at_end() && belongs(text_[at_])) ++at_;
}

std::string_view GrammarReader::word(bool (*belongs)(char)) {
  const std::size_t from = at_;
  skip_while(belongs);
  return text_.substr(from, at_ - from);
}

std::size_t GrammarReader::line_of(std::size_t at) const {
  return 1 + static_cast<std::size_t>(std::ranges::count(text_.substr(0, at), '\n'));
}

Error GrammarReader::error(const std::string& what) const {
  return Error{fmt::format("line {}: {}", line(), what)};
}

Error GrammarReader::unexpected() const {
  if (at_end()) return error("the grammar ends too early");
  const Utf8Step step = next_utf8(text_.substr(at_));
  return error(fmt::format("unexpected {}", text_.substr(at_, step.length)));
}

Result<GrammarNode> GrammarReader::choice() {
  if (++depth_ > GrammarLimits::kNestingMax)
    return error(fmt::format("groups are nested more than {} deep", GrammarLimits::kNestingMax));
  Node all{.kind = Node::Kind::kChoice};
  do {
    Node part = G4_TRY(sequence());
    all.parts.push_back(std::move(part));
  } while (take("|"));
  --depth_;
  if (all.parts.size() > 1) return all;
  Node only = std::move(all.parts.front());
  return only;
}

Result<GrammarNode> GrammarReader::sequence() {
  Node all{.kind = Node::Kind::kSequence};
  for (;;) {
    skip_blanks();
    std::optional<Node> part = G4_TRY(atom());
    if (!part) break;
    Node whole = G4_TRY(repeated(*std::move(part)));
    all.parts.push_back(std::move(whole));
  }
  if (all.parts.size() != 1) return all;
  Node only = std::move(all.parts.front());
  return only;
}

Result<GrammarNode> GrammarReader::group(char end) {
  Node inside = G4_TRY(choice());
  if (!take({&end, 1})) return at_end() ? error("a group is not closed") : unexpected();
  return inside;
}

Result<GrammarNode> GrammarReader::repeated(Node node) {
  skip_while(is_blank);
  if (take("*")) return repeat(std::move(node), 0, Node::kEndless);
  if (take("+")) return repeat(std::move(node), 1, Node::kEndless);
  if (take("?")) return repeat(std::move(node), 0, 1);
  if (take("{")) return repeated_by_braces(std::move(node));
  if (std::optional<Node> other = G4_TRY(counted(node))) return *std::move(other);
  return node;
}

// {2} {2,} {2,5} {,5}
Result<GrammarNode> GrammarReader::repeated_by_braces(Node node) {
  skip_while(is_blank);
  std::uint32_t least = 0;
  if (peek() != ',') least = G4_TRY(number());
  std::uint32_t most = least;
  skip_while(is_blank);
  if (take(",")) {
    skip_while(is_blank);
    most = Node::kEndless;
    if (is_digit(peek())) most = G4_TRY(number());
    skip_while(is_blank);
  }
  if (!take("}")) return error("a repeat is written {2}, {2,} or {2,5}");
  return repeat(std::move(node), least, most);
}

Result<GrammarNode> GrammarReader::repeat(Node node, std::uint32_t least,
                                          std::uint32_t most) const {
  if (least > most)
    return error(fmt::format("a repeat of at least {} and at most {} times", least, most));
  if (most == 0) return text_node("");
  if (least == 1 && most == 1) return node;
  if (std::string_view("*+?{~").find(peek()) != std::string_view::npos && !at_end())
    return error("two repeats of one thing; the inner one needs parentheses");
  Node all{.kind = Node::Kind::kRepeat, .least = least, .most = most};
  all.parts.push_back(std::move(node));
  return all;
}

Result<std::uint32_t> GrammarReader::number() {
  const std::string_view digits = word(is_digit);
  if (digits.empty()) return error("a number should stand here");
  std::uint64_t value = 0;
  for (const char c : digits) {
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
    if (value > kNumberMax) return error("a number is too large");
  }
  return static_cast<std::uint32_t>(value);
}

Result<char32_t> GrammarReader::code_point(std::size_t digits) {
  char32_t value = 0;
  for (std::size_t i = 0; i < digits; ++i, ++at_) {
    const char c = peek();
    const char lower = static_cast<char>(c | 0x20);
    if (is_digit(c)) {
      value = value * 16 + static_cast<char32_t>(c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + static_cast<char32_t>(lower - 'a' + 10);
    } else {
      return error(fmt::format("an escape needs {} hexadecimal digits", digits));
    }
    if (value > kCodePointMax) return error("an escape is beyond U+10FFFF");
  }
  if (value >= kSurrogates.first && value <= kSurrogates.last)
    return error("an escape is a surrogate, half a character");
  return value;
}

std::size_t GrammarReader::refer(const std::string& name) {
  const auto [entry, is_new] = names_.emplace(name, tree_.rules.size());
  if (is_new) {
    tree_.rules.push_back({.name = name, .line = line()});
    defined_.push_back(false);
  }
  return entry->second;
}

Result<std::size_t> GrammarReader::define(const std::string& name) {
  const std::size_t rule = refer(name);
  if (defined_[rule]) return error(fmt::format("{} is defined twice", name));
  defined_[rule] = true;
  tree_.rules[rule].line = line();
  return rule;
}

Result<GrammarTree> GrammarReader::finish(const std::string& root) {
  if (tree_.rules.size() > GrammarLimits::kRulesMax)
    return Error{fmt::format("the grammar has {} rules; at most {} are supported",
                             tree_.rules.size(), GrammarLimits::kRulesMax)};
  const auto found = names_.find(root);
  if (found == names_.end() || !defined_[found->second])
    return Error{fmt::format("there is no rule {}, with which an answer begins", root)};
  for (std::size_t rule = 0; rule < tree_.rules.size(); ++rule)
    if (!defined_[rule])
      return Error{fmt::format("line {}: {} is not defined", tree_.rules[rule].line,
                               tree_.rules[rule].name)};
  tree_.root = found->second;
  return std::move(tree_);
}

GrammarNode GrammarReader::text_node(std::string text) {
  return {.kind = Node::Kind::kText, .text = std::move(text)};
}

GrammarNode GrammarReader::name_node(std::size_t rule) {
  return {.kind = Node::Kind::kName, .rule = rule};
}

std::vector<CharRange> all_but(const std::vector<CharRange>& ranges) {
  std::vector<CharRange> rest;
  char32_t next = 0;
  const auto skip = [&](CharRange range) {
    if (range.first > next) rest.push_back({next, range.first - 1});
    next = std::max<char32_t>(next, range.last + 1);
  };
  bool passed_surrogates = false;
  for (const CharRange range : ranges) {
    if (!passed_surrogates && range.first > kSurrogates.last) skip(kSurrogates);
    passed_surrogates = passed_surrogates || range.first > kSurrogates.last;
    skip(range);
  }
  if (!passed_surrogates) skip(kSurrogates);
  if (next <= kCodePointMax) rest.push_back({next, kCodePointMax});
  return rest;
}

std::vector<CharRange> in_order(std::vector<CharRange> ranges) {
  std::ranges::sort(ranges, {}, &CharRange::first);
  std::vector<CharRange> merged;
  for (const CharRange range : ranges)
    if (merged.empty() || range.first > merged.back().last + 1)
      merged.push_back(range);
    else
      merged.back().last = std::max(merged.back().last, range.last);
  return all_but(all_but(merged));
}

}  // namespace g4::grammar
