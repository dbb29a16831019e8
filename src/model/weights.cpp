#include "model/weights.h"

#include <fmt/format.h>

#include <cassert>
#include <cmath>

#include "model/tensor_names.h"

namespace g4 {
namespace {

using enum TensorRole;

std::uint64_t u64(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// One pass over the tensors: with a backend it loads them, without it only adds up their bytes.
class Loader {
 public:
  Loader(Backend* backend, const Checkpoint& checkpoint, const ModelConfig& config,
         TensorNames names, LoadProgress progress)
      : backend_(backend),
        checkpoint_(checkpoint),
        config_(config),
        names_(std::move(names)),
        progress_(std::move(progress)) {}

  Result<ModelWeights> run(std::uint64_t total_bytes) {
    total_ = total_bytes;
    ModelWeights weights;
    const std::uint64_t hidden = u64(config_.hidden);
    weights.embedding = G4_TRY(matrix(kEmbedding, 0, {u64(config_.vocab), hidden}));
    // The head is the embedding, but a GGUF may carry a copy in a type of its own.
    if (has(kHead, 0)) weights.head = G4_TRY(matrix(kHead, 0, {u64(config_.vocab), hidden}));
    weights.final_norm = G4_TRY(norm(kFinalNorm, 0, hidden));
    for (std::size_t i = 0; i < config_.layers.size(); ++i)
      weights.layers.push_back(G4_TRY(layer(i)));
    return weights;
  }
  std::uint64_t bytes() const { return done_; }

 private:
  bool has(TensorRole role, std::size_t i) const {
    return checkpoint_.find(names_(role, i)) != nullptr;
  }

  Result<const TensorInfo*> find(TensorRole role, std::size_t i, const Shape& expected) const {
    const std::string name = names_(role, i);
    const TensorInfo* tensor = checkpoint_.find(name);
    if (!tensor) return Error{fmt::format("{}: tensor '{}' is missing", checkpoint_.path(), name)};
    if (!(tensor->shape == expected))
      return Error{fmt::format("{}: tensor '{}' has shape {}, expected {}", checkpoint_.path(),
                               name, tensor->shape.to_string(), expected.to_string())};
    return tensor;
  }

  void count(const TensorInfo& tensor) {
    done_ += tensor.bytes;
    if (backend_ && progress_) progress_(done_, total_);
  }

  Result<std::unique_ptr<Weight>> load(WeightSource source) {
    if (!backend_) return std::unique_ptr<Weight>();
    return backend_->load(source);
  }

  Result<std::unique_ptr<Weight>> matrix(TensorRole role, std::size_t i, const Shape& shape) {
    const TensorInfo* tensor = G4_TRY(find(role, i, shape));
    auto weight =
        G4_TRY(load({tensor->name, tensor->dtype, shape,
                     [this, tensor](std::uint64_t begin, std::size_t bytes, ReadBuffer& buffer) {
                       return checkpoint_.read_into(*tensor, begin, bytes, buffer);
                     }}));
    count(*tensor);
    return weight;
  }

  Result<std::vector<float>> values(TensorRole role, std::size_t i, const Shape& shape) {
    const TensorInfo* tensor = G4_TRY(find(role, i, shape));
    count(*tensor);
    if (!backend_) return std::vector<float>();
    std::vector<float> read = G4_TRY(checkpoint_.read_f32(*tensor));
    for (float value : read)
      if (!std::isfinite(value))
        return Error{fmt::format("{}: tensor '{}' holds {}, expected finite numbers",
                                 checkpoint_.path(), tensor->name, value)};
    return read;
  }

  Result<const float*> vector(TensorRole role, std::size_t i, const Shape& shape) {
    const std::vector<float> read = G4_TRY(values(role, i, shape));
    return backend_ ? backend_->upload(read) : nullptr;
  }

  // Gemma 3 multiplies by 1 + weight; GGUF files of it hold the sum already.
  Result<const float*> norm(TensorRole role, std::size_t i, std::uint64_t width) {
    std::vector<float> read = G4_TRY(values(role, i, {width}));
    const bool add_one = config_.family == Family::kGemma3 &&
                         checkpoint_.format() == Checkpoint::Format::kHuggingFace;
    if (add_one)
      for (float& value : read) value += 1.0F;
    return backend_ ? backend_->upload(read) : nullptr;
  }

  Result<LayerWeights> layer(std::size_t i) {
    const LayerConfig& shape = config_.layers[i];
    const std::uint64_t hidden = u64(config_.hidden), dim = u64(shape.head_dim);
    const std::uint64_t q_width = u64(config_.heads) * dim, kv_width = u64(shape.kv_heads) * dim;
    LayerWeights w;
    w.attn_norm = G4_TRY(norm(kAttnNorm, i, hidden));
    w.q = G4_TRY(matrix(kQ, i, {q_width, hidden}));
    w.k = G4_TRY(matrix(kK, i, {kv_width, hidden}));
    if (!shape.k_eq_v) w.v = G4_TRY(matrix(kV, i, {kv_width, hidden}));
    w.q_norm = G4_TRY(norm(kQNorm, i, dim));
    w.k_norm = G4_TRY(norm(kKNorm, i, dim));
    w.o = G4_TRY(matrix(kO, i, {hidden, q_width}));
    w.attn_post_norm = G4_TRY(norm(kAttnPostNorm, i, hidden));

    const std::uint64_t ffn = u64(config_.ffn);
    w.ffn_norm = G4_TRY(norm(kFfnNorm, i, hidden));
    w.gate = G4_TRY(matrix(kGate, i, {ffn, hidden}));
    w.up = G4_TRY(matrix(kUp, i, {ffn, hidden}));
    w.down = G4_TRY(matrix(kDown, i, {hidden, ffn}));
    w.ffn_post_norm = G4_TRY(norm(kFfnPostNorm, i, hidden));
    if (config_.experts > 0) G4_TRY(experts(i, w));
    if (config_.family == Family::kGemma4 && backend_)
      w.scalar = G4_TRY(values(kLayerScalar, i, {1})).front();
    return w;
  }

  Status experts(std::size_t i, LayerWeights& w) {
    const std::uint64_t hidden = u64(config_.hidden), n = u64(config_.experts),
                        width = u64(config_.expert_ffn);
    w.dense_post_norm = G4_TRY(norm(kDensePostNorm, i, hidden));
    w.moe_norm = G4_TRY(norm(kMoeNorm, i, hidden));
    w.moe_post_norm = G4_TRY(norm(kMoePostNorm, i, hidden));
    w.router.scale = G4_TRY(vector(kRouterScale, i, {hidden}));
    w.router.proj = G4_TRY(vector(kRouterProj, i, {n, hidden}));
    w.router.per_expert_scale = G4_TRY(vector(kPerExpertScale, i, {n}));
    w.router.experts = config_.experts;
    w.router.top_k = config_.top_k;
    if (has(kExpertGateUp, i))
      w.expert_gate_up = G4_TRY(matrix(kExpertGateUp, i, {n, 2 * width, hidden}));
    else
      w.expert_gate_up = G4_TRY(joined_gate_up(i));
    w.expert_down = G4_TRY(matrix(kExpertDown, i, {n, hidden, width}));
    return {};
  }

  // Some converters write gate and up as two tensors; each expert's rows are laid one after the
  // other.
  Result<std::unique_ptr<Weight>> joined_gate_up(std::size_t i) {
    const Shape half{u64(config_.experts), u64(config_.expert_ffn), u64(config_.hidden)};
    const TensorInfo* gate = G4_TRY(find(kExpertGate, i, half));
    const TensorInfo* up = G4_TRY(find(kExpertUp, i, half));
    if (gate->dtype != up->dtype)
      return Error{fmt::format(
          "{}: tensor '{}' is {}, its partner '{}' is {}: expected the same type",
          checkpoint_.path(), gate->name, name(gate->dtype), up->name, name(up->dtype))};
    const std::uint64_t slice = gate->bytes / u64(config_.experts);
    const auto read = [this, gate, up, slice](
                          std::uint64_t begin, std::size_t bytes,
                          ReadBuffer& buffer) -> Result<std::span<const std::byte>> {
      const auto tensor = [&](std::uint64_t part) -> auto& { return part % 2 == 0 ? *gate : *up; };
      const std::uint64_t part = begin / slice, inside = begin % slice;
      if (bytes <= slice - inside)
        return checkpoint_.read_into(tensor(part), part / 2 * slice + inside, bytes, buffer);
      std::byte* const joined = G4_TRY(buffer.reserve(bytes));
      ReadBuffer one_part;
      for (std::size_t done = 0; done < bytes;) {
        const std::uint64_t at = begin + done;
        const std::size_t n = std::min<std::uint64_t>(bytes - done, slice - at % slice);
        const std::span<const std::byte> found = G4_TRY(checkpoint_.read_into(
            tensor(at / slice), at / slice / 2 * slice + at % slice, n, one_part));
        std::copy(found.begin(), found.end(), joined + done);
        done += n;
      }
      return std::span<const std::byte>(joined, bytes);
    };
    const Shape whole{half[0], 2 * half[1], half[2]};
    auto weight = G4_TRY(load({gate->name, gate->dtype, whole, read}));
    count(*gate);
    count(*up);
    return weight;
  }

  Backend* backend_;
  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  TensorNames names_;
  const LoadProgress progress_;
  std::uint64_t done_ = 0, total_ = 0;
};

}  // namespace

Result<std::uint64_t> weight_bytes(const Checkpoint& checkpoint, const ModelConfig& config) {
  Loader loader(nullptr, checkpoint, config, G4_TRY(TensorNames::create(checkpoint, config)), {});
  G4_TRY(loader.run(0));
  return loader.bytes();
}

Result<ModelWeights> load_weights(Backend& backend, const Checkpoint& checkpoint,
                                  const ModelConfig& config, const LoadProgress& progress) {
  // The dry run finds a missing or misshapen tensor before gigabytes are read.
  const std::uint64_t total = G4_TRY(weight_bytes(checkpoint, config));
  Loader loader(&backend, checkpoint, config, G4_TRY(TensorNames::create(checkpoint, config)),
                progress);
  return loader.run(total);
}

}  // namespace g4
