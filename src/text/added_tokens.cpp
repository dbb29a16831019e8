#include "text/added_tokens.h"

#include <cassert>

namespace g4 {
namespace {
constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581
}  // namespace

AddedTokenMatcher::AddedTokenMatcher(Text text) : text_(text), nodes_(1) {}

std::uint32_t AddedTokenMatcher::step(std::uint32_t node, std::uint8_t byte) const {
  if (node == 0) return first_[byte];
  std::uint32_t child = nodes_[node].child;
  while (child != 0 && nodes_[child].byte != byte) child = nodes_[child].sibling;
  return child;
}

void AddedTokenMatcher::add(std::string_view spelling, TokenId id) {
  assert(!spelling.empty());
  std::uint32_t node = 0;
  const auto descend = [&](char c) {
    const auto byte = static_cast<std::uint8_t>(c);
    std::uint32_t child = step(node, byte);
    if (child == 0) {
      child = static_cast<std::uint32_t>(nodes_.size());
      nodes_.push_back({.byte = byte, .sibling = node == 0 ? 0 : nodes_[node].child});
      if (node == 0)
        first_[byte] = child;
      else
        nodes_[node].child = child;
    }
    node = child;
  };
  for (const char c : spelling) {
    if (c == ' ' && text_ == Text::kNormalized)
      for (const char mark : kSpaceMark) descend(mark);
    else
      descend(c);
  }
  nodes_[node].id = id;
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::longest_at(std::string_view text,
                                                                      std::size_t at) const {
  std::optional<Match> best;
  std::uint32_t node = 0;
  for (std::size_t end = at; end < text.size();) {
    const char c = text[end++];
    if (c == ' ' && text_ == Text::kNormalized) {
      for (const char mark : kSpaceMark) {
        node = step(node, static_cast<std::uint8_t>(mark));
        if (node == 0) return best;
      }
    } else {
      node = step(node, static_cast<std::uint8_t>(c));
    }
    if (node == 0) return best;
    if (nodes_[node].id >= 0) best = Match{at, end, nodes_[node].id};
  }
  return best;
}

std::optional<AddedTokenMatcher::Match> AddedTokenMatcher::find(std::string_view text,
                                                                std::size_t from) const {
  if (empty()) return std::nullopt;
  for (std::size_t at = from; at < text.size(); ++at) {
    const auto byte = static_cast<std::uint8_t>(text[at]);
    const bool space = byte == ' ' && text_ == Text::kNormalized;
    if (first_[space ? static_cast<std::uint8_t>(kSpaceMark[0]) : byte] == 0) continue;
    if (std::optional<Match> match = longest_at(text, at)) return match;
  }
  return std::nullopt;
}

}  // namespace g4
