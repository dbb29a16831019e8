#include "grammar/gbnf.h"

#include <fmt/format.h>

#include "base/utf8.h"
#include "grammar/grammar_reader.h"

namespace g4::grammar {
namespace {

bool is_name(char c) { return is_lower(c) || is_upper(c) || is_digit(c) || c == '-' || c == '_'; }

class GbnfReader final : public GrammarReader {
 public:
  using GrammarReader::GrammarReader;

  Result<GrammarTree> read() {
    skip_blanks();
    while (!at_end()) {
      const std::string name(word(is_name));
      if (name.empty()) return unexpected();
      const std::size_t rule = G4_TRY(define(name));
      skip_blanks();
      if (!take("::=")) return error(fmt::format("after {} there should be ::=", name));
      Node body = G4_TRY(choice());
      tree_.rules[rule].body = std::move(body);
    }
    return finish("root");
  }

  bool begins_with_a_rule() {
    while (!at_end()) {
      skip_blanks();
      if (!starts("//")) break;  // a comment of Lark
      skip_while([](char c) { return c != '\n'; });
    }
    return is_name(peek()) && is_definition();
  }

 private:
  void skip_blanks() override {
    for (;;) {
      skip_while(is_space);
      if (peek() != '#') return;
      skip_while([](char c) { return c != '\n'; });
    }
  }

  bool is_definition() {
    const std::size_t from = at_;
    word(is_name);
    skip_blanks();
    const bool is = starts("::=");
    at_ = from;
    return is;
  }

  Result<std::optional<Node>> atom() override {
    const char c = peek();
    if (at_end() || c == '|' || c == ')') return std::optional<Node>();
    if (is_name(c)) {
      if (is_definition()) return std::optional<Node>();
      return std::optional(name_node(refer(std::string(word(is_name)))));
    }
    if (c == '<' || c == '!')
      return error("tokens (<...>) are not supported in grammars; a text is written \"<...>\"");
    if (std::string_view("\"[(.").find(c) == std::string_view::npos) return unexpected();
    ++at_;
    Node node = G4_TRY(c == '"'   ? literal()
                       : c == '[' ? char_class()
                       : c == '(' ? group(')')
                                  : Result<Node>(chars(all_but({}))));
    return std::optional(std::move(node));
  }

  Result<Node> literal() {
    std::string text;
    while (!take("\"")) {
      const char32_t c = G4_TRY(character("a text"));
      append_utf8(text, c);
    }
    return text_node(std::move(text));
  }

  Result<Node> char_class() {
    const bool but = take("^");
    std::vector<CharRange> ranges;
    while (!take("]")) {
      const char32_t first = G4_TRY(character("a class of characters"));
      char32_t last = first;
      if (starts("-") && !starts("-]")) {
        ++at_;
        last = G4_TRY(character("a class of characters"));
      }
      if (last < first) return error("a range of characters ends before it begins");
      ranges.push_back({first, last});
    }
    ranges = in_order(std::move(ranges));
    if (but) ranges = all_but(ranges);
    if (ranges.empty()) return error("a class of characters is empty");
    return chars(std::move(ranges));
  }

  static Node chars(std::vector<CharRange> ranges) {
    return {.kind = Node::Kind::kChars, .chars = std::move(ranges)};
  }

  Result<char32_t> character(const char* where) {
    if (at_end()) return error(fmt::format("{} is not closed", where));
    if (!take("\\")) {
      const Utf8Step step = next_utf8(text_.substr(at_));
      at_ += step.length;
      return step.code_point;
    }
    const char c = peek();
    ++at_;
    switch (c) {
      case 'x':
        return code_point(2);
      case 'u':
        return code_point(4);
      case 'U':
        return code_point(8);
      case 't':
        return U'\t';
      case 'r':
        return U'\r';
      case 'n':
        return U'\n';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
      case '/':
      case '\'':
        return static_cast<char32_t>(c);
      default:
        --at_;
        return error(
            "an unknown escape; \\n \\r \\t \\\\ \\\" \\[ \\] \\- \\^ \\x41 \\u0041 and "
            "\\U00000041 are known");
    }
  }
};

}  // namespace

bool is_gbnf(std::string_view text) { return GbnfReader(text).begins_with_a_rule(); }

Result<GrammarTree> read_gbnf(std::string_view text) { return GbnfReader(text).read(); }

}  // namespace g4::grammar
