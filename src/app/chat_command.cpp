// gemma4 chat MODEL: a conversation in the terminal.
//
// Lines are edited by libedit, with a history file; without a terminal each line of standard input
// is a turn. Ctrl-C stops the answer, or clears the line; Ctrl-D or /exit leaves.
#include <editline/readline.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "app/answer_format.h"
#include "app/answer_printer.h"
#include "app/commands.h"
#include "app/interrupt.h"
#include "app/media_files.h"
#include "app/models_folder.h"
#include "app/options.h"
#include "app/session.h"

namespace g4::app {
namespace {

namespace fs = std::filesystem;

constexpr int kHistoryLines = 1000;
constexpr const char* kHelp =
    "/help   this text\n"
    "/reset  forget the conversation\n"
    "/system TEXT  instructions for the model; forgets the conversation\n"
    "/image FILE, /video FILE  shown with your next words; may be repeated\n"
    "/exit   leave (also Ctrl-D)\n"
    "Ctrl-C stops an answer. A line that ends in \\ goes on in the next one.\n";

struct ChatArguments {
  ModelArguments model;
  SamplingArguments sampling;
  MediaFlags media;
  ThinkingArguments thinking;
  FormatArguments format;
  std::string system;
};

// Lines from the terminal, or from a pipe.
class LineReader {
 public:
  LineReader() : terminal_(isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1) {
    if (!terminal_) return;
    history_path_ = (models_folder().parent_path() / "chat_history").string();
    std::error_code error;
    fs::create_directories(models_folder().parent_path(), error);
    using_history();
    stifle_history(kHistoryLines);
    read_history(history_path_.c_str());
  }
  ~LineReader() {
    if (terminal_) write_history(history_path_.c_str());
  }
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // nullopt at the end of input.
  std::optional<std::string> read(const InterruptWatch& interrupt) {
    std::optional<std::string> line = read_one("> ", interrupt);
    while (line && line->ends_with('\\')) {
      line->back() = '\n';
      const std::optional<std::string> more = read_one(". ", interrupt);
      if (!more) break;
      *line += *more;
    }
    return line;
  }

 private:
  std::optional<std::string> read_one(const char* prompt, const InterruptWatch& interrupt) {
    if (!terminal_) {
      std::string line;
      if (std::getline(std::cin, line)) return line;
      return std::nullopt;
    }
    char* line = readline(prompt);
    if (line == nullptr) {
      fmt::print("\n");
      if (!interrupt.pressed()) return std::nullopt;
      return "";  // Ctrl-C on the line clears it
    }
    std::string text(line);
    std::free(line);
    if (!text.empty()) add_history(text.c_str());
    return text;
  }

  const bool terminal_;
  std::string history_path_;
};

class Chat {
 public:
  // What every answer is held to.
  struct Form {
    api::AnswerFormat format;
    AnswerForm::Grammar grammar;
  };

  Chat(Session& session, const ChatArguments& arguments, Form form)
      : session_(session),
        arguments_(arguments),
        form_(std::move(form)),
        system_(arguments.system) {
    reset();
  }

  // False when the user leaves.
  bool handle(const std::string& line, InterruptWatch& interrupt) {
    if (line.empty()) return true;
    if (line == "/exit" || line == "/quit") return false;
    if (line == "/help") {
      fmt::print("{}", kHelp);
    } else if (line == "/reset") {
      reset();
    } else if (line == "/system") {
      fmt::print("{}\n", system_.empty() ? "No instructions were given." : system_);
    } else if (line.starts_with("/system ")) {
      system_ = line.substr(8);
      reset();
    } else if (line.starts_with("/image ")) {
      show({chat::Part::Kind::kImage, line.substr(7)});
    } else if (line.starts_with("/video ")) {
      show({chat::Part::Kind::kVideo, line.substr(7)});
    } else if (line.starts_with('/')) {
      fmt::print("There is no {}; /help lists what there is.\n", line);
    } else {
      answer(line, interrupt);
    }
    return true;
  }

 private:
  void reset() {
    messages_.clear();
    media_.clear();
    shown_.clear();
    if (!system_.empty()) messages_.push_back(text_message(chat::Role::kSystem, system_));
    api::tell_format(form_.format, messages_);
  }

