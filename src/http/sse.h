// Server-sent events, and JSON that is safe inside them. Pure functions: text in, bytes out.
//
// Python clients on httpx split lines as str.splitlines() does, so U+0085, U+2028 and U+2029 end a
// line too. In JSON they are escaped; in plain text they can only become line ends.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace g4 {

inline constexpr std::string_view kSseContentType = "text/event-stream";

// `json` with U+0085, U+2028 and U+2029 written as \u0085, \u2028, \u2029: the same JSON value.
std::string escape_line_separators(std::string_view json);

std::string sse_data(std::string_view json);                           // data: {...}
std::string sse_event(std::string_view event, std::string_view json);  // event: E, data: {...}
std::string sse_done();                                                // data: [DONE]
std::string sse_comment(std::string_view text);                        // ": text", for keep-alive

// An event of plain text: every line end that some client knows starts a new data: line.
struct TextEvent {
  std::string_view event;
  std::string_view id;  // empty: no id line
  std::string_view text;
};
std::string sse_text(const TextEvent& event);

}  // namespace g4
