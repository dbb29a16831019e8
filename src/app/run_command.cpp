// gemma4 run MODEL [PROMPT]: one answer on standard output.
#include <fmt/format.h>

#include <boost/json.hpp>

#include "app/answer_format.h"
#include "app/answer_printer.h"
#include "app/commands.h"
#include "app/interrupt.h"
#include "app/media_files.h"
#include "app/options.h"
#include "app/session.h"

namespace g4::app {
namespace {

struct RunArguments {
  ModelArguments model;
  SamplingArguments sampling;
  std::optional<std::string> prompt, system;
  std::vector<NamedFile> files;
  MediaFlags media;
  ThinkingArguments thinking;
  FormatArguments format;
  bool raw = false;
  bool json = false;
};

// The files come before the words of their turn, as the model was trained.
Status make_chat_prompt(const Session& session, const RunArguments& arguments,
                        const api::AnswerFormat& format, const std::string& text,
                        GenerateRequest& request) {
  std::vector<chat::Message> messages;
  if (arguments.system) messages.push_back(text_message(chat::Role::kSystem, *arguments.system));
  api::tell_format(format, messages);
  messages.push_back(text_message(chat::Role::kUser, text));
  const chat::ChatOptions options{.thinking = arguments.thinking.think};
  if (arguments.files.empty()) return session.chat_prompt(messages, {}, options, request);
  G4_TRY(session.check_sight());
  std::vector<PromptMedium> media;
  std::vector<chat::Part> parts;
  for (const NamedFile& file : arguments.files) {
    media.push_back(G4_TRY(read_medium(file, arguments.media)));
    parts.push_back({file.kind, "", {}});
    if (!arguments.model.quiet) fmt::print(stderr, "{}\n", description(file, media.back()));
  }
  parts.push_back({chat::Part::Kind::kText, text, {}});
  messages.back().content = std::move(parts);
  return session.chat_prompt(messages, media, options, request);
}

// Fills prompt and images.
Status make_prompt(const Session& session, const RunArguments& arguments,
                   const api::AnswerFormat& format, GenerateRequest& request) {
  const std::string text = G4_TRY(text_or_stdin(arguments.prompt));
  if (!arguments.raw && session.chat_template() != chat::TemplateKind::kNone)
    return make_chat_prompt(session, arguments, format, text, request);
  if (arguments.thinking.think)
    return Error{"--think needs a model that chats; this prompt is continued as plain text"};
  if (arguments.system)
    return Error{"--system needs a chat template, and this prompt is continued as plain text"};
  if (!arguments.files.empty())
    return Error{"--image and --video need a model that chats; this prompt is continued as text"};
  request.prompt = session.text_prompt(text);
  return {};
}

std::string_view finish_name(Finished::Reason reason) {
  switch (reason) {
    case Finished::Reason::kLength:
      return "length";
    case Finished::Reason::kCancelled:
      return "interrupted";
    default:
      return "stop";
  }
}

std::string to_json(const AnswerPrinter& answer, const Finished& end,
                    const GenerationTimes& times) {
  return boost::json::serialize(
      boost::json::object{{"text", answer.text()},
                          {"thought", answer.thought()},
                          {"finish_reason", finish_name(end.reason)},
                          {"prompt_tokens", times.prompt_tokens},
                          {"output_tokens", times.output_tokens},
                          {"first_token_seconds", times.first_token_seconds},
                          {"total_seconds", times.total_seconds},
                          {"output_tokens_per_second", times.output_rate()}});
}

Result<int> run(const RunArguments& arguments) {
  const api::AnswerFormat format = G4_TRY(read_format(arguments.format));
  const std::unique_ptr<Session> session = G4_TRY(Session::open(arguments.model));
  GenerateRequest request;
  G4_TRY(make_prompt(*session, arguments, format, request));
  request.form.answer = G4_TRY(compile_format(format, session->tokenizer()));
  request.form.thought_tokens_max = arguments.thinking.tokens_max;
  request.sampling = to_sampling(arguments.sampling, session->model().defaults);
  request.output_tokens_max = arguments.sampling.max_tokens;
  request.stop = arguments.sampling.stop;

  InterruptWatch interrupt;
  GenerationClock clock;
  AnswerPrinter printer(arguments.json            ? AnswerPrinter::Show::kNothing
                        : arguments.thinking.hide ? AnswerPrinter::Show::kWords
                                                  : AnswerPrinter::Show::kWordsAndThoughts);
  const Finished end = G4_TRY(session->generate(
      std::move(request),
      [&](const ServiceEvent& event) {
        clock.see(event);
        printer.see(event);
      },
      [&] { return interrupt.pressed(); }));
  if (arguments.json) {
    fmt::print("{}\n", to_json(printer, end, clock.times()));
  } else {
    fmt::print("\n");
    std::fflush(stdout);  // before the statistics, should both go to one file
    if (!arguments.model.quiet) fmt::print(stderr, "[{}]\n", clock.times().text());
  }
  return interrupt.pressed() ? 130 : 0;
}

}  // namespace

void add_run_command(CLI::App& app, Run& chosen) {
  const auto arguments = std::make_shared<RunArguments>();
  CLI::App* command = app.add_subcommand("run", "Answer one prompt");
  add_model_options(*command, arguments->model);
  command->add_option("PROMPT", arguments->prompt, "What to ask (absent: standard input)");
  command->add_option("--system", arguments->system, "Instructions before the conversation");
  add_media_files(*command, arguments->files);
  add_media_flags(*command, arguments->media);
  add_thinking_options(*command, arguments->thinking);
  add_format_options(*command, arguments->format);
  command->add_flag("--raw", arguments->raw, "Continue the text as it is, without a chat template");
  command->add_flag("--json", arguments->json, "One JSON object with text, counts and times");
  add_answer_options(*command, arguments->sampling);
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      const Result<int> code = run(*arguments);
      return code ? *code : fail(code.error());
    };
  });
}

}  // namespace g4::app
