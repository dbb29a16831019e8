#include "grammar/lark_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/utf8.h"
#include "grammar/grammar_reader.h"
#include "grammar/pattern.h"

namespace g4::grammar {
namespace {

struct CommonTerminal {
  std::string_view name, pattern;
};

// Of Lark's common.lark.
constexpr auto kCommon = std::to_array<CommonTerminal>({
    {"DIGIT", "[0-9]"},
    {"HEXDIGIT", "[0-9A-Fa-f]"},
    {"INT", "[0-9]+"},
    {"SIGNED_INT", "[+\\-]?[0-9]+"},
    {"DECIMAL", "[0-9]+\\.[0-9]*|\\.[0-9]+"},
    {"FLOAT", "[0-9]+[eE][+\\-]?[0-9]+|([0-9]+\\.[0-9]*|\\.[0-9]+)([eE][+\\-]?[0-9]+)?"},
    {"SIGNED_FLOAT",
     "[+\\-]?([0-9]+[eE][+\\-]?[0-9]+|([0-9]+\\.[0-9]*|\\.[0-9]+)([eE][+\\-]?[0-9]+)?)"},
    {"NUMBER", "([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+\\-]?[0-9]+)?"},
    {"SIGNED_NUMBER", "[+\\-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+\\-]?[0-9]+)?"},
    {"ESCAPED_STRING", "\"([^\"\\\\\\n]|\\\\[^\\n])*\""},
    {"LCASE_LETTER", "[a-z]"},
    {"UCASE_LETTER", "[A-Z]"},
    {"LETTER", "[A-Za-z]"},
    {"WORD", "[A-Za-z]+"},
    {"CNAME", "[A-Za-z_][0-9A-Za-z_]*"},
    {"WS_INLINE", "[ \\t]+"},
    {"WS", "[ \\t\\f\\r\\n]+"},
    {"CR", "\\r"},
    {"LF", "\\n"},
    {"NEWLINE", "(\\r?\\n)+"},
});

bool is_name(char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '_'; }
bool is_terminal_name(std::string_view name) {
  return std::ranges::any_of(name, is_upper) && std::ranges::none_of(name, is_lower);
}
bool is_rule_name(std::string_view name) {
  return std::ranges::any_of(name, is_lower) && std::ranges::none_of(name, is_upper);
}

class LarkReader final : public GrammarReader {
 public:
  using GrammarReader::GrammarReader;

  Result<GrammarTree> read() {
    for (skip_blanks(); !at_end(); skip_blanks())
      if (Status status = peek() == '%' ? directive() : definition(); !status)
        return std::move(status).error();
    return finish("start");
  }

 private:
  void skip_blanks() override {
    for (;;) {
      skip_while(is_space);
      if (peek() != '#' && !starts("//")) return;
      skip_while([](char c) { return c != '\n'; });
    }
  }

  // A name, and what follows one where it is defined: `name:`, `name.2:`, `name{x}:`, `name[x]:`.
  bool is_definition() {
    const std::size_t from = at_;
    if (take("?") || take("!")) take("!");
    bool is = !word(is_name).empty();
    skip_while(is_blank);
    if (take(".")) {
      skip_while([](char c) { return is_digit(c) || c == '-'; });
    } else if (peek() == '{' || peek() == '[') {
      constexpr std::size_t kBytesMax = 200;
      const std::string_view rest = text_.substr(at_, kBytesMax);
      const std::size_t end = rest.find_first_of(peek() == '{' ? "}\n" : "]\n");
      is = is && end != std::string_view::npos && rest[end] != '\n';
      if (is) at_ += end + 1;
    }
    skip_while(is_blank);
    is = is && starts(":") && !starts("::");
    at_ = from;
    return is;
  }

  Status definition() {
    if (take("?") || take("!")) take("!");
    const std::string name(word(is_name));
    if (name.empty()) return unexpected();
    if (!is_terminal_name(name) && !is_rule_name(name))
      return error(fmt::format("{}: rules are named in lower case, terminals in upper", name));
    const std::size_t rule = G4_TRY(define(name));
    skip_while(is_blank);
    if (peek() == '.') return error(fmt::format("{} has a priority, which is not supported", name));
    if (peek() == '{') return error(fmt::format("{} is a template, which is not supported", name));
    if (peek() == '[')
      return error(fmt::format("{} has attributes, which are not supported", name));
    if (!take(":")) return error(fmt::format("after {} there should be a colon", name));
    in_terminal_ = is_terminal_name(name);
    Node body = G4_TRY(choice());
    tree_.rules[rule].body = std::move(body);
    tree_.rules[rule].terminal = in_terminal_;
    if (at_end() || peek() == '%' || is_definition()) return {};
    return unexpected();
  }

