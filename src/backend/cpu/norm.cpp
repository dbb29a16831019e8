// Embedding, norms, rotation and the element-wise operations.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "backend/cpu/cpu_backend.h"
#include "base/f16.h"

namespace g4::cpu {

void CpuBackend::embed(Mat out, const Weight& table, std::span<const std::int32_t> ids,
                       float scale) {
  const auto& weight = static_cast<const TiledWeight&>(table);
  assert(out.cols == weight.in && out.rows == static_cast<std::int64_t>(ids.size()));
  const auto row_bytes =
      static_cast<std::int64_t>(*byte_size(weight.dtype, static_cast<std::uint64_t>(weight.in)));
  pool_.run(out.rows, [&](std::int64_t i, int thread) {
    const std::int64_t id = ids[static_cast<std::size_t>(i)];
    assert(id >= 0 && id < weight.out);
    auto* const file = per_thread_[static_cast<std::size_t>(thread)].get<std::byte>(row_bytes);
    float* const row = out.row(i);
    unpack_row(weight.dtype, weight.tile(0, id / kTileRows), static_cast<int>(id % kTileRows),
               weight.in, file);
    dequantise(weight.dtype, file, row, static_cast<std::uint64_t>(weight.in));
    for (std::int64_t j = 0; j < out.cols; ++j) row[j] = bf16_to_f32(f32_to_bf16(row[j] * scale));
  });
}

void CpuBackend::rms_norm(Mat out, Mat x, const float* weight, float eps) {
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      kernels_.rms_norm(out.row(i), x.row(i), weight, x.cols, eps);
  });
}

void CpuBackend::add_rms_norm(Mat x, Mat y, const float* weight, float eps) {
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      kernels_.add_rms_norm(x.row(i), y.row(i), weight, x.cols, eps);
  });
}

void CpuBackend::copy(Mat out, Mat x) {
  assert(out.rows == x.rows && out.cols == x.cols);
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last) {
    std::copy(x.row(first), x.row(last), out.row(first));
  });
}

void CpuBackend::gather(Mat out, Mat x, std::span<const std::int32_t> rows) {
  assert(out.rows == static_cast<std::int64_t>(rows.size()) && out.cols == x.cols);
  for_rows(out.rows, x.cols, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      std::copy_n(x.row(rows[static_cast<std::size_t>(i)]), x.cols, out.row(i));
  });
}

void CpuBackend::add(Mat x, Mat y) {
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last) {
    kernels_.add(x.row(first), y.row(first), (last - first) * x.cols);
  });
}

void CpuBackend::scale(Mat x, float factor) {
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last) {
    kernels_.scale(x.row(first), factor, (last - first) * x.cols);
  });
}

void CpuBackend::rope_table(Mat table, Batch batch, std::span<const float> inv_freq) {
  const auto n = static_cast<std::int64_t>(inv_freq.size());
  assert(table.cols == 2 * n);
  constexpr std::int64_t kCostOfAnAngle = 40;  // sine and cosine, against a float touched
  for (const BatchSequence& sequence : batch)
    for_rows(sequence.rows, n * kCostOfAnAngle, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        const auto position = static_cast<float>(sequence.n_past + static_cast<std::uint64_t>(i));
        float* const row = table.row(sequence.first_row + i);
        for (std::int64_t j = 0; j < n; ++j) {
          // The angle is an f32 product, as in transformers; global layers turn few of their pairs.
          const float angle = position * inv_freq[static_cast<std::size_t>(j)];
          row[j] = angle == 0 ? 1.0f : static_cast<float>(std::cos(static_cast<double>(angle)));
          row[n + j] = angle == 0 ? 0.0f : static_cast<float>(std::sin(static_cast<double>(angle)));
        }
      }
    });
}

void CpuBackend::head_norm_rope(Mat x, std::int64_t head_dim, const float* weight, float eps,
                                Mat table) {
  assert(x.cols % head_dim == 0 && (!table.data || table.cols == head_dim));
  const std::int64_t half = head_dim / 2;
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      for (float* head = x.row(i); head < x.row(i) + x.cols; head += head_dim) {
        kernels_.rms_norm(head, head, weight, head_dim, eps);
        if (table.data) kernels_.rotate(head, half, table.row(i), table.row(i) + half);
      }
  });
}

}  // namespace g4::cpu
