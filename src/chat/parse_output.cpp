#include "chat/parse_output.h"

#include <iterator>
#include <utility>

namespace g4::chat {

OutputParser::OutputParser(const Tokenizer& tokenizer, std::span<const TokenId> prompt,
                           SharedList<Tool> tools, EndSpace end_space)
    : tokenizer_(tokenizer), controls_(tokenizer), machine_(std::move(tools), end_space) {
  for (const TokenId token : prompt.subspan(controls_.open_part(prompt))) read(token);
  machine_.drop_held_space();
  // The words were said in the prompt; what they opened is open.
  for (OutputEvent& event : machine_.take())
    if (!std::holds_alternative<TextDelta>(event) && !std::holds_alternative<ThoughtDelta>(event))
      first_.push_back(std::move(event));
}

OutputParser::Step OutputParser::push(TokenId token) {
  const Part part = read(token);
  return {part, take()};
}

std::vector<OutputEvent> OutputParser::finish(Ending ending) {
  machine_.text(characters_.finish());
  machine_.finish(ending);
  return take();
}

OutputParser::Part OutputParser::read(TokenId token) {
  const Mark mark = controls_.of(token);
  const std::string_view bytes = tokenizer_.bytes(token);
  if (mark == Mark::kNone) {
    const Part part = machine_.part();
    machine_.text(characters_.push(bytes));
    return part;
  }
  machine_.text(characters_.finish());
  const Part before = machine_.part();
  machine_.mark(mark, bytes);
  if (machine_.part() != Part::kText) return machine_.part();
  return before == Part::kText ? Part::kNone : before;
}

std::vector<OutputEvent> OutputParser::take() {
  std::vector<OutputEvent> events = std::exchange(first_, {});
  std::vector<OutputEvent> more = machine_.take();
  std::move(more.begin(), more.end(), std::back_inserter(events));
  return events;
}

}  // namespace g4::chat
