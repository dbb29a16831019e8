#include "grammar/excluded_texts.h"

#include <fmt/format.h>

#include <map>
#include <memory>

#include "base/utf8.h"
#include "grammar/pattern.h"

namespace g4::grammar {
namespace {

constexpr std::size_t kTextBytesMax = 1'000;  // of all texts to exclude together
constexpr std::size_t kLookAheadMax = 6;
constexpr std::string_view kAnything = "[\\s\\S]*";

// One character, as it is written in an expression, in or outside of a class.
std::string escaped(std::string_view character) {
  if (character == "\n") return "\\n";
  if (character == "\r") return "\\r";
  if (character.size() == 1 &&
      std::string_view("\\^$.|?*+()[]{}-&~#/").find(character[0]) != std::string_view::npos)
    return fmt::format("\\{}", character);
  return std::string(character);
}

// Texts that share their beginnings.
struct Trie {
  std::map<std::string, std::unique_ptr<Trie>> next;  // by character
  bool ends_here = false;
};

// What may follow at a place of the trie so that the whole is none of its texts.
std::string other_endings(const Trie& trie) {
  std::string others, out;
  for (const auto& [character, next] : trie.next) others += escaped(character);
  if (trie.next.empty()) return trie.ends_here ? "[\\s\\S]+" : std::string(kAnything);
  out = fmt::format("(?:[^{}]{}", others, kAnything);
  for (const auto& [character, next] : trie.next)
    out += fmt::format("|{}{}", escaped(character), other_endings(*next));
  return out + (trie.ends_here ? ")" : ")?");
}

// The parts of an expression that this file looks into: characters and classes, one at a time.
class Atoms {
 public:
  explicit Atoms(std::string_view text) : rest_(text) {}

  bool take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  bool empty() const { return rest_.empty(); }

  // The inside of a class that is this one character or class, "a" or "\\d" or "a-z"; nothing if
  // something else comes, or a repeat behind it.
  std::optional<std::string> atom() {
    const bool is_class = rest_.starts_with("[");
    const std::size_t bytes = is_class ? class_bytes() : character_bytes();
    if (bytes == 0) return {};
    const std::string_view taken = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    if (!rest_.empty() && std::string_view("*+?{").find(rest_[0]) != std::string_view::npos)
      return {};
    if (is_class) return std::string(taken.substr(1, bytes - 2));
    return taken[0] == '\\' ? std::string(taken) : escaped(taken);
  }

 private:
  // 0: one that is not understood.
  std::size_t class_bytes() const {
    const std::size_t end = rest_.find(']', 2);
    if (end == std::string_view::npos) return 0;
    const std::string_view inside = rest_.substr(1, end - 1);
    if (inside[0] == '^' || inside.find_first_of("[&") != std::string_view::npos ||
        inside.ends_with('\\'))
      return 0;
    return end + 1;
  }

  std::size_t character_bytes() const {
    if (rest_.starts_with("\\")) return rest_.size() > 1 && is_plain_escape(rest_[1]) ? 2 : 0;
    if (rest_.empty() || std::string_view("^$.|?*+(){}").find(rest_[0]) != std::string_view::npos)
      return 0;
    std::size_t bytes = 1;
    while (bytes < rest_.size() && (rest_[bytes] & 0xC0) == 0x80) ++bytes;
    return bytes;
  }

