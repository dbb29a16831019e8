// Arguments of a tool call from Gemma 4's syntax to JSON text, as they come.
//
//   {city:<|"|>Paris<|"|>,days:3,opts:{deep:true,tags:[<|"|>a<|"|>]}}
//
// The text given out is at every moment the beginning of a JSON object, and finish() or cut()
// make it whole: no input leads to anything else. It does not depend on how the input was cut.
// Only the token <|"|> begins and ends a string, never its spelling.
//
// What the model writes wrong is read as it was meant, as far as that is clear (each is a report
// against some server):
//   quotes      "..." with JSON's escapes, '...' and `...` (they end where a comma or a bracket
//               follows), one <|"|> missing, a stray one behind another quote
//   bare words  text up to the closing bracket, or up to a comma that a key follows
//   keys        bare up to ":" (spaces and commas belong to them), quoted in any way; "=" for ":"
//               where a value follows; a key without a value gets null
//   brackets    (a=1) for {a:1}, {{...}}, missing and surplus ones, commas missing or surplus;
//               brackets of a string whose last quote is missing, at the end of the call
// Values nested deeper than kDepthMax become text. Duplicate keys are all passed on.
// Threads: one at a time.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

#include "chat/arguments_writer.h"
#include "chat/json_members.h"

namespace g4::chat {

class ArgumentsToJson {
 public:
  // So deep that a client can send back what it was given, within the messages of a request.
  static constexpr std::size_t kDepthMax = json_members::kNestingMax - 8;
  static constexpr std::size_t kSurplusBracketsMax = 32;

  // `schema`: JSON Schema of the arguments, null if unknown; outlives this. It only decides where
  // the syntax leaves a choice: a bare number is text where the schema wants a string.
  explicit ArgumentsToJson(const boost::json::value* schema) : json_(schema) {}

  // Whole UTF-8 characters, beginning with the opening bracket. Returns JSON that became certain.
  std::string push(std::string_view text);
  std::string push_quote();  // the token <|"|>

  // One of these ends it. finish(): the model ended the call, what is missing is taken as meant.
  // cut(): it was interrupted; returns what makes the text valid and adds as little as possible.
  std::string finish();
  std::string cut();

  // The outermost bracket was closed: no JSON will follow. Text behind it, once.
  bool closed() const { return state_ == State::kClosed; }
  std::string take_rest();
  // Between quotes, where what looks like an end may be meant as text.
  bool in_string() const { return state_ == State::kTokenString || state_ == State::kQuotedString; }

 private:
  enum class State : std::uint8_t {
    kStart,
    kKey,           // a key or the end of an object
    kColon,         // behind a quoted key
    kValue,         // a value or the end of an array
    kTokenString,   // between <|"|>
    kQuotedString,  // between mark_
    kBare,          // a value without quotes that may be a number, true, ...
    kBareText,      // ... and one that is text for certain
    kAfter,         // behind a value
    kClosed,
  };
  enum class Answer : std::uint8_t { kYes, kNo, kUnknown };  // kUnknown: what follows must tell

  // Each reads a little of in_ and says whether it could; if not, more input is needed.
  bool step();
  bool read_start();
  bool read_key();
  bool read_bare_key();
  bool read_colon();
  bool read_value();
  bool read_token_string();
  bool read_quoted_string();
  bool read_escape();
  bool read_unicode_escape();
  bool read_bare();
  bool read_bare_text();
  bool read_bracket_or_comma_of_text();
  bool read_after();
  bool read_closer();

  std::string run();
  std::string end();
  void begin_string(State state, ArgumentsWriter::String kind);
  void end_string();
  bool end_key(std::size_t key_end, std::size_t next);
  bool end_key_without_value(std::size_t key_end);

  // Of the character at `at`, mostly by what follows it.
  std::size_t visible_from(std::size_t at);  // next that is no white space, or in_.size()
  bool is_closer(std::size_t at) const;
  bool is_opener(std::size_t at) const;
  Answer closes(std::size_t at);        // or is this bracket a surplus one?
  Answer assigns(std::size_t at);       // is this "=" between a key and its value?
  Answer separates(std::size_t at);     // is this comma between two members?
  Answer ends_string(std::size_t at);   // or does this quotation mark belong to it?
  Answer is_hex(std::size_t at) const;  // do four hexadecimal digits begin here?

  ArgumentsWriter json_;
  State state_ = State::kStart;
  std::string in_;             // not yet understood
  std::size_t at_ = 0;         // in in_
  std::size_t looked_at_ = 0;  // in in_, not before at_: how far a bare word was scanned
  std::size_t blank_begin_ = 0, blank_end_ = 0;  // in in_: white space that was looked through
  bool ended_ = false;                           // nothing will follow in_
  char mark_ = 0;                                // of kQuotedString
  bool stray_quote_ = false;                     // a <|"|> here would be a surplus one
  std::size_t text_depth_ = 0;                   // brackets open within kBareText
};

}  // namespace g4::chat