  Status directive() {
    ++at_;
    const std::string what(word(is_name));
    skip_while(is_blank);
    if (what == "import") return import();
    if (what == "ignore") {
      in_terminal_ = true;
      Node node = G4_TRY(choice());
      tree_.ignored.push_back(std::move(node));
      return {};
    }
    // So do many grammars for llguidance begin; it asks for nothing.
    if (what == "llguidance" && take("{}")) return {};
    return error(fmt::format("%{} is not supported", what));
  }

  // common.INT, common.INT -> NUMBER, common (INT, WORD)
  Status import() {
    if (!take("common")) return error("only terminals of common can be imported");
    skip_while(is_blank);
    if (take(".")) {
      const std::string name(word(is_name));
      skip_while(is_blank);
      if (!take("->")) return import_as(name, name);
      skip_while(is_blank);
      return import_as(name, std::string(word(is_name)));
    }
    if (!take("(")) return unexpected();
    do {
      skip_blanks();
      const std::string name(word(is_name));
      if (Status status = import_as(name, name); !status) return status;
      skip_blanks();
    } while (take(","));
    return take(")") ? Status() : Status(unexpected());
  }

  Status import_as(const std::string& name, const std::string& alias) {
    const auto found = std::ranges::find(kCommon, name, &CommonTerminal::name);
    if (found == kCommon.end())
      return error(
          fmt::format("common.{} is not supported; terminals as NUMBER, WORD and "
                      "ESCAPED_STRING are",
                      name));
    if (!is_terminal_name(alias))
      return error("what is imported is a terminal, named in upper case");
    const std::size_t rule = G4_TRY(define(alias));
    tree_.rules[rule].body = pattern_node(std::string(found->pattern));
    tree_.rules[rule].terminal = true;
    return {};
  }

  Result<std::optional<Node>> atom() override {
    const char c = peek();
    if (take("->")) {  // an alias
      skip_while(is_blank);
      if (word(is_name).empty()) return error("after -> there should be a name");
      skip_blanks();
      if (at_end() || peek() == '|' || peek() == ')' || peek() == '%' || is_definition())
        return std::optional<Node>();
      return error("an alias stands at the end of an alternative");
    }
    if (at_end() || c == '|' || c == ')' || c == ']' || c == '%') {
      if (c != '%' || is_statement()) return std::optional<Node>();
      const std::size_t end = std::min(text_.find_first_of(" \t\r\n{", at_), text_.size());
      return error(fmt::format("{} is not supported", text_.substr(at_, end - at_)));
    }
    if (is_definition()) return std::optional<Node>();
    if (is_name(c)) return named();
    Node node = G4_TRY(marked(c));
    return std::optional(std::move(node));
  }

  bool is_statement() const {
    return starts("%import") || starts("%ignore") || starts("%llguida") || starts("%declare") ||
           starts("%override") || starts("%extend");
  }

  Result<std::optional<Node>> named() {
    const std::string name(word(is_name));
    if (starts("::")) return error("parameters of rules (::) are not supported");
    if (peek() == '{' && text_.find_first_of("0123456789,", at_) != at_ + 1)
      return error(fmt::format("{} is a template, which is not supported", name));
    const bool terminal = is_terminal_name(name);
    if (!terminal && !is_rule_name(name))
      return error(fmt::format("{}: rules are named in lower case, terminals in upper", name));
    if (in_terminal_ && !terminal)
      return error(
          fmt::format("a terminal can be made of terminals only, not of the rule {}", name));
    Node node = name_node(refer(name));
    node.lexeme = terminal;
    return std::optional(std::move(node));
  }

