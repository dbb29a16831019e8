#include "model/weights.h"

#include <fmt/format.h>

#include "model/tensor_names.h"

namespace g4 {
namespace {

using enum TensorRole;

std::uint64_t u64(std::int64_t value) { return static_cast<std::uint64_t>(value); }

// The decoder's tensors by role.
class Loader {
 public:
  Loader(TensorLoader& tensors, const ModelConfig& config, TensorNames names)
      : tensors_(tensors),
        checkpoint_(tensors.checkpoint()),
        config_(config),
        names_(std::move(names)) {}

  Result<ModelWeights> run() {
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

 private:
  bool has(TensorRole role, std::size_t i) const {
    return checkpoint_.find(names_(role, i)) != nullptr;
  }
  Result<const TensorInfo*> find(TensorRole role, std::size_t i, const Shape& shape) const {
    return tensors_.find(names_(role, i), shape);
  }
  Result<std::unique_ptr<Weight>> matrix(TensorRole role, std::size_t i, const Shape& shape) {
    return tensors_.matrix(names_(role, i), shape);
  }
  Result<std::vector<float>> values(TensorRole role, std::size_t i, const Shape& shape) {
    return tensors_.values(names_(role, i), shape);
  }
  Result<const float*> vector(TensorRole role, std::size_t i, const Shape& shape) {
    return tensors_.vector(names_(role, i), shape);
  }

  // Gemma 3 multiplies by 1 + weight; GGUF files of it hold the sum already.
  Result<const float*> norm(TensorRole role, std::size_t i, std::uint64_t width) {
    std::vector<float> read = G4_TRY(values(role, i, {width}));
    const bool add_one = config_.family == Family::kGemma3 &&
                         checkpoint_.format() == Checkpoint::Format::kHuggingFace;
    if (add_one)
      for (float& value : read) value += 1.0F;
    return tensors_.upload(read);
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
    if (config_.family == Family::kGemma4 && !tensors_.dry())
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
    auto weight = G4_TRY(tensors_.load({gate->name, gate->dtype, whole, read}));
    tensors_.count(*gate);
    tensors_.count(*up);
    return weight;
  }

  TensorLoader& tensors_;
  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  TensorNames names_;
};

}  // namespace

Result<std::uint64_t> weight_bytes(const Checkpoint& checkpoint, const ModelConfig& config) {
  const TensorNames names = G4_TRY(TensorNames::create(checkpoint, config));
  TensorLoader tensors(nullptr, checkpoint, {}, 0);
  G4_TRY(Loader(tensors, config, names).run());
  return tensors.bytes();
}

Result<ModelWeights> load_weights(Backend& backend, const Checkpoint& checkpoint,
                                  const ModelConfig& config, const LoadProgress& progress) {
  // The dry run finds a missing or misshapen tensor before gigabytes are read.
  const std::uint64_t total = G4_TRY(weight_bytes(checkpoint, config));
  const TensorNames names = G4_TRY(TensorNames::create(checkpoint, config));
  TensorLoader tensors(&backend, checkpoint, progress, total);
  return Loader(tensors, config, names).run();
}

}  // namespace g4
