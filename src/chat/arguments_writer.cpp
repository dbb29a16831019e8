#include "chat/arguments_writer.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "chat/python_text.h"

namespace g4::chat {
namespace {

namespace json = boost::json;

constexpr std::string_view kHeldBack = " \t\r\n}])";

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Only a string will do, whatever the value looks like.
bool wants_string(const json::value* schema) {
  const json::value* type = schema == nullptr ? nullptr : member(*schema, "type");
  return type != nullptr && type->is_string() && lower(type->get_string()) == "string";
}

}  // namespace

char closer_of(char opened_by) {
  if (opened_by == '{') return '}';
  return opened_by == '[' ? ']' : ')';
}

std::string ArgumentsWriter::take() { return std::exchange(out_, {}); }

ArgumentsWriter::Frame& ArgumentsWriter::real_frame() {
  return *std::ranges::find_if(frames_.rbegin(), frames_.rend(),
                               [](const Frame& frame) { return !frame.ghost; });
}

const ArgumentsWriter::Frame& ArgumentsWriter::real_frame() const {
  return *std::ranges::find_if(frames_.rbegin(), frames_.rend(),
                               [](const Frame& frame) { return !frame.ghost; });
}

bool ArgumentsWriter::fresh() const { return !real_frame().has_members; }
bool ArgumentsWriter::in_object() const { return frames_.back().opened_by != '['; }

bool ArgumentsWriter::has_open(char opened_by) const {
  return std::ranges::find(frames_, opened_by, &Frame::opened_by) != frames_.end();
}

bool ArgumentsWriter::has_property(std::string_view name) const {
  const json::value* schema = real_frame().schema;
  const json::value* properties = schema == nullptr ? nullptr : member(*schema, "properties");
  return properties == nullptr || member(*properties, name) != nullptr;
}

const json::value* ArgumentsWriter::value_schema() const {
  const Frame& frame = real_frame();
  if (frame.schema == nullptr) return nullptr;
  if (frame.opened_by == '[') return member(*frame.schema, "items");
  const json::value* properties = member(*frame.schema, "properties");
  return properties == nullptr ? nullptr : member(*properties, key_);
}

void ArgumentsWriter::open(char opened_by, Bracket bracket) {
  if (bracket == Bracket::kGhost) {
    frames_.push_back({opened_by, true, false, nullptr});
    return;
  }
  const json::value* schema = schema_;
  if (!frames_.empty()) {
    schema = value_schema();
    begin_value();
  }
  frames_.push_back({opened_by, false, false, schema});
  ++depth_;
  out_ += opened_by == '[' ? '[' : '{';
}

void ArgumentsWriter::close() {
  const Frame frame = frames_.back();
  frames_.pop_back();
  if (frame.ghost) return;
  --depth_;
  out_ += frame.opened_by == '[' ? ']' : '}';
}

void ArgumentsWriter::begin_member() {
  Frame& frame = real_frame();
  if (frame.has_members) out_ += ',';
  frame.has_members = true;
}

// In an object the comma stands before the key.
void ArgumentsWriter::begin_value() {
  if (real_frame().opened_by == '[') begin_member();
}

void ArgumentsWriter::key(std::string_view text) {
  begin_string(String::kKey);
  append(text);
  end_string();
  colon();
}

void ArgumentsWriter::bare(std::string_view scalar, std::string_view as_written) {
  if (scalar != "null" && wants_string(value_schema())) {
    begin_string(String::kValue);
    append(as_written);
    end_string();
    return;
  }
  begin_value();
  out_ += scalar;
}

void ArgumentsWriter::missing_value() {
  begin_value();
  out_ += wants_string(value_schema()) ? "\"\"" : "null";
}

void ArgumentsWriter::begin_string(String kind) {
  string_ = kind;
  if (kind == String::kKey) {
    begin_member();
    key_.clear();
  } else {
    begin_value();
  }
  out_ += '"';
}

void ArgumentsWriter::append(std::string_view text) {
  if (string_ == String::kKey) key_ += text;
  const std::size_t last = text.find_last_not_of(kHeldBack);
  if (last == std::string_view::npos) {
    held_ += text;
    return;
  }
  write_escaped(held_);
  write_escaped(text.substr(0, last + 1));
  held_ = text.substr(last + 1);
}

void ArgumentsWriter::end_string() {
  write_escaped(held_);
  held_.clear();
  out_ += '"';
}

void ArgumentsWriter::trim_held_end() {
  while (!held_.empty() && is_space(held_.back())) held_.pop_back();
}

void ArgumentsWriter::drop_brackets_of_end() {
  std::string_view end = held_;
  for (auto frame = frames_.begin(); frame != frames_.end(); ++frame) {
    while (!end.empty() && is_space(end.back())) end.remove_suffix(1);
    if (end.empty() || end.back() != closer_of(frame->opened_by)) return;
    end.remove_suffix(1);
  }
  held_ = end;
}

void ArgumentsWriter::write_escaped(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out_ += '\\';
      out_ += c;
    } else if (c == '\n') {
      out_ += "\\n";
    } else if (c == '\t') {
      out_ += "\\t";
    } else if (byte < 0x20) {
      out_ += "\\u00";
      out_ += kHex[byte >> 4];
      out_ += kHex[byte & 0xF];
    } else {
      out_ += c;
    }
  }
}

}  // namespace g4::chat
