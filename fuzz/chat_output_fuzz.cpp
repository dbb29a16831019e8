// An answer: its first byte chooses how it ends and which tools there are, bytes 0xF8 and above are
// control tokens, the rest is text. However it is cut the joined events are the same, each where it
// may be, and the arguments of every call are a JSON object.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/utf8.h"
#include "chat/json_members.h"
#include "chat/parse_output.h"
#include "text/test_vocabulary.h"

namespace {

using namespace g4;
using namespace g4::chat;

constexpr const char* kMarks[] = {"<|channel>", "<channel|>", "<|tool_call>", "<tool_call|>",
                                  "<|\"|>",     "<|turn>",    "<turn|>",      "<|image|>"};
constexpr unsigned char kFirstMark = 0xF8;

const Tokenizer& tokenizer() {
  static const Tokenizer made = [] {
    TestVocabulary vocabulary;
    for (const char* mark : kMarks) vocabulary.add(mark, TestVocabulary::Kind::kControl);
    return std::move(Tokenizer::create(std::move(vocabulary.source))).value();
  }();
  return made;
}

bool is_mark(char byte) { return static_cast<unsigned char>(byte) >= kFirstMark; }
const char* spelling(char byte) { return kMarks[static_cast<unsigned char>(byte) - kFirstMark]; }

void demand(bool condition) {
  if (!condition) std::abort();
}

// Events as one text; deltas of one kind join.
class Joined {
 public:
  void add(const std::vector<OutputEvent>& events) {
    for (const OutputEvent& event : events) {
      demand(!cut_);
      std::visit(*this, event);
    }
  }
  std::string end() {
    demand(!in_thought_ && !in_call_);
    return std::move(text_);
  }
  void operator()(const ThoughtBegin&) {
    demand(!in_thought_ && !in_call_);
    in_thought_ = true;
    mark("\nthought ");
  }
  void operator()(const ThoughtDelta& delta) {
    demand(in_thought_ && !delta.text.empty() && is_utf8(delta.text));
    text_ += delta.text;
  }
  void operator()(const ThoughtEnd&) {
    demand(in_thought_);
    in_thought_ = false;
    mark("\nend ");
  }
  void operator()(const TextDelta& delta) {
    demand(!in_thought_ && !in_call_ && !delta.text.empty() && is_utf8(delta.text));
    if (!in_text_) mark("\ntext ");
    in_text_ = true;
    text_ += delta.text;
  }
  void operator()(const ToolCallBegin& begin) {
    demand(!in_thought_ && !in_call_ && begin.index == calls_++ && !begin.name.empty());
    in_call_ = true;
    json_.clear();
    mark("\ncall " + begin.name + " ");
  }
  void operator()(const ToolCallArguments& piece) {
    demand(in_call_ && piece.index + 1 == calls_ && !piece.json.empty() && is_utf8(piece.json));
    json_ += piece.json;
  }
  void operator()(const ToolCallEnd& end) {
    demand(in_call_ && end.index + 1 == calls_);
    in_call_ = false;
    const auto json = g4::chat::json_members::read_json(json_ + end.completion);
    demand(json && json->is_object());
    cut_ = !end.completion.empty();
    mark(json_ + "\nend " + end.completion);
  }

 private:
  void mark(const std::string& text) {
    in_text_ = false;
    text_ += text;
  }
  std::string text_, json_;
  bool in_thought_ = false, in_call_ = false, in_text_ = false, cut_ = false;
  std::size_t calls_ = 0;
};

struct Options {
  Ending ending;
  SharedList<Tool> tools;
};

Options options_of(std::uint8_t byte) {
  std::vector<Tool> tools;
  if ((byte & 2) != 0) {
    static const boost::json::value parameters = boost::json::parse(
        R"({"properties":{"a":{"type":"string"},"b":{"items":{"type":"string"}}}})");
    tools.push_back({.name = "f", .description = "", .parameters = parameters, .response = {}});
  }
  return {(byte & 1) != 0 ? Ending::kCut : Ending::kStop, SharedList<Tool>(std::move(tools))};
}

// Pieces of text are `size_max` bytes at most (more only to keep characters whole).
std::string by_machine(std::string_view answer, const Options& options, std::size_t size_max) {
  static const ControlTokens controls(tokenizer());
  OutputMachine machine(options.tools);
  Joined joined;
  while (!answer.empty()) {
    if (is_mark(answer.front())) {
      const char* mark = spelling(answer.front());
      machine.mark(controls.of(*tokenizer().find(mark)), mark);
      answer.remove_prefix(1);
    } else {
      const auto end = std::find_if(answer.begin(), answer.end(), is_mark);
      const auto length = static_cast<std::size_t>(end - answer.begin());
      const std::string text = replace_invalid_utf8(answer.substr(0, length));
      for (std::size_t at = 0; at < text.size();) {
        std::size_t size = std::min(size_max, text.size() - at);
        while (at + size < text.size() && (text[at + size] & 0xC0) == 0x80) ++size;
        machine.text(std::string_view(text).substr(at, size));
        at += size;
      }
      answer.remove_prefix(length);
    }
    joined.add(machine.take());
  }
  machine.finish(options.ending);
  joined.add(machine.take());
  return joined.end();
}

std::string by_parser(std::string_view answer, const Options& options) {
  constexpr TokenId kByteZero = 4;  // of TestVocabulary
  OutputParser parser(tokenizer(), {}, options.tools);
  Joined joined;
  for (const char byte : answer) {
    const TokenId token = is_mark(byte) ? *tokenizer().find(spelling(byte))
                                        : kByteZero + static_cast<unsigned char>(byte);
    joined.add(parser.push(token).events);
  }
  joined.add(parser.finish(options.ending));
  return joined.end();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 4096) return 0;
  const Options options = options_of(data[0]);
  const std::string_view answer(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = by_machine(answer, options, answer.size() + 1);
  demand(by_machine(answer, options, 1) == whole);
  demand(by_machine(answer, options, 3) == whole);
  demand(by_parser(answer, options) == whole);
  return 0;
}
