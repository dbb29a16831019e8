#include "app/options.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>

namespace g4::app {
namespace {

constexpr std::size_t kTextBytesMax = 64 << 20;

Result<std::string> read_stream(std::istream& in, const std::string& name) {
  std::string text;
  std::string buffer(1 << 16, '\0');
  while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
    text.append(buffer, 0, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kTextBytesMax)
      return Error{fmt::format("{} is longer than {} MiB of text", name, kTextBytesMax >> 20)};
  }
  return text;
}

}  // namespace

void add_model_options(CLI::App& command, ModelArguments& arguments) {
  command.add_option("MODEL", arguments.model, "File, folder, hf:owner/repo or catalogue name")
      ->required();
  command.add_option("--backend", arguments.backend, "Who computes: cpu, or reference (slow)")
      ->check(CLI::IsMember({"cpu", "reference"}))
      ->capture_default_str();
  command
      .add_option("--threads", arguments.threads,
                  "Threads that compute (0: one per core); loading takes a few more")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command.add_option("--context", arguments.context,
                     "Most tokens of prompt and answer together (0: the model's, at most 8192)");
  command.add_option("--parallel", arguments.parallel, "Sequences that run at once")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  command
      .add_option(
          "--kv-memory", arguments.kv_memory,
          "Memory for KV, e.g. 2GiB (0: 1 GiB, or one sequence of --context if that is more)")
      ->transform(CLI::AsSizeValue(false));
  command.add_option("--chat-template", arguments.chat_template, "How turns are written")
      ->check(CLI::IsMember({"auto", "none", "gemma3", "gemma4"}))
      ->capture_default_str();
  command.add_option("--mmproj", arguments.mmproj,
                     "GGUF file of the vision tower, for a GGUF model that should see images");
  command.add_flag("--quiet", arguments.quiet, "No progress and no statistics on stderr");
}

LoadOptions to_load_options(const ModelArguments& arguments) {
  LoadOptions options;
  options.backend = arguments.backend;
  options.threads = arguments.threads;
  options.memory.context_tokens = arguments.context;
  options.memory.parallel = arguments.parallel;
  options.memory.kv_bytes = arguments.kv_memory;
  options.mmproj = arguments.mmproj;
  return options;
}

void add_sampling_options(CLI::App& command, SamplingArguments& arguments) {
  command.add_option("--temperature", arguments.temperature, "0: always the likeliest token");
  command.add_option("--top-k", arguments.top_k, "Only the k likeliest tokens (0: off)");
  command.add_option("--top-p", arguments.top_p, "Only the likeliest of this mass (1: off)");
  command.add_option("--min-p", arguments.min_p, "Only tokens this likely against the best");
  command.add_option("--repetition-penalty", arguments.repetition_penalty, "1: off");
  command.add_option("--frequency-penalty", arguments.frequency_penalty, "-2 to 2, 0: off");
  command.add_option("--presence-penalty", arguments.presence_penalty, "-2 to 2, 0: off");
  command.add_option("--seed", arguments.seed, "Same seed, same words");
}

void add_answer_options(CLI::App& command, SamplingArguments& arguments) {
  add_sampling_options(command, arguments);
  command.add_option("--max-tokens", arguments.max_tokens, "Most tokens of the answer");
  command.add_option("--stop", arguments.stop, "Text that ends the answer (may be repeated)")
      ->allow_extra_args(false);
}

void add_thinking_options(CLI::App& command, ThinkingArguments& arguments) {
  CLI::Option* think = command.add_flag(
      "--think", arguments.think, "Let the model think before it answers (thoughts go to stderr)");
  command.add_flag("--hide-thoughts", arguments.hide, "Do not show them");
  command
      .add_option("--thinking-budget", arguments.tokens_max,
                  "Most tokens of a thought, which then is closed (absent: no bound)")
      ->needs(think);
}

void add_format_options(CLI::App& command, FormatArguments& arguments) {
  CLI::Option* schema =
      command.add_option("--json-schema", arguments.json_schema,
                         "Hold the answer to JSON of this schema: a file, or the schema itself");
  command
      .add_option("--grammar", arguments.grammar,
                  "Hold the answer to the grammar in this file, in GBNF or Lark's notation")
      ->excludes(schema);
}

SamplingParams to_sampling(const SamplingArguments& arguments, const GenerationDefaults& defaults) {
  SamplingParams params;
  params.temperature = arguments.temperature.value_or(defaults.temperature);
  params.top_k = arguments.top_k.value_or(defaults.top_k);
  params.top_p = arguments.top_p.value_or(defaults.top_p);
  params.min_p = arguments.min_p.value_or(params.min_p);
  params.repetition_penalty = arguments.repetition_penalty.value_or(params.repetition_penalty);
  params.frequency_penalty = arguments.frequency_penalty.value_or(params.frequency_penalty);
  params.presence_penalty = arguments.presence_penalty.value_or(params.presence_penalty);
  params.seed = arguments.seed;
  return params;
}

std::string_view template_name(chat::TemplateKind kind) {
  switch (kind) {
    case chat::TemplateKind::kNone:
      return "none";
    case chat::TemplateKind::kGemma3:
      return "gemma3";
    case chat::TemplateKind::kGemma4Small:
      return "gemma4-small";
    case chat::TemplateKind::kGemma4:
      return "gemma4";
  }
  return "none";
}

chat::TemplateKind choose_template(const std::string& name, const Tokenizer& tokenizer) {
  if (name == "none") return chat::TemplateKind::kNone;
  if (name == "gemma3") return chat::TemplateKind::kGemma3;
  if (name == "gemma4") return chat::TemplateKind::kGemma4;
  const auto found = chat::detect(tokenizer, !tokenizer.chat_template().empty());
  // Only large models load here; older template texts of theirs lack the empty thought.
  return found == chat::TemplateKind::kGemma4Small ? chat::TemplateKind::kGemma4 : found;
}

int fail(const Error& error) {
  fmt::print(stderr, "gemma4: {}\n", error.message);
  return 1;
}

Result<std::string> text_or_stdin(const std::optional<std::string>& text) {
  if (text) return *text;
  if (isatty(STDIN_FILENO) == 1) fmt::print(stderr, "(type the text, then Ctrl-D)\n");
  std::string typed = G4_TRY(read_stream(std::cin, "standard input"));
  if (typed.ends_with('\n')) typed.pop_back();  // of the line, not of the text
  return typed;
}

Result<std::string> read_text_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Error{fmt::format("cannot read {}", path)};
  return read_stream(in, path);
}

}  // namespace g4::app
