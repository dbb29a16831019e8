#include "grammar/pattern.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/utf8.h"

namespace g4::grammar {
namespace {

constexpr std::size_t kHuge = 1'000'000'000;
// What a dot does not match, to the end of its class.
constexpr std::string_view kDotExcludes = "\\n\\r]";

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }

// Walks the expression once and keeps for each open group how dear the dearest thing in it is.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  Status scan() {
    while (at_ < text_.size())
      if (Status status = step(); !status) return status;
    if (groups_.size() > 1) return Error{"a group is not closed"};
    return {};
  }

 private:
  // What a quantifier would repeat.
  struct Atom {
    std::size_t weight = 1;  // product of counted repeats within
    bool single = true;      // one character or class, not repeated yet
  };

  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  Status step() {
    const char c = text_[at_];
    switch (c) {
      case '\\':
        return escape();
      case '[':
        return char_class();
      case '(':
        return open();
      case ')':
        return close();
      case '{':
        return counted();
      case '*':
      case '+':
      case '?':
        ++at_;
        if (atom_) atom_->single = false;
        return {};
      case '|':
        atom_.reset();
        break;
      default:
        begin({});
    }
    ++at_;
    return {};
  }

  void begin(Atom atom) {
    atom_ = atom;
    groups_.back() = std::max(groups_.back(), atom.weight);
  }

  Status escape() {
    if (at_ + 1 == text_.size()) return Error{"it ends in a backslash"};
    const char c = text_[at_ + 1];
    at_ += 2;
    if ((is_digit(c) && c != '0') || c == 'k') return Error{"back-references are not supported"};
    if (c == 'b' || c == 'B') return Error{"word boundaries (\\b, \\B) are not supported"};
    if (std::string_view("pPxuU").find(c) != std::string_view::npos && starts("{"))
      if (Status status = braces(); !status) return status;
    begin({});
    return {};
  }

  // \p{Greek}, \x{41}
  Status braces() {
    const std::size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) return Error{"a { is not closed"};
    const std::string_view name = text_.substr(at_ + 1, end - at_ - 1);
    if (!std::all_of(name.begin(), name.end(), [](char c) {
          return is_letter(c) || is_digit(c) ||
                 std::string_view("_=:^ -").find(c) != std::string_view::npos;
        }))
      return Error{"what stands in \\p{...} or \\x{...} is no name and no number"};
    at_ = end + 1;
    return {};
  }

  // Classes nest: [a-z&&[^x]].
  Status char_class() {
    std::size_t depth = 0;
    do {
      if (at_ == text_.size()) return Error{"a character class is not closed"};
      const char c = text_[at_++];
      if (c == '\\') {
        at_ = std::min(at_ + 1, text_.size());
      } else if (c == '[') {
        if (++depth > kGroupDepthMax) return Error{"its classes are nested too deeply"};
        if (starts("^")) ++at_;
        if (starts("]")) ++at_;  // there it stands for itself
      } else if (c == ']') {
        --depth;
      }
    } while (depth > 0);
    begin({});
    return {};
  }

  Status open() {
    for (const std::string_view look : {"(?=", "(?!", "(?<=", "(?<!"})
      if (starts(look))
        return Error{fmt::format("look-ahead and look-behind ({}...) are not supported", look)};
    if (starts("(?P<") || starts("(?<")) {
      if (Status status = group_name(); !status) return status;
    } else if (starts("(?")) {
      if (Status status = flags(); !status) return status;
      if (starts(")")) {  // (?i): flags for what follows
        ++at_;
        return {};
      }
    }
    ++at_;  // the parenthesis, the > or the colon
    if (groups_.size() > kGroupDepthMax)
      return Error{fmt::format("its groups are nested more than {} deep", kGroupDepthMax)};
    groups_.push_back(1);
    atom_.reset();
    return {};
  }

  // Up to the > of (?P<name>.
  Status group_name() {
    at_ = text_.find('<', at_) + 1;
    while (at_ < text_.size() && (is_letter(text_[at_]) || is_digit(text_[at_]) || starts("_")))
      ++at_;
    if (starts(">")) return {};
    return Error{"the name of a group has letters, digits and _"};
  }

  // Up to the colon of (?i:...), or to the end of (?i).
  Status flags() {
    const std::size_t begun = at_;
    for (at_ += 2; at_ < text_.size() && (is_letter(text_[at_]) || starts("-")); ++at_)
      if (text_[at_] == 'x' || text_[at_] == 'u' || text_[at_] == 'R')
        return Error{fmt::format("the flag {} is not supported", text_[at_])};
    if (starts(")") && begun != 0)
      return Error{"flags such as (?i) stand at the beginning, or in (?i:...)"};
    if (starts(")") || starts(":")) return {};
    return Error{"behind (? come flags and a colon, or a name"};
  }

  Status close() {
    if (groups_.size() == 1) return Error{"it closes a group that it did not open"};
    ++at_;
    const std::size_t weight = groups_.back();
    groups_.pop_back();
    begin({weight, false});
    return {};
  }

  std::optional<std::size_t> number() {
    const std::size_t from = at_;
    std::size_t value = 0;
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_)
      value = std::min(kHuge, value * 10 + static_cast<std::size_t>(text_[at_] - '0'));
    if (at_ == from) return {};
    return value;
  }

  // {n} {n,} {n,m} {,m}
  Status counted() {
    ++at_;
    const auto least = number();
    std::optional<std::size_t> most = least;
    if (starts(",")) {
      ++at_;
      if (const auto upper = number()) most = upper;
    }
    if (!most || !starts("}"))
      return Error{"a { that does not begin a repeat such as {2,5} is written \\{"};
    ++at_;
    if (!atom_) return Error{"a repeat has nothing to repeat"};
    const std::size_t times = std::max({*most, least.value_or(0), std::size_t{1}});
    const std::size_t weight = atom_->weight * times;
    if (atom_->single ? times > kRepeatMax : weight > kNestedRepeatMax)
      return Error{
          fmt::format("it repeats something {} times, counting repeats inside repeats; at most {} "
                      "are supported",
                      std::min(weight, kHuge), atom_->single ? kRepeatMax : kNestedRepeatMax)};
    begin({weight, false});
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<std::size_t> groups_{1};  // weight of the dearest thing in each open group
  std::optional<Atom> atom_;
};

