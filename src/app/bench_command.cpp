// gemma4 bench MODEL: prompt and answer speed, and the share of the machine's bound they reach.
//
// The bound of a decode step of one sequence is reading the weights it touches once from memory
// (for a mixture of experts those of its active experts); that of a prompt is two operations for
// each such weight and token, without the embedding and the head, which a prompt needs for one row
// only. Both limits are measured here with our own instructions.
//
// An image is asked about twice: the second time its soft tokens are remembered, so the difference
// is the time of encoding it.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <initializer_list>
#include <string_view>

#include "app/commands.h"
#include "app/interrupt.h"
#include "app/models_folder.h"
#include "app/options.h"
#include "app/session.h"
#include "backend/cpu/machine_limits.h"
#include "base/progress.h"
#include "media/budget.h"
#include "media/patches.h"

namespace g4::app {
namespace {

namespace json = boost::json;

struct BenchArguments {
  ModelArguments model;
  std::uint64_t prompt_tokens = 512;
  std::uint64_t output_tokens = 32;
  std::vector<std::int64_t> image_tokens;  // budgets
  std::uint32_t repeats = 1;
  bool json = false;
};

// Weights that one token touches.
struct ActiveWeights {
  double bytes = 0;
  double layer_parameters = 0;  // without embedding and head
};

bool has_any(std::string_view name, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(
      parts, [&](std::string_view part) { return name.find(part) != std::string_view::npos; });
}

bool is_head(std::string_view name) {
  return has_any(name, {"lm_head"}) || name == "output.weight";
}
bool is_embedding(std::string_view name) { return has_any(name, {"token_embd", "embed_tokens"}); }
bool is_vision(std::string_view name) {
  return has_any(name, {"vision", "multi_modal"}) || name.starts_with("v.") ||
         name.starts_with("mm.");
}

ActiveWeights active_weights(const ModelSummary& model) {
  ActiveWeights active;
  const double share = model.config.experts > 0 ? static_cast<double>(model.config.top_k) /
                                                      static_cast<double>(model.config.experts)
                                                : 1.0;
  const auto tensors = model.checkpoint.tensors();
  const bool has_head =
      std::ranges::any_of(tensors, [](const TensorInfo& tensor) { return is_head(tensor.name); });
  for (const TensorInfo& tensor : tensors) {
    // An embedding beside a head gives one row only.
    if (is_vision(tensor.name) || (has_head && is_embedding(tensor.name))) continue;
    const double weight = has_any(tensor.name, {"exps", "experts"}) ? share : 1.0;
    active.bytes += weight * static_cast<double>(tensor.bytes);
    if (!is_head(tensor.name) && !is_embedding(tensor.name))
      active.layer_parameters += weight * static_cast<double>(tensor.shape.elements().value_or(0));
  }
  return active;
}

struct Measured {
  std::uint32_t sequences = 0;
  double prompt_rate = 0;  // tokens a second of all sequences together
  double output_rate = 0;
  double first_token_seconds = 0;  // of the slowest
};

// Words that hardly repeat, below the special tokens' end of no vocabulary.
std::vector<TokenId> bench_prompt(const Session& session, std::uint64_t length,
                                  std::uint32_t which) {
  std::vector<TokenId> ids;
  if (const std::optional<TokenId> bos = session.tokenizer().bos()) ids.push_back(*bos);
  const std::uint64_t vocab = session.tokenizer().size();
  const std::uint64_t first = vocab / 4;
  for (std::uint64_t i = 0; ids.size() < length; ++i)
    ids.push_back(static_cast<TokenId>(first + (i * 7919 + which * 104729) % (vocab / 4)));
  return ids;
}

Result<Measured> measure(Session& session, const BenchArguments& arguments, std::uint32_t sequences,
                         const InterruptWatch& interrupt) {
  std::vector<GenerateRequest> requests(sequences);
  for (std::uint32_t i = 0; i < sequences; ++i) {
    requests[i].prompt = bench_prompt(session, arguments.prompt_tokens, i);
    requests[i].sampling.temperature = 0;
    requests[i].output_tokens_max = arguments.output_tokens;
    requests[i].ignore_eos = true;
  }
  std::vector<GenerationClock> clocks(sequences);
  G4_TRY(session.generate_all(
      std::move(requests),
      [&](std::size_t i, const ServiceEvent& event) {
        clocks[i].see(event);
        return true;
      },
      [&] { return interrupt.pressed(); }));
  Measured result{.sequences = sequences};
  double last_first = 0, last_end = 0;
  for (const GenerationClock& clock : clocks) {
    last_first = std::max(last_first, clock.times().first_token_seconds);
    last_end = std::max(last_end, clock.times().total_seconds);
  }
  const double prompts = static_cast<double>(arguments.prompt_tokens * sequences);
  const double outputs = static_cast<double>((arguments.output_tokens - 1) * sequences);
  result.first_token_seconds = last_first;
  result.prompt_rate = prompts / last_first;
  result.output_rate = last_end > last_first ? outputs / (last_end - last_first) : 0;
  return result;
}

struct MeasuredImage {
  ImagePlan plan;
  double encode_seconds = 0;
  double prompt_seconds = 0;  // to the first token of an answer, the image being encoded
};

Result<ImagePlan> bench_image_plan(std::int64_t budget) {
  return plan_image({1600, 1200}, G4_TRY(image_budget(budget)));
}

std::uint64_t image_prompt_tokens(const ImagePlan& plan) {
  return static_cast<std::uint64_t>(plan.soft_tokens) + 2;  // one before, one after
}

std::shared_ptr<const ImageInput> bench_image(const ImagePlan& plan, std::uint32_t which) {
  auto image = std::make_shared<ImageInput>();
  image->columns = plan.resized.width / kPatchSide;
  image->rows = plan.resized.height / kPatchSide;
  image->soft_tokens = static_cast<std::uint32_t>(plan.soft_tokens);
  image->key = fmt::format("bench {} {}", plan.soft_tokens, which);
  image->patches.resize(static_cast<std::size_t>(image->columns * image->rows) * kPatchValues);
  std::uint32_t noise = which;
  for (float& value : image->patches) {
    noise = noise * 1664525 + 1013904223;
    value = static_cast<float>(noise >> 24) / 255;
  }
  return image;
}

Result<MeasuredImage> measure_image(Session& session, const ImagePlan& plan, std::uint32_t which,
                                    const InterruptWatch& interrupt) {
  const std::uint64_t tokens = image_prompt_tokens(plan);
  GenerateRequest request;
  request.prompt = bench_prompt(session, tokens, which);
  request.images = {{1, tokens - 1, bench_image(plan, which)}};
  request.sampling.temperature = 0;
  request.output_tokens_max = 1;
  request.ignore_eos = true;
  double seconds[2];
  for (double& taken : seconds) {
    GenerationClock clock;
    G4_TRY(session.generate(
        request, [&](const ServiceEvent& event) { clock.see(event); },
        [&] { return interrupt.pressed(); }));
    taken = clock.times().first_token_seconds;
  }
  return MeasuredImage{plan, seconds[0] - seconds[1], seconds[1]};
}

void print_images(std::span<const MeasuredImage> rows) {
  if (rows.empty()) return;
  fmt::print("images of 1600 x 1200, alone\n{:>9} {:>14} {:>12} {:>14}\n", "budget", "soft tokens",
             "encoding s", "then prompt s");
  for (const MeasuredImage& row : rows)
    fmt::print("{:>9} {:>14} {:>12.2f} {:>14.2f}\n", static_cast<int>(row.plan.budget),
               row.plan.soft_tokens, row.encode_seconds, row.prompt_seconds);
}

json::array images_json(std::span<const MeasuredImage> rows) {
  json::array images;
  for (const MeasuredImage& row : rows)
    images.push_back(json::object{{"budget", static_cast<int>(row.plan.budget)},
                                  {"soft_tokens", row.plan.soft_tokens},
                                  {"encode_seconds", row.encode_seconds},
                                  {"prompt_seconds", row.prompt_seconds}});
  return images;
}

void print_text(std::span<const Measured> rows, const MachineLimits& limits,
                const ActiveWeights& active, const BenchArguments& arguments) {
  fmt::print(
      "memory reads {:.1f} GB/s, int8 {:.0f} Gop/s, f32 {:.0f} Gflop/s; a token touches {}\n",
      limits.read_bytes / 1e9, limits.int8_ops / 1e9, limits.f32_flops / 1e9,
      format_bytes(static_cast<std::uint64_t>(active.bytes)));
  fmt::print("prompts of {} tokens, answers of {}\n", arguments.prompt_tokens,
             arguments.output_tokens);
  fmt::print("{:>9} {:>14} {:>12} {:>14} {:>12} {:>14}\n", "sequences", "prompt tok/s",
             "of int8 ops", "answer tok/s", "of reads", "first token s");
  for (const Measured& row : rows) {
    const double ops = row.prompt_rate * 2 * active.layer_parameters / limits.int8_ops;
    const double reads = row.output_rate * active.bytes / limits.read_bytes;
    fmt::print("{:>9} {:>14.1f} {:>10.0f} % {:>14.2f} {:>12} {:>14.2f}\n", row.sequences,
               row.prompt_rate, ops * 100, row.output_rate,
               row.sequences == 1 ? fmt::format("{:.0f} %", reads * 100) : "-",
               row.first_token_seconds);
  }
}

std::string to_json(std::span<const Measured> rows, std::span<const MeasuredImage> images,
                    const MachineLimits& limits, const ActiveWeights& active,
                    const BenchArguments& arguments) {
  json::array runs;
  for (const Measured& row : rows)
    runs.push_back(json::object{{"sequences", row.sequences},
                                {"prompt_tokens_per_second", row.prompt_rate},
                                {"output_tokens_per_second", row.output_rate},
                                {"first_token_seconds", row.first_token_seconds}});
  return json::serialize(
      json::object{{"prompt_tokens", arguments.prompt_tokens},
                   {"output_tokens", arguments.output_tokens},
                   {"active_weight_bytes", active.bytes},
                   {"active_layer_parameters", active.layer_parameters},
                   {"machine", json::object{{"read_bytes_per_second", limits.read_bytes},
                                            {"int8_ops_per_second", limits.int8_ops},
                                            {"bf16_flops_per_second", limits.bf16_flops},
                                            {"f32_flops_per_second", limits.f32_flops}}},
                   {"runs", std::move(runs)},
                   {"images", images_json(images)}});
}

Result<int> run(const BenchArguments& arguments) {
  const std::filesystem::path path = G4_TRY(find_model(arguments.model.model));
  ModelArguments model = arguments.model;
  std::vector<ImagePlan> plans;
  for (const std::int64_t budget : arguments.image_tokens)
    plans.push_back(G4_TRY(bench_image_plan(budget)));
  if (model.context == 0) {
    model.context = arguments.prompt_tokens + arguments.output_tokens;
    for (const ImagePlan& plan : plans)
      model.context = std::max(model.context, image_prompt_tokens(plan) + 1);
  }
  const LoadOptions load = to_load_options(model);
  const ModelSummary summary = G4_TRY(inspect_model(path.string(), load));
  if (!plans.empty() && !summary.vision)
    return Error{fmt::format("{} reads text only: --image-tokens needs a vision tower (--mmproj)",
                             path.string())};
  const ActiveWeights active = active_weights(summary);
  const MachineLimits limits = G4_TRY(measure_machine_limits(model.threads, {}));
  const std::unique_ptr<Session> session = G4_TRY(Session::open(model));

  InterruptWatch interrupt;
  std::vector<Measured> rows;
  std::vector<std::uint32_t> counts{1};
  if (model.parallel > 1) counts.push_back(model.parallel);
  for (const std::uint32_t sequences : counts)
    for (std::uint32_t i = 0; i < arguments.repeats && !interrupt.pressed(); ++i)
      rows.push_back(G4_TRY(measure(*session, arguments, sequences, interrupt)));
  std::vector<MeasuredImage> images;
  for (const ImagePlan& plan : plans)
    for (std::uint32_t i = 0; i < arguments.repeats && !interrupt.pressed(); ++i)
      images.push_back(G4_TRY(measure_image(*session, plan, i, interrupt)));
  if (interrupt.pressed()) return 130;
  if (arguments.json) {
    fmt::print("{}\n", to_json(rows, images, limits, active, arguments));
  } else {
    print_text(rows, limits, active, arguments);
    print_images(images);
  }
  return 0;
}

}  // namespace

void add_bench_command(CLI::App& app, Run& chosen) {
  const auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command =
      app.add_subcommand("bench", "Speed, and its share of what the machine can do");
  add_model_options(*command, arguments->model);
  command->add_option("--prompt-tokens", arguments->prompt_tokens, "Length of each prompt")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  command->add_option("--output-tokens", arguments->output_tokens, "Length of each answer")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  command->add_option("--image-tokens", arguments->image_tokens,
                      "Also an image of each of these budgets: 70, 140, 280, 560, 1120");
  command->add_option("--repeats", arguments->repeats, "Runs of each kind")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "One JSON object");
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      const Result<int> code = run(*arguments);
      return code ? *code : fail(code.error());
    };
  });
}

}  // namespace g4::app
