// What the notations of grammars (gbnf.h, lark_reader.h) have in common: alternatives, sequences,
// groups, repeats, names that are defined later, and sentences with a line number.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "grammar/grammar_tree.h"

namespace g4::grammar {

class GrammarReader {
 public:
  // `text` is UTF-8 of at most GrammarLimits::kBytesMax.
  explicit GrammarReader(std::string_view text) : text_(text) {}
  virtual ~GrammarReader() = default;
  GrammarReader(const GrammarReader&) = delete;
  GrammarReader& operator=(const GrammarReader&) = delete;

 protected:
  using Node = GrammarNode;

  // One thing of a sequence; nothing where the sequence ends.
  virtual Result<std::optional<Node>> atom() = 0;
  virtual void skip_blanks() = 0;  // white space, line breaks, comments
  // Counts in another spelling than {2,5}, if they begin here.
  virtual Result<std::optional<Node>> counted(Node&) { return std::optional<Node>(); }

  Result<Node> choice();                            // up to where a sequence ends that no | follows
  Result<Node> group(char end);                     // after the opening bracket
  Result<char32_t> code_point(std::size_t digits);  // hexadecimal
  Result<std::uint32_t> number();
  Result<Node> repeat(Node node, std::uint32_t least, std::uint32_t most) const;

  bool at_end() const { return at_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[at_]; }
  bool starts(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool take(std::string_view what);
  std::string_view word(bool (*belongs)(char));
  void skip_while(bool (*belongs)(char));
  std::size_t line() const { return line_of(at_); }
  Error error(const std::string& what) const;
  Error unexpected() const;

  std::size_t refer(const std::string& name);
  Result<std::size_t> define(const std::string& name);
  Result<GrammarTree> finish(const std::string& root);

  static Node text_node(std::string text);
  static Node name_node(std::size_t rule);

  std::string_view text_;
  std::size_t at_ = 0;
  GrammarTree tree_;

 private:
  Result<Node> sequence();
  Result<Node> repeated(Node node);
  Result<Node> repeated_by_braces(Node node);
  std::size_t line_of(std::size_t at) const;

  std::map<std::string, std::size_t, std::less<>> names_;
  std::vector<bool> defined_;
  std::size_t depth_ = 0;
};

inline bool is_blank(char c) { return c == ' ' || c == '\t'; }
inline bool is_space(char c) { return is_blank(c) || c == '\n' || c == '\r'; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

// In order, apart from each other, and without surrogates, which no text holds.
std::vector<CharRange> in_order(std::vector<CharRange> ranges);
std::vector<CharRange> all_but(const std::vector<CharRange>& ranges);  // `ranges` are in_order()

}  // namespace g4::grammar