  static bool is_plain_escape(char c) {
    return std::string_view("dwsnrt").find(c) != std::string_view::npos ||
           !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'));
  }
  std::string_view rest_;
};

bool is_one_character(std::string_view inside) {
  return inside.size() == 1 || (inside.size() == 2 && inside[0] == '\\' &&
                                std::string_view("dws").find(inside[1]) == std::string_view::npos);
}

// Texts that hold nothing of the first atom followed by one of the second, if there is one.
std::optional<std::string> texts_without(Atoms atoms) {
  const auto first = atoms.atom();
  if (!first) return {};
  if (atoms.empty()) return fmt::format("^[^{}]*$", *first);
  const auto second = atoms.atom();
  if (!second || !atoms.empty()) return {};
  if (*first == *second) return fmt::format("^(?:[{0}]?[^{0}])*[{0}]?$", *first);
  if (!is_one_character(*first) || !is_one_character(*second)) return {};
  return fmt::format("^(?:[^{0}]|[{0}]+[^{0}{1}])*[{0}]*$", *first, *second);
}

// Texts that do not begin with what (?!`look`) looks for.
std::optional<std::string> not_beginning_with(std::string_view look) {
  if (look == "\\s*$" || look == "\\s+$") return "\\S";
  Atoms atoms(look);
  if (atoms.take(".*")) return texts_without(atoms);
  std::vector<std::string> classes;
  bool to_the_end = false;
  while (!atoms.empty() && !to_the_end) {
    to_the_end = atoms.take("$");
    if (to_the_end) break;
    auto next = atoms.atom();
    if (!next) return {};
    classes.push_back(*std::move(next));
  }
  if (classes.empty() || !atoms.empty()) return {};
  std::string out;
  for (auto place = classes.rbegin(); place != classes.rend(); ++place) {
    const std::string then =
        !out.empty() ? fmt::format("|[{}]{}", *place, out)
                     : (to_the_end ? fmt::format("|[{}][\\s\\S]+", *place) : std::string());
    out = fmt::format("(?:[^{}]{}{})?", *place, kAnything, then);
  }
  return fmt::format("^{}$", out);
}

// The length of the group that `text` begins with, its parentheses included; 0 if it does not end.
std::size_t group_length(std::string_view text) {
  std::size_t open = 0;
  bool in_class = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (in_class) {
      in_class = c != ']';
    } else if (c == '[') {
      in_class = true;
      if (text.substr(at + 1).starts_with("^")) ++at;
      if (text.substr(at + 1).starts_with("]")) ++at;
    } else if (c == '(') {
      ++open;
    } else if (c == ')' && --open == 0) {
      return at + 1;
    }
  }
  return 0;
}

}  // namespace

std::optional<std::string> all_texts_but(std::span<const std::string> texts) {
  Trie root;
  std::size_t bytes = 0;
  for (const std::string& text : texts) {
    bytes += text.size();
    if (bytes > kTextBytesMax || !is_utf8(text)) return {};
    Trie* at = &root;
    for (std::size_t from = 0; from < text.size();) {
      std::size_t to = from + 1;
      while (to < text.size() && (text[to] & 0xC0) == 0x80) ++to;
      auto& next = at->next[text.substr(from, to - from)];
      if (!next) next = std::make_unique<Trie>();
      at = next.get();
      from = to;
    }
    at->ends_here = true;
  }
  return fmt::format("^{}$", other_endings(root));
}

std::optional<std::vector<std::string>> without_look_ahead(std::string_view pattern) {
  if (!pattern.starts_with("^(?=") && !pattern.starts_with("^(?!")) return {};
  if (alternatives(pattern).size() > 1) return {};
  std::string_view rest = pattern.substr(1);
  std::vector<std::string> all;
  while (rest.starts_with("(?=") || rest.starts_with("(?!")) {
    const std::size_t length = group_length(rest);
    if (length == 0 || all.size() == kLookAheadMax) return {};
    const std::string_view look = rest.substr(3, length - 4);
    const bool must_follow = rest[2] == '=';
    rest.remove_prefix(length);
    if (!rest.empty() && std::string_view("*+?{").find(rest[0]) != std::string_view::npos)
      return {};
    if (must_follow) {
      all.push_back(alternatives(look).size() > 1 ? fmt::format("^(?:{})", look)
                                                  : fmt::format("^{}", look));
      continue;
    }
    auto other = not_beginning_with(look);
    if (!other) return {};
    all.push_back(*std::move(other));
  }
  all.push_back(fmt::format("^{}", rest));
  return all;
}

}  // namespace g4::grammar
