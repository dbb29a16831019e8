// The KV cache and attention over it.
#include <algorithm>
#include <cassert>

#include "backend/cpu/cpu_backend.h"

namespace g4::cpu {

std::uint32_t CpuKv::block_of(std::int64_t layer, const BatchSequence& sequence,
                              std::uint64_t position) const {
  const std::uint64_t index = position / layout.block_tokens;
  if (layout.layers[static_cast<std::size_t>(layer)].sliding)
    return sequence.sliding_blocks[index % layout.sliding_ring_blocks];
  return sequence.global_blocks[index];
}

std::uint16_t* CpuKv::keys(std::int64_t layer, std::uint32_t block, std::int64_t head) const {
  const KvLayer& shape = layout.layers[static_cast<std::size_t>(layer)];
  const std::int64_t index = (std::int64_t{block} * shape.kv_heads + head) * groups * 16;
  return reinterpret_cast<std::uint16_t*>(layers[static_cast<std::size_t>(layer)].k.data()) +
         index * shape.head_dim;
}

std::uint16_t* CpuKv::values(std::int64_t layer, std::uint32_t block, std::int64_t head) const {
  const KvLayer& shape = layout.layers[static_cast<std::size_t>(layer)];
  const Layer& memory = layers[static_cast<std::size_t>(layer)];
  const std::int64_t index = (std::int64_t{block} * shape.kv_heads + head) * groups * 16;
  return reinterpret_cast<std::uint16_t*>(memory.v.data()) + index * memory.padded_dim;
}

Result<std::unique_ptr<KvStore>> CpuBackend::make_kv(const KvLayout& layout) {
  load_buffers_.clear();  // the weights are there
  auto kv = std::make_unique<CpuKv>();
  kv->layout = layout;
  kv->groups = (layout.block_tokens + 15) / 16;
  for (const KvLayer& shape : layout.layers) {
    const std::uint32_t blocks = shape.sliding ? layout.sliding_blocks : layout.global_blocks;
    const std::int64_t padded = (shape.head_dim + 15) / 16 * 16;
    const std::int64_t positions = std::int64_t{blocks} * shape.kv_heads * kv->groups * 16;
    CpuKv::Layer layer;
    layer.padded_dim = padded;
    layer.k = G4_TRY(HugeMemory::make(static_cast<std::size_t>(positions * shape.head_dim) * 2));
    layer.v = G4_TRY(HugeMemory::make(static_cast<std::size_t>(positions * padded) * 2));
    kv->layers.push_back(std::move(layer));
  }
  return std::unique_ptr<KvStore>(std::move(kv));
}

void CpuBackend::store_kv(KvStore& store, std::int64_t layer, Batch batch, Mat k, Mat v) {
  auto& kv = static_cast<CpuKv&>(store);
  const KvLayer& shape = kv.layout.layers[static_cast<std::size_t>(layer)];
  const std::int64_t dim = shape.head_dim;
  const std::int64_t padded = kv.layers[static_cast<std::size_t>(layer)].padded_dim;
  assert(k.cols == shape.kv_heads * dim && v.cols == k.cols);
  for (const BatchSequence& sequence : batch)
    for_rows(sequence.rows, 4 * k.cols, [&](std::int64_t first, std::int64_t last) {
      std::uint16_t key[1024];
      assert(dim <= 1024);
      for (std::int64_t i = first; i < last; ++i) {
        const std::uint64_t position = sequence.n_past + static_cast<std::uint64_t>(i);
        const std::uint32_t block = kv.block_of(layer, sequence, position);
        const auto slot = static_cast<std::int64_t>(position % kv.layout.block_tokens);
        const std::int64_t row = sequence.first_row + i;
        for (std::int64_t head = 0; head < shape.kv_heads; ++head) {
          kernels_.to_f16(k.row(row) + head * dim, dim, key);
          std::uint16_t* const keys =
              kv.keys(layer, block, head) + slot / 16 * dim * 16 + slot % 16;
          for (std::int64_t d = 0; d < dim; ++d) keys[d * 16] = key[d];
          kernels_.to_f16(v.row(row) + head * dim, dim,
                          kv.values(layer, block, head) + slot * padded);
        }
      }
    });
}

namespace {

// The queries of one item: rows of a sequence and all query heads of one kv head.
struct Item {
  const BatchSequence* sequence;
  std::int64_t first_row, rows;  // within the sequence
  std::int64_t kv_head;
};

struct AttentionCall {
  const Kernels& kernels;
  const CpuKv& kv;
  std::int64_t layer;
  Mat out, q;
  float scale;
  std::int64_t group;  // query heads of a kv head

