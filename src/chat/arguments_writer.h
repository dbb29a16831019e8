// The JSON text of a tool call's arguments while it is written: brackets, commas, strings, and
// what is missing at any moment to make it whole. Knows nothing of the syntax it is read from,
// but for which bracket the model wrote.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace g4::chat {

class ArgumentsWriter {
 public:
  enum class String : std::uint8_t { kKey, kValue };
  enum class Bracket : std::uint8_t {
    kReal,
    kGhost
  };  // kGhost: surplus, nothing is written for it

  // `schema`: JSON Schema of the outermost object, null if unknown; outlives this.
  explicit ArgumentsWriter(const boost::json::value* schema) : schema_(schema) {}

  std::string take();  // text since the last take()

  // `opened_by`: '{' and '(' make an object, '[' an array.
  void open(char opened_by, Bracket bracket);
  void close();  // the innermost
  bool any_open() const { return !frames_.empty(); }
  std::size_t depth() const { return depth_; }  // without ghosts
  std::size_t ghosts() const { return frames_.size() - depth_; }
  bool fresh() const;      // the innermost has no members yet
  bool in_object() const;  // the innermost is no array
  char opened_by() const { return frames_.back().opened_by; }
  bool outermost_is(char opened_by) const { return frames_.front().opened_by == opened_by; }
  bool has_open(char opened_by) const;
  bool has_property(std::string_view name) const;  // also true if the schema names none

  void key(std::string_view text);
  void colon() { out_ += ':'; }
  void bare(std::string_view scalar, std::string_view as_written);  // text if the schema wants that
  void missing_value();

  // Closing brackets at the end of a string are held back: if the call ends within the string,
  // they were meant as brackets.
  void begin_string(String kind);
  void append(std::string_view text);
  void end_string();
  bool string_is_key() const { return string_ == String::kKey; }
  void trim_held_end();         // white space there is none of the string
  void drop_brackets_of_end();  // the call ends within the string

 private:
  struct Frame {
    char opened_by;
    bool ghost;
    bool has_members;                  // of no ghost
    const boost::json::value* schema;  // null if unknown
  };

  Frame& real_frame();  // the innermost that is no ghost
  const Frame& real_frame() const;
  const boost::json::value* value_schema() const;
  void begin_member();
  void begin_value();
  void write_escaped(std::string_view text);

  const boost::json::value* schema_;
  std::vector<Frame> frames_;
  std::size_t depth_ = 0;
  std::string out_;
  String string_ = String::kValue;
  std::string key_;   // the last
  std::string held_;  // end of the open string
};

// The bracket that closes '{', '[' or '('.
char closer_of(char opened_by);

}  // namespace g4::chat