  Result<Node> marked(char c) {
    if (c == '<')
      return error("special tokens (<...>) are not supported; a text is written \"<...>\"");
    if (c == '@') return error("references to other grammars (@...) are not supported");
    if (c == '&' || c == '~')
      return error(fmt::format("{} is not supported here", std::string(1, c)));
    ++at_;
    if (c == '(') return group(')');
    if (c == '[') {
      Node inside = G4_TRY(group(']'));
      return repeat(std::move(inside), 0, 1);
    }
    if (c == '"') return literal();
    if (c == '/') return pattern();
    --at_;
    return unexpected();
  }

  // "text", "text"i, "a".."z"
  Result<Node> literal() {
    Node node = text_node(G4_TRY(quoted()));
    node.lexeme = true;
    if (peek() == 'i' && !is_name(at_ + 1 < text_.size() ? text_[at_ + 1] : ' ')) {
      ++at_;
      node.any_case = true;
    }
    if (!take("..")) return node;
    if (!take("\"")) return unexpected();
    const std::string last = G4_TRY(quoted());
    const Utf8Step from = next_utf8(node.text.empty() ? " " : node.text);
    const Utf8Step to = next_utf8(last.empty() ? " " : last);
    if (from.length != node.text.size() || to.length != last.size() || node.any_case)
      return error("a range goes from one character to another");
    if (to.code_point < from.code_point)
      return error("a range of characters ends before it begins");
    return Node{.kind = Node::Kind::kChars,
                .chars = in_order({{from.code_point, to.code_point}}),
                .lexeme = true};
  }

  Result<std::string> quoted() {
    std::string text;
    while (!take("\"")) {
      if (at_end() || peek() == '\n') return error("a text is not closed");
      if (peek() != '\\') {
        text += text_[at_++];
        continue;
      }
      ++at_;
      const char32_t c = G4_TRY(escaped());
      append_utf8(text, c);
    }
    return text;
  }

  Result<char32_t> escaped() {
    static constexpr std::string_view kNames = "nrtfbv0\\\"/'";
    static constexpr std::string_view kMeant{"\n\r\t\f\b\v\0\\\"/'", 11};
    const char c = peek();
    if (const std::size_t which = at_end() ? std::string_view::npos : kNames.find(c);
        which != std::string_view::npos) {
      ++at_;
      return static_cast<char32_t>(kMeant[which]);
    }
    if (take("x")) return code_point(2);
    if (take("u")) return code_point(4);
    if (take("U")) return code_point(8);
    return error(
        "an unknown escape; \\n \\r \\t \\\\ \\\" \\x41 \\u0041 and \\U00000041 are known");
  }

  // Behind the slash.
  Result<Node> pattern() {
    const std::size_t from = at_;
    while (!at_end() && peek() != '/' && peek() != '\n') at_ += peek() == '\\' ? 2 : 1;
    at_ = std::min(at_, text_.size());
    std::string inside(text_.substr(from, at_ - from));
    if (!take("/")) return error("a regular expression is not closed");
    if (Status status = check_pattern(inside); !status)
      return error(
          fmt::format("the regular expression is not supported: {}", status.error().message));
    const std::string flags(word([](char c) { return is_lower(c); }));
    for (const char flag : flags)
      if (std::string_view("ims").find(flag) == std::string_view::npos)
        return error(fmt::format("the flag {} of a regular expression is not supported", flag));
    return pattern_node(std::move(inside), flags);
  }

  static Node pattern_node(std::string pattern, const std::string& flags = "") {
    return {.kind = Node::Kind::kPattern,
            .text = fmt::format("(?{}:{})", flags, whole_pattern(pattern)),
            .lexeme = true};
  }

  // ~ 2, ~ 2..5
  Result<std::optional<Node>> counted(Node& node) override {
    if (!take("~")) return std::optional<Node>();
    skip_while(is_blank);
    const std::uint32_t least = G4_TRY(number());
    std::uint32_t most = least;
    skip_while(is_blank);
    if (take("..")) {
      skip_while(is_blank);
      most = G4_TRY(number());
    }
    Node whole = G4_TRY(repeat(std::move(node), least, most));
    return std::optional(std::move(whole));
  }

  bool in_terminal_ = false;  // what is read now may hold terminals only
};

}  // namespace

Result<GrammarTree> read_lark(std::string_view text) { return LarkReader(text).read(); }

}  // namespace g4::grammar