  const KvLayer& shape() const { return kv.layout.layers[static_cast<std::size_t>(layer)]; }
};

// First position that the token at `position` sees.
std::uint64_t first_visible(const AttentionCall& call, std::uint64_t position) {
  const auto window = static_cast<std::uint64_t>(call.kv.layout.window);
  return call.shape().sliding && position + 1 > window ? position + 1 - window : 0;
}

// One past the last position that the token at `position` sees.
std::uint64_t visible_end(const AttentionCall& call, const Item& item, std::uint64_t position) {
  return call.shape().sliding ? sliding_visible_end(*item.sequence, position) : position + 1;
}

// One run of positions [begin, end) of a block, given by the position of the run's first one.
void attend_run(const AttentionCall& call, const Item& item, std::uint64_t begin,
                std::int64_t count, AttentionQuery* queries) {
  const CpuKv& kv = call.kv;
  const std::int64_t dim = call.shape().head_dim;
  const std::uint32_t block = kv.block_of(call.layer, *item.sequence, begin);
  const auto slot = static_cast<std::int64_t>(begin % kv.layout.block_tokens);
  const std::int64_t padded = kv.layers[static_cast<std::size_t>(call.layer)].padded_dim;
  for (std::int64_t i = 0; i < item.rows; ++i) {
    const std::uint64_t position =
        item.sequence->n_past + static_cast<std::uint64_t>(item.first_row + i);
    const auto in_run = [&](std::uint64_t p) {
      return p <= begin ? 0
                        : static_cast<std::int32_t>(std::min<std::uint64_t>(
                              p - begin, static_cast<std::uint64_t>(count)));
    };
    for (std::int64_t h = 0; h < call.group; ++h) {
      AttentionQuery& query = queries[i * call.group + h];
      query.begin = in_run(first_visible(call, position));
      query.end = in_run(visible_end(call, item, position));
    }
  }
  call.kernels.attention({.k = kv.keys(call.layer, block, item.kv_head) + slot * dim,
                          .v = kv.values(call.layer, block, item.kv_head) + slot * padded,
                          .positions = static_cast<std::int32_t>(count),
                          .dim = dim,
                          .scale = call.scale,
                          .queries = queries,
                          .query_count = static_cast<std::int32_t>(item.rows * call.group)});
}

void attend(const AttentionCall& call, const Item& item, float* sums) {
  const std::int64_t dim = call.shape().head_dim;
  const std::int64_t padded = call.kv.layers[static_cast<std::size_t>(call.layer)].padded_dim;
  AttentionQuery queries[kAttentionQueries];
  const std::int64_t count = item.rows * call.group;
  std::fill_n(sums, count * padded, 0.0f);
  for (std::int64_t n = 0; n < count; ++n) {
    const std::int64_t row = item.sequence->first_row + item.first_row + n / call.group;
    const std::int64_t head = item.kv_head * call.group + n % call.group;
    // The lowest finite score: what no position has seen yet is multiplied by e^(lowest - best) =
    // 0.
    queries[n] = {call.q.row(row) + head * dim, sums + n * padded, -3e38f, {}, 0, 0};
  }
  // Runs end at multiples of kAttentionPositions within a block, wherever a step begins.
  const std::uint64_t first_position =
      item.sequence->n_past + static_cast<std::uint64_t>(item.first_row);
  const std::uint64_t end =  // no row before the last sees further
      visible_end(call, item, first_position + static_cast<std::uint64_t>(item.rows) - 1);
  const std::uint64_t block_tokens = call.kv.layout.block_tokens;
  const std::uint64_t lowest = first_visible(call, first_position);
  std::uint64_t begin =
      lowest - lowest % block_tokens % static_cast<std::uint64_t>(kAttentionPositions);
  while (begin < end) {
    const std::uint64_t in_block = block_tokens - begin % block_tokens;
    const std::uint64_t run = std::min({in_block, std::uint64_t{kAttentionPositions}, end - begin});
    attend_run(call, item, begin, static_cast<std::int64_t>(run), queries);
    begin += run;
  }
  for (std::int64_t n = 0; n < count; ++n) {
    const std::int64_t row = item.sequence->first_row + item.first_row + n / call.group;
    const std::int64_t head = item.kv_head * call.group + n % call.group;
    call.kernels.attention_end(queries[n], dim, call.out.row(row) + head * dim);
  }
}

}  // namespace

void CpuBackend::attention(Mat out, Mat q, const KvStore& store, std::int64_t layer, Batch batch,
                           float scale) {
  const auto& kv = static_cast<const CpuKv&>(store);
  const KvLayer& shape = kv.layout.layers[static_cast<std::size_t>(layer)];
  const std::int64_t heads = q.cols / shape.head_dim, group = heads / shape.kv_heads;
  assert(heads * shape.head_dim == q.cols && group * shape.kv_heads == heads);
  assert(group <= kAttentionQueries);
  const AttentionCall call{kernels_, kv, layer, out, q, scale, group};
  const std::int64_t padded = kv.layers[static_cast<std::size_t>(layer)].padded_dim;

  // Items of at most kAttentionQueries queries: (sequence, rows, kv head).
  const std::int64_t rows_together = kAttentionQueries / group;
  first_item_.assign(1, 0);
  for (const BatchSequence& sequence : batch)
    first_item_.push_back(first_item_.back() +
                          (sequence.rows + rows_together - 1) / rows_together * shape.kv_heads);
  pool_.run(first_item_.back(), [&](std::int64_t i, int thread) {
    // The last rows see most and come first, so that the end is short work.
    const std::int64_t item = first_item_.back() - 1 - i;
    const auto next = std::upper_bound(first_item_.begin(), first_item_.end(), item);
    const auto index = static_cast<std::size_t>(next - first_item_.begin() - 1);
    const BatchSequence& sequence = batch[index];
    const std::int64_t in_sequence = item - first_item_[index];
    const std::int64_t row = in_sequence / shape.kv_heads * rows_together;
    attend(call,
           {&sequence, row, std::min(rows_together, sequence.rows - row),
            in_sequence % shape.kv_heads},
           per_thread_[static_cast<std::size_t>(thread)].get<float>(kAttentionQueries * padded));
  });
}

}  // namespace g4::cpu
