// The reference backend against transformers, tensor by tensor, on small random checkpoints.
#include "model/golden.h"

#include <gmock/gmock.h>

#include <filesystem>

namespace g4 {
namespace {

constexpr double kTolerance = 1e-4;  // f32 goldens; ours sums in double

struct Case {
  std::string folder;      // under tests/golden/models
  std::string checkpoint;  // inside it; empty: the folder itself
  std::string golden;      // "golden.safetensors", or a quantised file's own
};
void PrintTo(const Case& test, std::ostream* out) { *out << test.folder << '/' << test.checkpoint; }

class Golden : public testing::TestWithParam<Case> {
 protected:
  std::string folder() const { return golden::models_folder() + GetParam().folder; }
  std::string checkpoint() const {
    return GetParam().checkpoint.empty() ? folder() : folder() + "/" + GetParam().checkpoint;
  }
};

// Every tensor that the decoder shows against the golden of its name.
class Comparer {
 public:
  explicit Comparer(const std::map<std::string, golden::Tensor>& want) : want_(want) {}
  void operator()(std::string_view what, std::size_t layer, Mat values) {
    std::string name;
    if (what == "embedding") name = "hidden.embedding";
    if (what == "layer") name = "hidden.layer." + std::to_string(layer);
    if (what == "final") name = "hidden.final_norm";
    if (what == "attention" || what == "dense" || what == "moe")
      name = "layer." + std::to_string(layer) + "." + std::string(what);
    const auto found = want_.find(name);
    if (found == want_.end()) return;
    const golden::Tensor& tensor = found->second;
    const std::int64_t rows = tensor.shape.at(0);  // some hold the last rows only
    ASSERT_LE(rows, values.rows) << name;
    const std::span<const float> got(values.row(values.rows - rows), tensor.values.size());
    EXPECT_LT(golden::relative_error(got, tensor.values), kTolerance) << name;
    ++compared;
  }
  int compared = 0;

 private:
  const std::map<std::string, golden::Tensor>& want_;
};

TEST_P(Golden, HiddenStatesAndLogits) {
  const auto want = golden::read_tensors(folder() + "/" + GetParam().golden);
  golden::Model model(make_reference_backend(), checkpoint());
  Comparer comparer(want);
  const Mat logits = model.run(want.at("prompt.ids").ids, std::ref(comparer));
  const auto& golden_logits = want.at("logits");
  const std::int64_t rows = golden_logits.shape.at(0);  // of the last positions
  const std::span<const float> got(logits.row(logits.rows - rows), golden_logits.values.size());
  EXPECT_LT(golden::relative_error(got, golden_logits.values), kTolerance);
  if (GetParam().golden == "golden.safetensors") {
    EXPECT_GE(comparer.compared, 8);
  }
}

TEST_P(Golden, GreedyContinuationAtAnyChunking) {
  const auto want = golden::read_tensors(folder() + "/" + GetParam().golden);
  golden::Model model(make_reference_backend(), checkpoint());
  const auto& ids = want.at("greedy.ids").ids;
  for (std::size_t chunk : {96U, 1U, 7U})
    EXPECT_EQ(model.greedy(want.at("prompt.ids").ids, chunk, ids.size()), ids) << "chunk " << chunk;
}

// Every golden folder, in each format it holds.
std::vector<Case> cases() {
  std::vector<Case> found;
  for (const auto& folder : std::filesystem::directory_iterator(golden::models_folder())) {
    const std::string name = folder.path().filename();
    if (!std::filesystem::exists(folder.path() / "golden.safetensors")) continue;
    if (std::filesystem::exists(folder.path() / "config.json"))
      found.push_back({name, "", "golden.safetensors"});
    for (const auto& file : std::filesystem::directory_iterator(folder.path())) {
      if (file.path().extension() != ".gguf") continue;
      const std::string variant = file.path().stem().string().substr(name.size() + 1);
      const std::string own = "golden-" + variant + ".safetensors";
      const bool has_own = std::filesystem::exists(folder.path() / own);
      found.push_back({name, file.path().filename(), has_own ? own : "golden.safetensors"});
    }
  }
  std::sort(found.begin(), found.end(), [](const Case& a, const Case& b) {
    return std::tie(a.folder, a.checkpoint) < std::tie(b.folder, b.checkpoint);
  });
  return found;
}

INSTANTIATE_TEST_SUITE_P(Models, Golden, testing::ValuesIn(cases()));

}  // namespace
}  // namespace g4
