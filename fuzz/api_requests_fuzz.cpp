// Bodies of every text route: parsed or refused, never a crash, and errors are valid JSON.
#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "api/chat_completions.h"
#include "api/completions.h"
#include "api/tokenization.h"
#include "text/test_vocabulary.h"

namespace {

const g4::Tokenizer& tokenizer() {
  static const g4::Tokenizer made = [] {
    g4::TestVocabulary vocabulary;
    vocabulary.merge("a", "b");
    for (const char* control : {"<|turn>", "<turn|>", "<|channel>", "<channel|>"})
      vocabulary.add(control, g4::VocabularySource::Kind::kControl);
    return std::move(g4::Tokenizer::create(vocabulary.source)).value();
  }();
  return made;
}

template <class Value>
void check(const g4::api::Parsed<Value>& parsed) {
  if (const auto* error = std::get_if<g4::api::ApiError>(&parsed)) {
    boost::system::error_code bad;
    boost::json::parse(g4::api::error_body(*error), bad);
    if (bad) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The body at the exact end of an allocation, so that a read past it is seen.
  const auto copy = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  const std::string_view body(copy.get(), size);
  g4::api::ServedModel model;
  model.id = "toy";
  model.context_tokens_max = 1000;
  model.chat_template = g4::chat::TemplateKind::kGemma4;
  check(g4::api::parse_completion(body, model, tokenizer()));
  check(g4::api::parse_chat(body, model, tokenizer()));
  check(g4::api::parse_tokenize(body, model, tokenizer()));
  check(g4::api::detokenize(body, model, tokenizer()));
  return 0;
}
