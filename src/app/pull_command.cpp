// gemma4 pull NAME: a model of the catalogue or of a Hugging Face hub onto this machine.
#include <fmt/format.h>

#include "app/catalogue.h"
#include "app/commands.h"
#include "app/hub.h"
#include "app/models_folder.h"
#include "app/options.h"

namespace g4::app {
namespace {

struct PullArguments {
  std::string name;
  bool list = false;
  bool quiet = false;
};

int list() {
  for (const CatalogueEntry& entry : catalogue())
    fmt::print("{:<16} {}\n", entry.name, entry.description);
  fmt::print("{:<16} any Gemma 4 or Gemma 3 text model of the hub, with its weights or GGUF\n",
             "hf:owner/repo");
  return 0;
}

Result<std::filesystem::path> pull_by_name(const PullArguments& arguments) {
  const auto style = arguments.quiet ? Progress::Style::kQuiet : Progress::Style::kAuto;
  if (const CatalogueEntry* entry = find_in_catalogue(arguments.name))
    return pull_from_catalogue(*entry, models_folder(), style);
  if (!arguments.name.starts_with("hf:"))
    return Error{fmt::format("'{}' is neither in the catalogue ({}) nor of the form hf:owner/repo",
                             arguments.name, catalogue_names())};
  HubOptions options = hub_options_from_environment();
  options.retry.progress = style;
  return pull(G4_TRY(parse_hub_ref(std::string_view(arguments.name).substr(3))), options);
}

}  // namespace

void add_pull_command(CLI::App& app, Run& chosen) {
  const auto arguments = std::make_shared<PullArguments>();
  CLI::App* command = app.add_subcommand("pull", "Download a model; prints where it is");
  CLI::Option* name = command->add_option("NAME", arguments->name,
                                          "Catalogue name, or hf:owner/repo[@revision][:file]");
  command->add_flag("--list", arguments->list, "Show the catalogue")->excludes(name);
  command->add_flag("--quiet", arguments->quiet, "No progress on stderr");
  command->footer(
      "Models go to $G4_MODELS or ~/.cache/gemma4/models. HF_TOKEN opens gated models, "
      "HF_ENDPOINT names another hub.");
  command->callback([arguments, &chosen] {
    if (!arguments->list && arguments->name.empty()) throw CLI::RequiredError("NAME");
    chosen = [arguments] {
      if (arguments->list) return list();
      const Result<std::filesystem::path> path = pull_by_name(*arguments);
      if (!path) return fail(path.error());
      fmt::print("{}\n", path->string());
      return 0;
    };
  });
}

}  // namespace g4::app
