#include "base/utf8.h"
#include "text/tokenizer.h"

namespace g4 {

std::string StreamingDetokenizer::push(std::string_view bytes) {
  held_.append(bytes);
  std::string out;
  out.reserve(held_.size());
  std::string_view rest = held_;
  while (!rest.empty()) {
    const Utf8Step step = next_utf8(rest);
    if (step.kind == Utf8Step::Kind::kIncomplete) break;
    const bool whole = step.kind == Utf8Step::Kind::kCharacter;
    out.append(whole ? rest.substr(0, step.length) : kReplacementCharacter);
    rest.remove_prefix(step.length);
  }
  held_.erase(0, held_.size() - rest.size());
  return out;
}

std::string StreamingDetokenizer::finish() {
  // Only the beginning of one character is ever held, and that is one maximal subpart.
  std::string out(held_.empty() ? std::string_view() : kReplacementCharacter);
  held_.clear();
  return out;
}

}  // namespace g4
