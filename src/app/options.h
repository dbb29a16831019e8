// Flags that several commands share, and what they turn into.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat/render.h"
#include "model/config.h"
#include "runner/loaded_model.h"
#include "sampling/sampler.h"

namespace g4::app {

struct ModelArguments {
  std::string model;  // as typed
  std::string backend = "cpu";
  int threads = 0;
  std::uint64_t context = 0;
  std::uint32_t parallel = 1;
  std::uint32_t queue = 256;  // requests that may wait
  std::uint64_t kv_memory = 0;
  std::string chat_template = "auto";
  std::string mmproj;  // file of the vision tower; empty: the model's own, if it has one
  bool quiet = false;  // no progress, no statistics
};

void add_model_options(CLI::App& command, ModelArguments& arguments);
LoadOptions to_load_options(const ModelArguments& arguments);

struct SamplingArguments {
  std::optional<float> temperature, top_p, min_p, repetition_penalty, frequency_penalty,
      presence_penalty;
  std::optional<std::uint32_t> top_k;
  std::optional<std::uint64_t> seed, max_tokens;
  std::vector<std::string> stop;
};

struct ThinkingArguments {
  bool think = false;
  bool hide = false;
  std::optional<std::uint64_t> tokens_max;
};
// --think, --hide-thoughts, --thinking-budget
void add_thinking_options(CLI::App& command, ThinkingArguments& arguments);

// At most one of them.
struct FormatArguments {
  std::optional<std::string> json_schema;  // the text of one, or a file
  std::optional<std::string> grammar;      // a file
};
// --json-schema, --grammar
void add_format_options(CLI::App& command, FormatArguments& arguments);

void add_sampling_options(CLI::App& command, SamplingArguments& arguments);
// Those, and where the answer ends: --max-tokens, --stop.
void add_answer_options(CLI::App& command, SamplingArguments& arguments);
// What the flags say, over what the checkpoint says.
SamplingParams to_sampling(const SamplingArguments& arguments, const GenerationDefaults& defaults);

// As --chat-template spells it; "gemma4-small" is what auto makes of E2B and E4B.
std::string_view template_name(chat::TemplateKind kind);
// "auto" asks the vocabulary and whether the checkpoint carries a template.
chat::TemplateKind choose_template(const std::string& name, const Tokenizer& tokenizer);

// Prints "gemma4: SENTENCE" on stderr and returns exit code 1.
int fail(const Error& error);

// The text of an argument, or of standard input if it was not given.
Result<std::string> text_or_stdin(const std::optional<std::string>& text);
Result<std::string> read_text_file(const std::string& path);

}  // namespace g4::app
