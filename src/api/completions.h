// POST /v1/completions: OpenAI's legacy text completion with vLLM's extras. Bytes in, value out;
// event in, bytes out.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/answer_format.h"
#include "api/fields.h"
#include "api/generation.h"
#include "api/logprobs.h"

namespace g4::api {

// What `echo` gives back of a prompt.
struct PromptEcho {
  std::string text;
  bool bos_hidden = false;  // <bos> comes first but was put there by us: not in the text
};

struct CompletionRequest : DeliveryFields {  // n: choices of each prompt
  UnreadFields unread;
  std::vector<GenerateRequest> prompts;  // one for each prompt, not yet for each choice
  std::vector<PromptEcho> echoes;        // by prompt
  bool echo = false;
  AnswerGrammars answer_grammars;

  const AnswerGrammars& grammars() const { return answer_grammars; }
  void take(const CompiledGrammars& compiled) {
    for (GenerateRequest& prompt : prompts) prompt.form.answer = compiled.answer;
    answer_grammars = {};
  }
  std::size_t choices() const { return prompts.size() * n; }
  GenerateRequest choice(std::size_t i) const {
    return for_choice(prompts[i / n], static_cast<std::uint32_t>(i % n));
  }
};

// A prompt is raw text: special tokens in it are parsed, and <bos> is put first once.
Parsed<CompletionRequest> parse_completion(std::string_view body, const ServedModel& model,
                                           const Tokenizer& tokenizer);

// Writes one answer, whole or chunk by chunk from the same events. Choice i belongs to prompt i /
// n.
class CompletionWriter {
 public:
  CompletionWriter(const CompletionRequest& request, const ServedModel& model,
                   const Tokenizer& tokenizer, std::string id, std::int64_t created);

  std::string whole(std::span<const Choice> choices);

  // The JSON of the chunks that this event of choice i calls for; often one, sometimes none.
  std::vector<std::string> chunks(std::size_t choice, const ServiceEvent& event);
  // After the last choice: the chunk with usage, if asked for.
  std::vector<std::string> last_chunks();

 private:
  struct State {
    bool begun = false;
    std::uint64_t text_offset = 0;
    std::uint64_t output_tokens = 0;
  };
  // The first choice of a prompt is scored for all. What others say before that is held back: the
  // prompt's logprobs go out first.
  struct PromptState {
    bool scored = false;
    std::vector<SampledToken> logprobs;
    std::vector<std::pair<std::size_t, ServiceEvent>> held;  // by choice
  };
  boost::json::object head() const;
  boost::json::object usage_of_all() const;
  boost::json::object choice_object(std::size_t choice, std::string text) const;
  const GenerateRequest& prompt_of(std::size_t choice) const;
  bool wants_logprobs() const;
  void echo_prompt(std::size_t choice, std::string& text, CompletionLogprobs& logprobs) const;
  std::vector<std::string> first_chunk(std::size_t choice);
  std::vector<std::string> on_scored(std::size_t choice, const PromptScored& scored);
  std::string chunk(boost::json::object choice) const;

  const CompletionRequest& request_;
  const ServedModel& model_;
  const Tokenizer& tokenizer_;
  std::string id_;
  std::int64_t created_;
  std::vector<State> states_;         // by choice
  std::vector<PromptState> prompts_;  // by prompt
};

}  // namespace g4::api