// The flags before an expression, (?i), if any. `text` passed check_pattern().
std::string_view leading_flags(std::string_view text) {
  const std::size_t end = std::min(text.find_first_of(":)P<", 2), text.size() - 1);
  return text.starts_with("(?") && text[end] == ')' ? text.substr(0, end + 1) : std::string_view{};
}

// Calls `visit` with the place of each character that stands outside of classes and escapes, and
// how many groups are open there.
template <class Visit>
void for_each_bare(std::string_view text, Visit visit) {
  std::size_t groups = 0, classes = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      ++at;
    } else if (c == '[') {
      ++classes;
      if (at + 1 < text.size() && text[at + 1] == '^') ++at;
      if (at + 1 < text.size() && text[at + 1] == ']') ++at;
    } else if (classes > 0) {
      classes -= c == ']';
    } else {
      groups -= c == ')';
      visit(at, groups);
      groups += c == '(';
    }
  }
}

// Classes as JSON schemas mean them, written as Rust does: they do not nest, and know no && and ~~.
std::string with_plain_classes(std::string_view text) {
  std::string out;
  bool in_class = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '\\') {
      out += text.substr(at++, 2);
    } else if (!in_class && c == '[') {
      in_class = true;
      out += '[';
      if (text.substr(at + 1).starts_with('^')) {
        ++at;
        const std::string_view excluded = text.substr(at + 1);  // ours: twice is as once
        const bool is_ours = excluded.starts_with("\\x01") || excluded.starts_with(kDotExcludes);
        out += is_ours ? "^" : "^\\x01";
      }
      if (text.substr(at + 1).starts_with(']')) {  // there it stands for itself
        out += "\\]";
        ++at;
      }
    } else if (in_class && (c == '[' || c == '&' || c == '~')) {
      out.append({'\\', c});
    } else {
      in_class = in_class && c != ']';
      out += c;
    }
  }
  return out;
}