  // Looked at now, so that a wrong file is told at once; sent with the next words.
  void show(const NamedFile& file) {
    if (const Status sight = session_.check_sight(); !sight) {
      fail(sight.error());
      return;
    }
    Result<PromptMedium> medium = read_medium(file, arguments_.media);
    if (!medium) {
      fail(medium.error());
      return;
    }
    fmt::print("{}\n", description(file, *medium));
    media_.push_back(*std::move(medium));
    shown_.push_back({file.kind, "", {}});
  }

  // With what is shown before it.
  chat::Message user_message(const std::string& line) const {
    chat::Message message = text_message(chat::Role::kUser, line);
    if (shown_.empty()) return message;
    std::vector<chat::Part> parts = shown_;
    parts.push_back({chat::Part::Kind::kText, line, {}});
    message.content = std::move(parts);
    return message;
  }

  void answer(const std::string& line, InterruptWatch& interrupt) {
    messages_.push_back(user_message(line));
    interrupt.reset();
    std::string text;
    const Result<GenerationTimes> times = generate(interrupt, text);
    if (!times) {
      messages_.pop_back();
      fail(times.error());
      return;
    }
    shown_.clear();
    messages_.push_back(text_message(chat::Role::kAssistant, text));
    fmt::print("\n");
    if (!arguments_.model.quiet)
      fmt::print(stderr, "[{}{}]\n", interrupt.pressed() ? "stopped; " : "", times->text());
  }

  Result<GenerationTimes> generate(const InterruptWatch& interrupt, std::string& text) {
    GenerateRequest request;
    G4_TRY(
        session_.chat_prompt(messages_, media_, {.thinking = arguments_.thinking.think}, request));
    request.sampling = to_sampling(arguments_.sampling, session_.model().defaults);
    request.output_tokens_max = arguments_.sampling.max_tokens;
    request.stop = arguments_.sampling.stop;
    request.form.answer = form_.grammar;
    request.form.thought_tokens_max = arguments_.thinking.tokens_max;
    GenerationClock clock;
    AnswerPrinter printer(arguments_.thinking.hide ? AnswerPrinter::Show::kWords
                                                   : AnswerPrinter::Show::kWordsAndThoughts);
    const Result<Finished> end = session_.generate(
        std::move(request),
        [&](const ServiceEvent& event) {
          clock.see(event);
          printer.see(event);
        },
        [&] { return interrupt.pressed(); });
    if (!end) return end.error();
    text = printer.text();
    return clock.times();
  }

  Session& session_;
  const ChatArguments& arguments_;
  const Form form_;
  std::string system_;
  std::vector<chat::Message> messages_;
  std::vector<PromptMedium> media_;  // of all messages, then those of shown_
  std::vector<chat::Part> shown_;    // not yet sent
};

Result<int> run(const ChatArguments& arguments) {
  api::AnswerFormat format = G4_TRY(read_format(arguments.format));
  const std::unique_ptr<Session> session = G4_TRY(Session::open(arguments.model));
  const std::vector<chat::Message> probe{text_message(chat::Role::kUser, "Hello")};
  GenerateRequest unsent;
  G4_TRY(session->chat_prompt(probe, {}, {.thinking = arguments.thinking.think},
                              unsent));  // a base model is told before the first question
  AnswerForm::Grammar grammar = G4_TRY(compile_format(format, session->tokenizer()));
  InterruptWatch interrupt;
  LineReader reader;
  if (isatty(STDOUT_FILENO) == 1)
    fmt::print("{}. /help lists the commands.\n", session->model().config.description());
  Chat chat(*session, arguments, {std::move(format), std::move(grammar)});
  for (;;) {
    interrupt.reset();
    const std::optional<std::string> line = reader.read(interrupt);
    if (!line || !chat.handle(*line, interrupt)) return 0;
  }
}

}  // namespace

void add_chat_command(CLI::App& app, Run& chosen) {
  const auto arguments = std::make_shared<ChatArguments>();
  CLI::App* command = app.add_subcommand("chat", "Talk with a model in the terminal");
  add_model_options(*command, arguments->model);
  command->add_option("--system", arguments->system, "Instructions before the conversation");
  add_media_flags(*command, arguments->media);
  add_thinking_options(*command, arguments->thinking);
  add_format_options(*command, arguments->format);
  add_answer_options(*command, arguments->sampling);
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      const Result<int> code = run(*arguments);
      return code ? *code : fail(code.error());
    };
  });
}

}  // namespace g4::app
