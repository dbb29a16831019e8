#include "chat/arguments_to_json.h"

#include <algorithm>
#include <cassert>

#include "base/utf8.h"
#include "chat/bare_value.h"
#include "chat/writer.h"

namespace g4::chat {
namespace {

using String = ArgumentsWriter::String;
using Bracket = ArgumentsWriter::Bracket;

// Stands for the token <|"|> in the input: no byte of UTF-8 text.
constexpr char kQuote = '\xFF';
constexpr std::size_t kNameBytesMax = 64;  // of a key that is looked for behind a comma

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_mark(char c) { return c == '"' || c == '\'' || c == '`'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_scalar_char(char c) {
  return is_digit(c) || is_letter(c) || c == '+' || c == '-' || c == '.';
}
bool is_name_char(char c) {
  return is_scalar_char(c) || c == '_' || c == '$' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

char opener_of(char closer) {
  if (closer == '}') return '{';
  return closer == ']' ? '[' : '(';
}

char32_t hex_value(std::string_view digits) {
  return static_cast<char32_t>(std::stoul(std::string(digits), nullptr, 16));
}

}  // namespace

std::string ArgumentsToJson::push(std::string_view text) {
  assert(text.find(kQuote) == std::string_view::npos);
  in_ += text;
  return run();
}

std::string ArgumentsToJson::push_quote() {
  if (closed()) return {};
  in_ += kQuote;
  return run();
}

std::string ArgumentsToJson::finish() {
  ended_ = true;
  std::string text = run();
  if (in_string() || state_ == State::kBareText) json_.drop_brackets_of_end();
  return text + end();
}

std::string ArgumentsToJson::cut() { return end(); }

std::string ArgumentsToJson::take_rest() {
  std::string rest;
  rest.swap(in_);
  std::erase(rest, kQuote);
  return rest;
}

std::string ArgumentsToJson::run() {
  while (step()) {
  }
  in_.erase(0, at_);
  const bool looked = looked_at_ > at_, blank = blank_begin_ > at_;
  looked_at_ = looked ? looked_at_ - at_ : 0;
  blank_begin_ = blank ? blank_begin_ - at_ : 0;
  blank_end_ = blank ? blank_end_ - at_ : 0;
  at_ = 0;
  return json_.take();
}

// Whatever the state, the shortest end that is JSON.
std::string ArgumentsToJson::end() {
  const bool key_only = state_ == State::kColon || (in_string() && json_.string_is_key());
  if (state_ == State::kStart) json_.open('{', Bracket::kReal);
  if (state_ == State::kBareText) json_.trim_held_end();
  if (in_string() || state_ == State::kBareText) json_.end_string();
  if (key_only) json_.colon();
  const bool wants_value = state_ == State::kValue || state_ == State::kBare;
  if (key_only || (wants_value && json_.in_object())) json_.missing_value();
  while (json_.any_open()) json_.close();
  state_ = State::kClosed;
  return json_.take();
}

bool ArgumentsToJson::step() {
  if (at_ == in_.size()) return false;
  switch (state_) {
    case State::kStart:
      return read_start();
    case State::kKey:
      return read_key();
    case State::kColon:
      return read_colon();
    case State::kValue:
      return read_value();
    case State::kTokenString:
      return read_token_string();
    case State::kQuotedString:
      return read_quoted_string();
    case State::kBare:
      return read_bare();
    case State::kBareText:
      return read_bare_text();
    case State::kAfter:
      return read_after();
    case State::kClosed:
      return false;
  }
  return false;
}

bool ArgumentsToJson::read_start() {
  assert(in_[at_] == '{' || in_[at_] == '(');
  json_.open(in_[at_++], Bracket::kReal);
  state_ = State::kKey;
  return true;
}

bool ArgumentsToJson::read_key() {
  while (at_ < in_.size() && (is_space(in_[at_]) || in_[at_] == ',')) ++at_;
  if (at_ == in_.size()) return false;
  const char c = in_[at_];
  if (is_closer(at_)) return read_closer();
  if (c == '{' && json_.fresh() && json_.ghosts() < kSurplusBracketsMax) {
    json_.open(in_[at_++], Bracket::kGhost);
  } else if (c == kQuote || is_mark(c)) {
    begin_string(c == kQuote ? State::kTokenString : State::kQuotedString, String::kKey);
  } else {
    return read_bare_key();
  }
  return true;
}

bool ArgumentsToJson::read_bare_key() {
  looked_at_ = std::max(looked_at_, at_);
  for (; looked_at_ < in_.size(); ++looked_at_) {
    const char c = in_[looked_at_];
    if (c == ':') return end_key(looked_at_, looked_at_ + 1);
    if (c == kQuote) return end_key(looked_at_, looked_at_);
    if (c != ']' && is_closer(looked_at_)) return end_key_without_value(looked_at_);
    if (c != '=') continue;
    const Answer answer = assigns(looked_at_);
    if (answer == Answer::kUnknown) return false;
    if (answer == Answer::kYes) return end_key(looked_at_, looked_at_ + 1);
  }
  return ended_ ? end_key_without_value(in_.size()) : false;
}

bool ArgumentsToJson::end_key(std::size_t key_end, std::size_t next) {
  json_.key(trim(std::string_view(in_).substr(at_, key_end - at_)));
  at_ = next;
  state_ = State::kValue;
  return true;
}

bool ArgumentsToJson::end_key_without_value(std::size_t key_end) {
  const std::size_t equals = in_.find('=', at_);
  return equals < key_end ? end_key(equals, equals + 1) : end_key(key_end, key_end);
}

bool ArgumentsToJson::read_colon() {
  at_ = visible_from(at_);
  if (at_ == in_.size()) return false;
  if (in_[at_] == ':' || in_[at_] == '=') ++at_;
  json_.colon();
  state_ = State::kValue;
  return true;
}

bool ArgumentsToJson::read_value() {
  at_ = visible_from(at_);
  if (at_ == in_.size()) return false;
  const char c = in_[at_];
  if (is_closer(at_)) {
    if (closes(at_) == Answer::kYes && json_.in_object()) json_.missing_value();
    return read_closer();
  }
  if (c == kQuote || is_mark(c)) {
    begin_string(c == kQuote ? State::kTokenString : State::kQuotedString, String::kValue);
  } else if (c == ',' && json_.in_object()) {
    json_.missing_value();
    state_ = State::kAfter;
  } else if (c == ',') {
    ++at_;
  } else if ((c == '{' || c == '[') && json_.depth() < kDepthMax) {
    json_.open(in_[at_++], Bracket::kReal);
    state_ = c == '{' ? State::kKey : State::kValue;
  } else {
    state_ = State::kBare;
    looked_at_ = at_;
  }
  return true;
}

void ArgumentsToJson::begin_string(State state, String kind) {
  json_.begin_string(kind);
  mark_ = in_[at_++];
  state_ = state;
}

void ArgumentsToJson::end_string() {
  json_.end_string();
  state_ = json_.string_is_key() ? State::kColon : State::kAfter;
  stray_quote_ = false;
}

bool ArgumentsToJson::read_token_string() {
  const std::size_t end = std::min(in_.find(kQuote, at_), in_.size());
  json_.append(std::string_view(in_).substr(at_, end - at_));
  at_ = end;
  if (at_ == in_.size()) return false;
  ++at_;
  end_string();
  return true;
}

bool ArgumentsToJson::read_quoted_string() {
  const char stops[] = {mark_, '\\', kQuote};
  const std::size_t stop = std::min(in_.find_first_of(stops, at_, std::size(stops)), in_.size());
  json_.append(std::string_view(in_).substr(at_, stop - at_));
  at_ = stop;
  if (at_ == in_.size()) return false;
  if (in_[at_] == '\\') return read_escape();
  const Answer answer = in_[at_] == kQuote ? Answer::kYes : ends_string(at_);
  if (answer == Answer::kUnknown) return false;
  const char c = in_[at_++];
  if (answer == Answer::kYes) {
    end_string();
    stray_quote_ = c != kQuote;
  } else {
    json_.append(std::string_view(&c, 1));
  }
  return true;
}

// A backslash that begins no escape of JSON is one: patterns and Windows paths come like that.
bool ArgumentsToJson::read_escape() {
  if (at_ + 1 == in_.size() && !ended_) return false;
  constexpr std::string_view kNames = "\"'`\\/bfnrt", kMeant = "\"'`\\/\b\f\n\r\t";
  const char next = at_ + 1 < in_.size() ? in_[at_ + 1] : '\0';
  if (next == 'u') return read_unicode_escape();
  const std::size_t which = kNames.find(next);
  const bool known = which != std::string_view::npos;
  json_.append(known ? kMeant.substr(which, 1) : "\\");
  at_ += known ? 2 : 1;
  return true;
}

bool ArgumentsToJson::read_unicode_escape() {
  constexpr std::size_t kLength = 6;  // \u0000
  const Answer complete = is_hex(at_ + 2);
  if (complete == Answer::kUnknown) return false;
  if (complete == Answer::kNo) {
    json_.append("\\");
    ++at_;
    return true;
  }
  char32_t code = hex_value(in_.substr(at_ + 2, 4));
  std::size_t length = kLength;
  if (code >= 0xD800 && code < 0xDC00) {
    const std::string_view rest = std::string_view(in_).substr(at_ + kLength);
    const bool begun = rest.substr(0, 2) == std::string_view("\\u").substr(0, rest.size());
    const Answer second = begun && rest.size() < 2 ? (ended_ ? Answer::kNo : Answer::kUnknown)
                          : begun                  ? is_hex(at_ + kLength + 2)
                                                   : Answer::kNo;
    if (second == Answer::kUnknown) return false;
    const char32_t low = second == Answer::kYes ? hex_value(rest.substr(2, 4)) : 0;
    if (low >= 0xDC00 && low < 0xE000) {
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      length = 2 * kLength;
    }
  }
  const bool half = code >= 0xD800 && code < 0xE000;
  std::string character;
  append_utf8(character, half ? U'\uFFFD' : code);
  json_.append(character);
  at_ += length;
  return true;
}

bool ArgumentsToJson::read_bare() {
  looked_at_ = std::max(looked_at_, at_);
  while (looked_at_ < in_.size() && is_scalar_char(in_[looked_at_])) ++looked_at_;
  const std::string_view word = std::string_view(in_).substr(at_, looked_at_ - at_);
  if (looked_at_ == in_.size() && !ended_ && may_become_scalar(word)) return false;
  const std::size_t next = visible_from(looked_at_);
  const auto scalar = scalar_json(word);
  if (scalar && next == in_.size() && !ended_) return false;
  if (scalar && (next == in_.size() || in_[next] == ',' || is_closer(next))) {
    json_.bare(*scalar, word);
    at_ = next;
    state_ = State::kAfter;
  } else {
    json_.begin_string(String::kValue);
    state_ = State::kBareText;
    text_depth_ = 0;
  }
  return true;
}

bool ArgumentsToJson::read_bare_text() {
  const std::size_t stop = std::min(in_.find_first_of("\xFF,{[(}])", at_), in_.size());
  json_.append(std::string_view(in_).substr(at_, stop - at_));
  at_ = stop;
  if (at_ == in_.size()) return false;
  if (in_[at_] != kQuote) return read_bracket_or_comma_of_text();
  ++at_;
  if (text_depth_ == 0) {
    end_string();
  } else {
    json_.append(token::kQuote);
  }
  return true;
}

bool ArgumentsToJson::read_bracket_or_comma_of_text() {
  const char c = in_[at_];
  Answer ends = Answer::kNo;
  if (text_depth_ == 0) {
    if (c == ',') ends = json_.in_object() ? separates(at_) : Answer::kYes;
    if (is_closer(at_)) ends = Answer::kYes;
  }
  if (ends == Answer::kUnknown) return false;
  if (ends == Answer::kYes) {
    json_.trim_held_end();
    end_string();
    return true;
  }
  if (is_opener(at_)) ++text_depth_;
  if (is_closer(at_)) --text_depth_;
  json_.append(std::string_view(&c, 1));
  ++at_;
  return true;
}

bool ArgumentsToJson::read_after() {
  at_ = visible_from(at_);
  if (at_ == in_.size()) return false;
  const char c = in_[at_];
  if (is_closer(at_)) return read_closer();
  if (c == ':' || c == '=' || (c == kQuote && stray_quote_)) {
    ++at_;
    stray_quote_ = false;
    return true;
  }
  if (c == ',') ++at_;
  state_ = json_.in_object() ? State::kKey : State::kValue;
  return true;
}

bool ArgumentsToJson::read_closer() {
  const Answer answer = closes(at_);
  if (answer == Answer::kUnknown) return false;
  const char opener = opener_of(in_[at_++]);
  if (answer == Answer::kNo) return true;
  while (json_.opened_by() != opener) json_.close();
  json_.close();
  state_ = json_.any_open() ? State::kAfter : State::kClosed;
  stray_quote_ = false;
  return true;
}

// Where a model writes nothing but white space for long, it is looked through once.
std::size_t ArgumentsToJson::visible_from(std::size_t at) {
  std::size_t end = at == blank_begin_ ? std::max(at, blank_end_) : at;
  while (end < in_.size() && is_space(in_[end])) ++end;
  if (end - at > blank_end_ - blank_begin_) {
    blank_begin_ = at;
    blank_end_ = end;
  }
  return end;
}

bool ArgumentsToJson::is_closer(std::size_t at) const {
  return in_[at] == '}' || in_[at] == ']' || (in_[at] == ')' && json_.outermost_is('('));
}

bool ArgumentsToJson::is_opener(std::size_t at) const {
  return in_[at] == '{' || in_[at] == '[' || (in_[at] == '(' && json_.outermost_is('('));
}

// One that does not fit the innermost bracket closes that one too, unless its own closer follows.
ArgumentsToJson::Answer ArgumentsToJson::closes(std::size_t at) {
  const char opener = opener_of(in_[at]);
  if (!json_.has_open(opener)) return Answer::kNo;
  if (json_.opened_by() == opener) return Answer::kYes;
  const std::size_t next = visible_from(at + 1);
  if (next == in_.size()) return ended_ ? Answer::kYes : Answer::kUnknown;
  return in_[next] == closer_of(json_.opened_by()) ? Answer::kNo : Answer::kYes;
}

ArgumentsToJson::Answer ArgumentsToJson::assigns(std::size_t at) {
  if (json_.opened_by() == '(') return Answer::kYes;
  const std::size_t next = visible_from(at + 1);
  if (next == in_.size()) return ended_ ? Answer::kYes : Answer::kUnknown;
  const char c = in_[next];
  if (c == kQuote || is_mark(c) || is_digit(c) || c == '-' || c == '{' || c == '[')
    return Answer::kYes;
  const std::string_view rest = std::string_view(in_).substr(next);
  for (const std::string_view word : {"true", "false", "null", "True", "False", "None"}) {
    if (rest.starts_with(word)) return Answer::kYes;
    if (word.starts_with(rest) && !ended_) return Answer::kUnknown;
  }
  return Answer::kNo;
}

ArgumentsToJson::Answer ArgumentsToJson::separates(std::size_t at) {
  const std::size_t begin = visible_from(at + 1);
  if (begin == in_.size()) return ended_ ? Answer::kYes : Answer::kUnknown;
  if (in_[begin] == ',' || in_[begin] == kQuote || is_closer(begin)) return Answer::kYes;
  std::size_t end = begin;
  while (end < in_.size() && end - begin <= kNameBytesMax && is_name_char(in_[end])) ++end;
  if (end == begin || end - begin > kNameBytesMax) return Answer::kNo;
  const std::size_t next = visible_from(end);
  if (next == in_.size()) return ended_ ? Answer::kNo : Answer::kUnknown;
  if (in_[next] != ':' && in_[next] != '=') return Answer::kNo;
  const std::string_view name = std::string_view(in_).substr(begin, end - begin);
  return json_.has_property(name) ? Answer::kYes : Answer::kNo;
}

ArgumentsToJson::Answer ArgumentsToJson::ends_string(std::size_t at) {
  const std::size_t next = visible_from(at + 1);
  if (next == in_.size()) return ended_ ? Answer::kYes : Answer::kUnknown;
  const char c = in_[next];
  if (c == ',' || c == kQuote || is_closer(next)) return Answer::kYes;
  const bool ends_key = json_.string_is_key() && (c == ':' || c == '=');
  return ends_key ? Answer::kYes : Answer::kNo;
}

ArgumentsToJson::Answer ArgumentsToJson::is_hex(std::size_t at) const {
  for (std::size_t i = at; i < at + 4; ++i) {
    if (i == in_.size()) return ended_ ? Answer::kNo : Answer::kUnknown;
    if (!is_hex_digit(in_[i])) return Answer::kNo;
  }
  return Answer::kYes;
}

}  // namespace g4::chat