// (?s), (?is:...): dots mean something else somewhere.
bool has_flag_s(std::string_view text) {
  bool found = false;
  for_each_bare(text, [&](std::size_t at, std::size_t) {
    if (!text.substr(at).starts_with("(?")) return;
    for (at += 2; at < text.size() && (is_letter(text[at]) || text[at] == '-'); ++at)
      found = found || text[at] == 's';
  });
  return found;
}

bool ends_with_dollar(std::string_view text) {
  if (!text.ends_with('$')) return false;
  const std::size_t last = text.find_last_not_of('\\', text.size() - 2);
  const std::size_t slashes = text.size() - 2 - (last == std::string_view::npos ? -1 : last);
  return text.size() < 2 || slashes % 2 == 0;
}

// Between slashes in Lark, where a slash or a line break would end it.
std::string for_lark(std::string_view pattern) {
  std::string out;
  for (std::size_t at = 0; at < pattern.size(); ++at) {
    const char c = pattern[at];
    if (c == '\\' && at + 1 < pattern.size()) {
      const char next = pattern[++at];
      switch (next) {
        case 'd':
          out += "[0-9]";
          break;
        case 'D':
          out += "[^0-9]";
          break;
        case 'w':
          out += "[0-9A-Za-z_]";
          break;
        case 'W':
          out += "[^0-9A-Za-z_]";
          break;
        case '\n':
          out += "\\n";
          break;
        case '\r':
          out += "\\r";
          break;
        default:
          out.append({c, next});
      }
    } else if (c == '/') {
      out += "\\/";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

std::vector<std::string_view> alternatives(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t from = 0;
  for_each_bare(text, [&](std::size_t at, std::size_t groups) {
    if (text[at] != '|' || groups > 0) return;
    parts.push_back(text.substr(from, at - from));
    from = at + 1;
  });
  parts.push_back(text.substr(from));
  return parts;
}

Status check_pattern(std::string_view pattern) {
  if (pattern.size() > kPatternBytesMax)
    return Error{
        fmt::format("it has {} bytes; at most {} are supported", pattern.size(), kPatternBytesMax)};
  if (!is_utf8(pattern) || pattern.find('\0') != std::string_view::npos)
    return Error{"it holds bytes that are no text"};
  return Scanner(pattern).scan();
}

std::string whole_pattern(std::string_view pattern) { return for_lark(pattern); }

Result<std::string> schema_pattern(std::string_view pattern) {
  const std::string text = with_plain_classes(pattern);
  if (Status status = check_pattern(text); !status) return std::move(status).error();
  if (has_flag_s(text)) return text;
  std::string out;
  std::size_t from = 0;
  for_each_bare(text, [&](std::size_t at, std::size_t) {
    if (text[at] != '.') return;
    out.append(text, from, at - from).append("[^").append(kDotExcludes);
    from = at + 1;
  });
  return out.append(text, from);
}

std::string search_pattern(std::string_view pattern) {
  const std::string_view flags = leading_flags(pattern);
  std::string out(flags);
  for (const std::string_view part : alternatives(pattern.substr(flags.size()))) {
    if (out.size() > flags.size()) out += '|';
    out += fmt::format("(?:{}{}{})", part.starts_with('^') ? "" : "(?s:.*)", for_lark(part),
                       ends_with_dollar(part) ? "" : "(?s:.*)");
  }
  return out;
}

}  // namespace g4::grammar
