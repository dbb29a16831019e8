#include "runner/loaded_model.h"

#include <fmt/format.h>

#include "base/machine_memory.h"
#include "runner/model_runner.h"
#include "runner/vocabulary.h"

namespace g4 {
namespace {

Result<std::unique_ptr<Backend>> make_backend(const LoadOptions& options) {
  if (options.backend == "reference") return make_reference_backend();
  if (options.backend == "cpu") return make_cpu_backend({.threads = options.threads, .isa = {}});
  return Error{fmt::format("there is no backend \"{}\": expected \"cpu\" or \"reference\"",
                           options.backend)};
}

Status check_fits(const MemoryPlan& plan) {
  const std::uint64_t machine = machine_memory_bytes();
  if (machine == 0 || plan.total_bytes() <= machine) return {};
  return Error{
      fmt::format("this model needs {} ({} weights, {} KV for {} tokens), but this machine or "
                  "container has {}: ask for a shorter --context, less --kv-memory, or take a "
                  "smaller quantisation",
                  readable_bytes(plan.total_bytes()), readable_bytes(plan.weight_bytes),
                  readable_bytes(plan.kv_bytes), plan.context_tokens, readable_bytes(machine))};
}

}  // namespace

Result<ModelSummary> inspect_model(const std::string& path, const LoadOptions& options) {
  Checkpoint checkpoint = G4_TRY(Checkpoint::open(path));
  ModelConfig config = G4_TRY(read_config(checkpoint));
  MemoryRequest request = options.memory;
  request.kv_value_bytes = options.backend == "reference" ? 4 : 2;
  const std::uint64_t bytes = G4_TRY(weight_bytes(checkpoint, config));
  MemoryPlan plan = G4_TRY(plan_memory(config, bytes, request));
  return ModelSummary{std::move(checkpoint), std::move(config), plan};
}

Result<LoadedModel> load_model(const std::string& path, const LoadOptions& options) {
  std::unique_ptr<Backend> backend = G4_TRY(make_backend(options));
  ModelSummary summary = G4_TRY(inspect_model(path, options));
  G4_TRY(check_fits(summary.memory));
  LoadedModel model;
  model.path = path;
  model.config = summary.config;
  model.memory = summary.memory;
  model.defaults = G4_TRY(read_generation_defaults(summary.checkpoint));
  model.tokenizer = std::make_unique<Tokenizer>(G4_TRY(load_tokenizer(summary.checkpoint)));
  if (model.tokenizer->size() > static_cast<std::size_t>(model.config.vocab))
    return Error{fmt::format("{}: the tokenizer has {} tokens, but the embedding only {} rows",
                             path, model.tokenizer->size(), model.config.vocab)};
  ModelWeights weights =
      G4_TRY(load_weights(*backend, summary.checkpoint, model.config, options.progress));
  auto runner = G4_TRY(
      ModelRunner::create(std::move(backend), model.config, std::move(weights), model.memory));
  model.backend_name = runner->backend_name();
  model.runner = std::move(runner);
  return model;
}

}  // namespace g4
