// gemma4: one program, one subcommand for each thing a person does with a model.
#include <fmt/format.h>

#include "app/commands.h"
#include "base/log.h"

int main(int argc, char** argv) {
  using namespace g4;
  CLI::App app{"Gemma 4 on your own machine: run, chat, serve."};
  app.name("gemma4");
  app.set_version_flag("--version", "gemma4 " G4_VERSION);
  app.require_subcommand(1);
  app.set_help_all_flag("--help-all", "Help of every command");
  app.footer(
      "MODEL is a GGUF file, a Hugging Face folder, hf:owner/repo[:file] after `gemma4 pull`, "
      "or a catalogue name such as gemma3-270m.");

  app::Run run;
  app::add_run_command(app, run);
  app::add_chat_command(app, run);
  app::add_serve_command(app, run);
  app::add_pull_command(app, run);
  app::add_info_command(app, run);
  app::add_tokenize_command(app, run);
  app::add_bench_command(app, run);
  app::add_perplexity_command(app, run);
  // CLI11 would say only that one is missing.
  const auto is_meant = [&](CLI::App* command) { return command->check_name(argv[1]); };
  if (argc > 1 && argv[1][0] != '-' && app.get_subcommands(is_meant).empty()) {
    fmt::print(stderr, "gemma4: there is no command '{}'; gemma4 --help lists them\n", argv[1]);
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  set_up_log(LogLevel::kInfo, LogFormat::kText);
  return run();
}
