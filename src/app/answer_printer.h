// Shows an answer of a chat as it comes: words on standard output, thoughts on standard error.
#pragma once

#include <string>

#include "service/service.h"

namespace g4::app {

class AnswerPrinter {
 public:
  enum class Show : std::uint8_t { kWords, kWordsAndThoughts, kNothing };
  explicit AnswerPrinter(Show show) : show_(show) {}

  void see(const ServiceEvent& event);
  const std::string& text() const { return text_; }
  const std::string& thought() const { return thought_; }

 private:
  void add_text(const std::string& text);
  void add_thought(const std::string& text);

  Show show_;
  std::string text_, thought_;
};

}  // namespace g4::app
