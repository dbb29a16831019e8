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

namespace {

// Both towers must have been made for each other.
Status check_vision(const ModelSummary& model) {
  if (!model.vision || model.vision->text_hidden == model.config.hidden) return {};
  const Checkpoint& source = model.mmproj ? *model.mmproj : model.checkpoint;
  return Error{fmt::format("{}: its images have {} values a token, but {} has a hidden size of {}",
                           source.path(), model.vision->text_hidden, model.checkpoint.path(),
                           model.config.hidden)};
}

}  // namespace

Result<ModelSummary> inspect_model(const std::string& path, const LoadOptions& options) {
  ModelSummary model{G4_TRY(Checkpoint::open(path)), {}, {}, {}, {}};
  model.config = G4_TRY(read_config(model.checkpoint));
  if (!options.mmproj.empty()) {
    model.mmproj = G4_TRY(Checkpoint::open(options.mmproj));
    model.vision = G4_TRY(read_vision_config(*model.mmproj));
    if (!model.vision) return Error{options.mmproj + ": holds no vision tower"};
  } else {
    model.vision = G4_TRY(read_vision_config(model.checkpoint));
  }
  G4_TRY(check_vision(model));
  MemoryRequest request = options.memory;
  request.kv_value_bytes = options.backend == "reference" ? 4 : 2;
  VisionMemory vision;
  if (model.vision) {
    vision.weight_bytes = G4_TRY(vision_weight_bytes(model.vision_source(), *model.vision));
    vision.activation_bytes = ImageEncoder::work_bytes(*model.vision, request.kv_value_bytes);
    vision.image_tokens_max = ImageEncoder::kImageTokensMax;
  }
  const std::uint64_t bytes = G4_TRY(weight_bytes(model.checkpoint, model.config));
  model.memory = G4_TRY(plan_memory(model.config, bytes, request, vision));
  return model;
}

Result<LoadedModel> load_model(const std::string& path, const LoadOptions& options) {
  std::unique_ptr<Backend> backend = G4_TRY(make_backend(options));
  ModelSummary summary = G4_TRY(inspect_model(path, options));
  G4_TRY(check_fits(summary.memory));
  LoadedModel model;
  model.path = path;
  model.config = summary.config;
  model.vision = summary.vision;
  model.memory = summary.memory;
  model.defaults = G4_TRY(read_generation_defaults(summary.checkpoint));
  model.tokenizer = std::make_unique<Tokenizer>(G4_TRY(load_tokenizer(summary.checkpoint)));
  if (model.tokenizer->size() > static_cast<std::size_t>(model.config.vocab))
    return Error{fmt::format("{}: the tokenizer has {} tokens, but the embedding only {} rows",
                             path, model.tokenizer->size(), model.config.vocab)};
  ModelWeights weights =
      G4_TRY(load_weights(*backend, summary.checkpoint, model.config, options.progress));
  std::optional<VisionWeights> vision;
  if (model.vision)
    vision = G4_TRY(load_vision_weights(*backend, summary.vision_source(), *model.vision, {}));
  auto runner = G4_TRY(
      ModelRunner::create(std::move(backend), model.config, std::move(weights), model.memory));
  if (vision) runner->add_vision(*model.vision, *std::move(vision));
  model.backend_name = runner->backend_name();
  model.runner = std::move(runner);
  return model;
}

}  // namespace g4
