// gemma4 info MODEL: what is in the files, and what running it would take; no weights are read.
#include <fmt/format.h>

#include <boost/json.hpp>
#include <map>

#include "app/commands.h"
#include "app/models_folder.h"
#include "app/options.h"
#include "base/progress.h"
#include "runner/loaded_model.h"
#include "runner/vocabulary.h"

namespace g4::app {
namespace {

namespace json = boost::json;

struct InfoArguments {
  ModelArguments model;
  bool json = false;
};

struct TypeTotal {
  std::uint64_t tensors = 0, elements = 0, bytes = 0;
};

std::map<std::string, TypeTotal> totals_by_type(const Checkpoint& checkpoint) {
  std::map<std::string, TypeTotal> totals;
  for (const TensorInfo& tensor : checkpoint.tensors()) {
    TypeTotal& total = totals[std::string(name(tensor.dtype))];
    total.tensors += 1;
    total.elements += tensor.shape.elements().value_or(0);
    total.bytes += tensor.bytes;
  }
  return totals;
}

struct Facts {
  const ModelSummary& model;
  const Tokenizer& tokenizer;
  chat::TemplateKind chat_template;
  std::map<std::string, TypeTotal> types;
  std::string format() const {
    return model.checkpoint.format() == Checkpoint::Format::kGguf ? "gguf" : "safetensors";
  }
};

std::string to_json(const Facts& facts) {
  const MemoryPlan& memory = facts.model.memory;
  json::object types;
  for (const auto& [type, total] : facts.types)
    types[type] = json::object{
        {"tensors", total.tensors}, {"parameters", total.elements}, {"bytes", total.bytes}};
  return json::serialize(json::object{
      {"path", facts.model.checkpoint.path()},
      {"format", facts.format()},
      {"files", facts.model.checkpoint.files().size()},
      {"file_bytes", facts.model.checkpoint.file_bytes()},
      {"description", facts.model.config.description()},
      {"vocabulary", facts.tokenizer.size()},
      {"chat_template", template_name(facts.chat_template)},
      {"context_tokens_max", facts.model.config.context_tokens_max},
      {"types", std::move(types)},
      {"memory", json::object{{"context_tokens", memory.context_tokens},
                              {"parallel", memory.parallel},
                              {"weight_bytes", memory.weight_bytes},
                              {"kv_bytes", memory.kv_bytes},
                              {"full_length_sequences", memory.full_length_sequences()},
                              {"activation_bytes", memory.activation_bytes},
                              {"total_bytes", memory.total_bytes()}}}});
}

void print_text(const Facts& facts) {
  const MemoryPlan& memory = facts.model.memory;
  fmt::print("{}\n", facts.model.config.description());
  fmt::print("  file        {} ({}, {} file{})\n", facts.model.checkpoint.path(), facts.format(),
             facts.model.checkpoint.files().size(),
             facts.model.checkpoint.files().size() == 1 ? "" : "s");
  fmt::print("  size        {}\n", format_bytes(facts.model.checkpoint.file_bytes()));
  fmt::print("  vocabulary  {} tokens, chat template: {}\n", facts.tokenizer.size(),
             template_name(facts.chat_template));
  fmt::print("  context     {} tokens at most\n", facts.model.config.context_tokens_max);
  fmt::print("  tensors\n");
  for (const auto& [type, total] : facts.types)
    fmt::print("    {:<9} {:>5} tensors, {:>8.1f} M parameters, {}\n", type, total.tensors,
               static_cast<double>(total.elements) / 1e6, format_bytes(total.bytes));
  fmt::print("  memory for {} tokens of context, {} at once\n", memory.context_tokens,
             memory.parallel);
  fmt::print("    weights     {}\n", format_bytes(memory.weight_bytes));
  const std::uint32_t full = memory.full_length_sequences();
  fmt::print("    KV cache    {}: holds {} of full length{}\n", format_bytes(memory.kv_bytes), full,
             full < memory.parallel ? ", more while they are shorter; see --kv-memory" : "");
  fmt::print("    work space  {}\n", format_bytes(memory.activation_bytes));
  fmt::print("    together    {}\n", format_bytes(memory.total_bytes()));
}

Result<int> run(const InfoArguments& arguments) {
  const std::filesystem::path path = G4_TRY(find_model(arguments.model.model));
  const ModelSummary model = G4_TRY(inspect_model(path.string(), to_load_options(arguments.model)));
  const Tokenizer tokenizer = G4_TRY(load_tokenizer(model.checkpoint));
  const Facts facts{model, tokenizer, choose_template(arguments.model.chat_template, tokenizer),
                    totals_by_type(model.checkpoint)};
  if (arguments.json) {
    fmt::print("{}\n", to_json(facts));
  } else {
    print_text(facts);
  }
  return 0;
}

}  // namespace

void add_info_command(CLI::App& app, Run& chosen) {
  const auto arguments = std::make_shared<InfoArguments>();
  CLI::App* command =
      app.add_subcommand("info", "What is in a model, and the memory it would take");
  add_model_options(*command, arguments->model);
  command->add_flag("--json", arguments->json, "One JSON object");
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      const Result<int> code = run(*arguments);
      return code ? *code : fail(code.error());
    };
  });
}

}  // namespace g4::app
