// The KV cache and attention over it.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "backend/reference/reference_backend.h"

namespace g4::reference {

Result<std::unique_ptr<KvStore>> ReferenceBackend::make_kv(const KvLayout& layout) {
  auto kv = std::make_unique<ReferenceKv>();
  kv->layout = layout;
  for (const KvLayer& layer : layout.layers) {
    const std::uint64_t blocks = layer.sliding ? layout.sliding_blocks : layout.global_blocks;
    const std::uint64_t values =
        blocks * layout.block_tokens * static_cast<std::uint64_t>(layer.kv_heads * layer.head_dim);
    kv->k.emplace_back(values);
    kv->v.emplace_back(values);
  }
  return std::unique_ptr<KvStore>(std::move(kv));
}

std::size_t ReferenceKv::offset(std::int64_t layer, const BatchSequence& sequence,
                                std::uint64_t position) const {
  const KvLayer& shape = layout.layers[static_cast<std::size_t>(layer)];
  const std::uint64_t index = position / layout.block_tokens;
  const std::uint32_t block = shape.sliding
                                  ? sequence.sliding_blocks[index % layout.sliding_ring_blocks]
                                  : sequence.global_blocks[index];
  const std::uint64_t slot =
      std::uint64_t{block} * layout.block_tokens + position % layout.block_tokens;
  return slot * static_cast<std::uint64_t>(shape.kv_heads * shape.head_dim);
}

void ReferenceBackend::store_kv(KvStore& store, std::int64_t layer, Batch batch, Mat k, Mat v) {
  auto& kv = static_cast<ReferenceKv&>(store);
  for (const BatchSequence& sequence : batch)
    for (std::int64_t i = 0; i < sequence.rows; ++i) {
      const std::size_t at =
          kv.offset(layer, sequence, sequence.n_past + static_cast<std::uint64_t>(i));
      const std::int64_t row = sequence.first_row + i;
      std::copy_n(k.row(row), k.cols, kv.k[static_cast<std::size_t>(layer)].data() + at);
      std::copy_n(v.row(row), v.cols, kv.v[static_cast<std::size_t>(layer)].data() + at);
    }
}

namespace {

struct Head {
  const float* q;  // [head_dim]
  float* out;      // [head_dim]
  std::size_t kv;  // offset of its kv head inside a position
  std::int64_t dim;
};

// One query head of the token at `position` over the positions it sees.
void attend(const ReferenceKv& kv, std::int64_t layer, const BatchSequence& sequence,
            std::uint64_t position, const Head& head, float scale) {
  const auto window = static_cast<std::uint64_t>(kv.layout.window);
  const bool sliding = kv.layout.layers[static_cast<std::size_t>(layer)].sliding;
  const std::uint64_t first = sliding && position + 1 > window ? position + 1 - window : 0;
  const std::uint64_t end = sliding ? sliding_visible_end(sequence, position) : position + 1;
  const float* keys = kv.k[static_cast<std::size_t>(layer)].data() + head.kv;
  const float* values = kv.v[static_cast<std::size_t>(layer)].data() + head.kv;

  std::vector<double> scores;
  double best = -HUGE_VAL;
  for (std::uint64_t p = first; p < end; ++p) {
    const float* key = keys + kv.offset(layer, sequence, p);
    double sum = 0;
    for (std::int64_t j = 0; j < head.dim; ++j) sum += static_cast<double>(head.q[j]) * key[j];
    scores.push_back(sum * scale);
    best = std::max(best, scores.back());
  }
  double total = 0;
  for (double& score : scores) total += score = std::exp(score - best);
  std::vector<double> sum(static_cast<std::size_t>(head.dim));
  for (std::uint64_t p = first; p < end; ++p) {
    const float* value = values + kv.offset(layer, sequence, p);
    const double share = scores[p - first] / total;
    for (std::int64_t j = 0; j < head.dim; ++j)
      sum[static_cast<std::size_t>(j)] += share * value[j];
  }
  std::transform(sum.begin(), sum.end(), head.out, [](double x) { return static_cast<float>(x); });
}

}  // namespace

void ReferenceBackend::attention(Mat out, Mat q, const KvStore& store, std::int64_t layer,
                                 Batch batch, float scale) {
  const auto& kv = static_cast<const ReferenceKv&>(store);
  const KvLayer& shape = kv.layout.layers[static_cast<std::size_t>(layer)];
  const std::int64_t dim = shape.head_dim, heads = q.cols / dim, group = heads / shape.kv_heads;
  assert(heads * dim == q.cols && group * shape.kv_heads == heads);
  for (const BatchSequence& sequence : batch)
    for (std::int64_t i = 0; i < sequence.rows; ++i)
      for (std::int64_t h = 0; h < heads; ++h) {
        const std::int64_t row = sequence.first_row + i;
        const Head head{q.row(row) + h * dim, out.row(row) + h * dim,
                        static_cast<std::size_t>(h / group * dim), dim};
        attend(kv, layer, sequence, sequence.n_past + static_cast<std::uint64_t>(i), head, scale);
      }
}

}  // namespace g4::reference
