#include "http/sse.h"

#include <array>
#include <cassert>
#include <cstddef>

namespace g4 {
namespace {

struct Separator {
  std::string_view bytes;
  std::string_view json;  // its escape; empty: never raw in serialised JSON
};
// CR LF before CR: the longest match comes first.
constexpr std::array<Separator, 11> kSeparators = {{{"\xc2\x85", "\\u0085"},
                                                    {"\xe2\x80\xa8", "\\u2028"},
                                                    {"\xe2\x80\xa9", "\\u2029"},
                                                    {"\r\n", ""},
                                                    {"\r", ""},
                                                    {"\n", ""},
                                                    {"\v", ""},
                                                    {"\f", ""},
                                                    {"\x1c", ""},
                                                    {"\x1d", ""},
                                                    {"\x1e", ""}}};

const Separator* separator_at(std::string_view text, std::size_t at) {
  for (const Separator& separator : kSeparators)
    if (text.substr(at).starts_with(separator.bytes)) return &separator;
  return nullptr;
}

// Names of events and ids are ours; a line end in one would forge a field.
[[maybe_unused]] bool one_line(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (separator_at(text, i) != nullptr) return false;
  return true;
}

void append_data(std::string& out, std::string_view text) {
  out += "data: ";
  for (std::size_t i = 0; i < text.size();) {
    const Separator* separator = separator_at(text, i);
    if (separator == nullptr) {
      out += text[i++];
      continue;
    }
    out += "\ndata: ";
    i += separator->bytes.size();
  }
  out += '\n';
}

}  // namespace

std::string escape_line_separators(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (std::size_t i = 0; i < json.size();) {
    const bool may_be = json[i] == '\xc2' || json[i] == '\xe2';
    const Separator* separator = may_be ? separator_at(json, i) : nullptr;
    if (separator == nullptr) {
      out += json[i++];
      continue;
    }
    out += separator->json;
    i += separator->bytes.size();
  }
  return out;
}

std::string sse_data(std::string_view json) {
  std::string out;
  append_data(out, escape_line_separators(json));
  out += '\n';
  return out;
}

std::string sse_event(std::string_view event, std::string_view json) {
  assert(one_line(event));
  std::string out = "event: ";
  out += event;
  out += '\n';
  out += sse_data(json);
  return out;
}

std::string sse_done() { return "data: [DONE]\n\n"; }

std::string sse_comment(std::string_view text) {
  assert(one_line(text));
  std::string out = ": ";
  out += text;
  out += "\n\n";
  return out;
}

std::string sse_text(const TextEvent& event) {
  assert(one_line(event.event) && one_line(event.id));
  std::string out = "event: ";
  out += event.event;
  out += '\n';
  if (!event.id.empty()) {
    out += "id: ";
    out += event.id;
    out += '\n';
  }
  append_data(out, event.text);
  out += '\n';
  return out;
}

}  // namespace g4
