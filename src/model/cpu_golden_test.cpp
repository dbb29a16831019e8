// The fast backend against the reference on the golden checkpoints, whole model, on every
// instruction set this machine has.
//
// Why the numbers: on small random models a rounding of one part in 2^8 (bf16 columns, int8 columns
// of quantised weights, f16 KV) is amplified by every layer; f32 weights round in f16 KV only.
// Where an expert's choice is near a tie a row may take another expert, so MoE models are held by
// the median row.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "model/golden.h"

namespace g4 {
namespace {

struct CpuCase {
  const char* folder;
  const char* checkpoint;  // inside it; empty: the folder itself
  double median_error;     // of a row's logits, relative
};

std::vector<std::string> machine_isas() {
  std::vector<std::string> isas;
  for (const char* isa : {"avx2", "avx512"})
    if (make_cpu_backend({.threads = 2, .isa = isa})) isas.emplace_back(isa);
  return isas;
}

TEST(CpuGolden, FollowsTheReferenceOnEveryInstructionSet) {
  const CpuCase cases[] = {
      {"gemma4-dense", "", 6e-3},                           // f32
      {"gemma4-dense", "/gemma4-dense-q8_0.gguf", 2e-1},    // int8 columns
      {"gemma3-text", "", 2e-2},                            // bf16
      {"gemma3-text", "/gemma3-text-lossless.gguf", 5e-3},  // f16, bf16 embedding
      {"gemma4-moe", "", 2e-1},                             // bf16, experts
      {"gemma4-moe", "/gemma4-moe-q4_0.gguf", 4e-1},        // int8 columns, experts
  };
  const std::vector<std::string> isas = machine_isas();
  ASSERT_FALSE(isas.empty());
  for (const CpuCase& test : cases) {
    const std::string path = golden::models_folder() + test.folder + test.checkpoint;
    const auto prompt =
        golden::read_tensors(golden::models_folder() + test.folder + "/golden.safetensors")
            .at("prompt.ids")
            .ids;
    golden::Model reference(make_reference_backend(), path);
    const Mat want = reference.run(prompt);
    for (const std::string& isa : isas) {
      golden::Model fast(make_cpu_backend({.threads = 2, .isa = isa}).value(), path);
      const Mat got = fast.run(prompt);
      std::vector<double> errors;
      for (std::int64_t i = 0; i < got.rows; ++i)
        errors.push_back(golden::relative_error({got.row(i), static_cast<std::size_t>(got.cols)},
                                                {want.row(i), static_cast<std::size_t>(got.cols)}));
      std::nth_element(errors.begin(), errors.begin() + std::ssize(errors) / 2, errors.end());
      const double median = errors[errors.size() / 2];
      std::printf("%-14s %-30s %-7s median error of a row %.1e\n", test.folder, test.checkpoint,
                  isa.c_str(), median);
      EXPECT_LT(median, test.median_error) << path << " " << isa;
    }
  }
}

// Alone, in chunks or token by token: the same bits.
TEST(CpuGolden, ChunkingChangesNoBit) {
  for (const std::string& isa : machine_isas())
    for (const char* name : {"gemma4-moe", "gemma4-dense", "gemma3-text"}) {
      const std::string folder = golden::models_folder() + name;
      const auto prompt = golden::read_tensors(folder + "/golden.safetensors").at("prompt.ids").ids;
      golden::Model model(make_cpu_backend({.threads = 2, .isa = isa}).value(), folder);
      const auto whole = model.greedy(prompt, 96, 24);
      EXPECT_EQ(model.greedy(prompt, 7, 24), whole) << name << " " << isa;
      const Mat logits = [&] {
        model.restart();
        return model.run(prompt);
      }();
      const std::vector<float> last(logits.row(logits.rows - 1), logits.row(logits.rows));
      model.restart();
      Mat one{};
      for (const std::int32_t id : prompt) one = model.run({&id, 1});
      EXPECT_TRUE(std::equal(last.begin(), last.end(), one.row(0))) << name << " " << isa;
    }
}

}  // namespace
}  // namespace g4
