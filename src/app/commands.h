// The commands of `gemma4`: each adds its subcommand and, if it is the chosen one, sets `run`.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace g4::app {

// Exit codes: 0 done, 1 failed (a sentence is on stderr), 2 wrong usage.
using Run = std::function<int()>;

void add_run_command(CLI::App& app, Run& run);
void add_chat_command(CLI::App& app, Run& run);
void add_serve_command(CLI::App& app, Run& run);
void add_info_command(CLI::App& app, Run& run);
void add_tokenize_command(CLI::App& app, Run& run);
void add_bench_command(CLI::App& app, Run& run);
void add_perplexity_command(CLI::App& app, Run& run);
void add_pull_command(CLI::App& app, Run& run);

}  // namespace g4::app
