#include "app/answer_printer.h"

#include <fmt/format.h>
#include <unistd.h>

namespace g4::app {

void AnswerPrinter::see(const ServiceEvent& event) {
  if (const auto* delta = std::get_if<TextDelta>(&event)) add_text(delta->text);
  const auto* part = std::get_if<ChatDelta>(&event);
  if (!part) return;
  for (const chat::OutputEvent& output : part->events) {
    if (const auto* words = std::get_if<chat::TextDelta>(&output)) add_text(words->text);
    if (const auto* thought = std::get_if<chat::ThoughtDelta>(&output)) add_thought(thought->text);
    if (std::holds_alternative<chat::ThoughtEnd>(output)) add_thought("\n");
  }
}

void AnswerPrinter::add_text(const std::string& text) {
  text_ += text;
  if (show_ == Show::kNothing) return;
  fmt::print("{}", text);
  std::fflush(stdout);
}

void AnswerPrinter::add_thought(const std::string& text) {
  thought_ += text;
  if (show_ != Show::kWordsAndThoughts) return;
  const bool dim = isatty(STDERR_FILENO) == 1;
  fmt::print(stderr, "{}{}{}", dim ? "\x1b[2m" : "", text, dim ? "\x1b[0m" : "");
}

}  // namespace g4::app
