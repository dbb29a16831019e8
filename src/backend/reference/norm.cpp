// Norms, rotation and the element-wise operations.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "backend/reference/reference_backend.h"
#include "base/f16.h"

namespace g4::reference {
namespace {

void rms_norm_row(float* out, const float* x, std::int64_t n, const float* weight, float eps) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * x[i];
  const double factor = 1.0 / std::sqrt(sum / static_cast<double>(n) + eps);
  for (std::int64_t i = 0; i < n; ++i) {
    const double value = x[i] * factor;
    out[i] = static_cast<float>(weight ? value * weight[i] : value);
  }
}

}  // namespace

void ReferenceBackend::embed(Mat out, const Weight& table, std::span<const std::int32_t> ids,
                             float scale) {
  const auto& rows = static_cast<const RowWeight&>(table);
  assert(out.cols == rows.in && out.rows == static_cast<std::int64_t>(ids.size()));
  for (std::int64_t i = 0; i < out.rows; ++i) {
    rows.decode(0, ids[static_cast<std::size_t>(i)], out.row(i));
    for (std::int64_t j = 0; j < out.cols; ++j)
      out.row(i)[j] = bf16_to_f32(f32_to_bf16(out.row(i)[j] * scale));
  }
}

void ReferenceBackend::rms_norm(Mat out, Mat x, const float* weight, float eps) {
  for (std::int64_t i = 0; i < x.rows; ++i) rms_norm_row(out.row(i), x.row(i), x.cols, weight, eps);
}

void ReferenceBackend::add_rms_norm(Mat x, Mat y, const float* weight, float eps) {
  std::vector<float> normed(static_cast<std::size_t>(x.cols));
  for (std::int64_t i = 0; i < x.rows; ++i) {
    rms_norm_row(normed.data(), y.row(i), x.cols, weight, eps);
    for (std::int64_t j = 0; j < x.cols; ++j) x.row(i)[j] += normed[static_cast<std::size_t>(j)];
  }
}

void ReferenceBackend::copy(Mat out, Mat x) { std::copy_n(x.data, x.rows * x.cols, out.data); }

void ReferenceBackend::gather(Mat out, Mat x, std::span<const std::int32_t> rows) {
  for (std::int64_t i = 0; i < out.rows; ++i)
    std::copy_n(x.row(rows[static_cast<std::size_t>(i)]), x.cols, out.row(i));
}

void ReferenceBackend::add(Mat x, Mat y) {
  for (std::int64_t i = 0; i < x.rows * x.cols; ++i) x.data[i] += y.data[i];
}

void ReferenceBackend::scale(Mat x, float factor) {
  for (std::int64_t i = 0; i < x.rows * x.cols; ++i) x.data[i] *= factor;
}

void ReferenceBackend::rope_table(Mat table, Batch batch, std::span<const float> inv_freq) {
  const auto n = static_cast<std::int64_t>(inv_freq.size());
  assert(table.cols == 2 * n);
  for (const BatchSequence& sequence : batch)
    for (std::int64_t i = 0; i < sequence.rows; ++i) {
      const auto position = static_cast<float>(sequence.n_past + static_cast<std::uint64_t>(i));
      float* row = table.row(sequence.first_row + i);
      for (std::int64_t j = 0; j < n; ++j) {
        // The angle is an f32 product, as in transformers: at large positions its rounding matters.
        const float angle = position * inv_freq[static_cast<std::size_t>(j)];
        row[j] = static_cast<float>(std::cos(static_cast<double>(angle)));
        row[n + j] = static_cast<float>(std::sin(static_cast<double>(angle)));
      }
    }
}

void ReferenceBackend::head_norm_rope(Mat x, std::int64_t head_dim, const float* weight, float eps,
                                      Mat table) {
  assert(x.cols % head_dim == 0);
  const std::int64_t half = head_dim / 2;
  assert(!table.data || table.cols == head_dim);
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (float* head = x.row(i); head < x.row(i) + x.cols; head += head_dim) {
      rms_norm_row(head, head, head_dim, weight, eps);
      if (!table.data) continue;
      const float *cosine = table.row(i), *sine = cosine + half;
      for (std::int64_t j = 0; j < half; ++j) {
        const float a = head[j], b = head[j + half];
        head[j] = a * cosine[j] - b * sine[j];
        head[j + half] = b * cosine[j] + a * sine[j];
      }
    }
}

}  // namespace g4::reference
