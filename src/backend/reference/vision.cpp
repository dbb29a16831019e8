// The vision tower's own operations: patches, positions in two dimensions, attention that sees a
// whole image, pooling.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "backend/reference/reference_backend.h"

namespace g4::reference {

void ReferenceBackend::embed_patches(Mat out, std::span<const float> patches,
                                     const PatchGrid& image, const Weight& proj,
                                     const Weight& positions) {
  const auto& table = static_cast<const RowWeight&>(positions);
  assert(out.rows == image.size() && table.experts == 2 && table.in == out.cols);
  assert(static_cast<std::int64_t>(patches.size()) == image.size() * proj.in);
  assert(std::max(image.columns, image.rows) <= table.out);
  std::vector<float> pixels(patches.size());
  std::transform(patches.begin(), patches.end(), pixels.begin(),
                 [](float value) { return 2 * (value - 0.5F); });
  const Projection embed[] = {{&proj, out}};
  project({pixels.data(), out.rows, proj.in}, embed);

  std::vector<float> of_x(static_cast<std::size_t>(out.cols)), of_y(of_x.size());
  for (std::int64_t i = 0; i < out.rows; ++i) {
    table.decode(0, i % image.columns, of_x.data());
    table.decode(1, i / image.columns, of_y.data());
    for (std::size_t j = 0; j < of_x.size(); ++j) out.row(i)[j] += of_x[j] + of_y[j];
  }
}

void ReferenceBackend::rope_table_2d(Mat table, Images images, std::span<const float> inv_freq) {
  const auto n = static_cast<std::int64_t>(inv_freq.size());
  assert(table.cols == 4 * n);
  for (const PatchGrid& image : images)
    for (std::int64_t i = 0; i < image.size(); ++i) {
      float* row = table.row(image.first_row + i);
      for (const std::int64_t position : {i % image.columns, i / image.columns}) {
        for (std::int64_t j = 0; j < n; ++j) {
          // An f32 product, as in transformers.
          const float angle = static_cast<float>(position) * inv_freq[static_cast<std::size_t>(j)];
          row[j] = static_cast<float>(std::cos(static_cast<double>(angle)));
          row[n + j] = static_cast<float>(std::sin(static_cast<double>(angle)));
        }
        row += 2 * n;
      }
    }
}

void ReferenceBackend::head_norm_rope_2d(Mat x, std::int64_t head_dim, const float* weight,
                                         float eps, Mat table) {
  assert(x.cols % head_dim == 0 && head_dim % 4 == 0 && table.cols == head_dim);
  const std::int64_t half = head_dim / 2, n = head_dim / 4;
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (float* head = x.row(i); head < x.row(i) + x.cols; head += head_dim) {
      rms_norm({head, 1, head_dim}, {head, 1, head_dim}, weight, eps);
      for (std::int64_t axis = 0; axis < 2; ++axis) {
        float* const part = head + axis * half;
        const float *cosine = table.row(i) + axis * half, *sine = cosine + n;
        for (std::int64_t j = 0; j < n; ++j) {
          const float a = part[j], b = part[j + n];
          part[j] = a * cosine[j] - b * sine[j];
          part[j + n] = b * cosine[j] + a * sine[j];
        }
      }
    }
}

namespace {

// One head of one row over all `rows` keys and values, `stride` values apart.
struct Sight {
  const float *k, *v;
  std::int64_t rows, stride, dim;
};

void look(const Sight& sight, const float* q, float* out, float scale) {
  std::vector<double> scores;
  for (std::int64_t i = 0; i < sight.rows; ++i)
    scores.push_back(dot(q, sight.k + i * sight.stride, sight.dim) * static_cast<double>(scale));
  const double best = *std::max_element(scores.begin(), scores.end());
  double total = 0;
  for (double& score : scores) total += score = std::exp(score - best);
  std::vector<double> sum(static_cast<std::size_t>(sight.dim));
  for (std::int64_t i = 0; i < sight.rows; ++i)
    for (std::int64_t j = 0; j < sight.dim; ++j)
      sum[static_cast<std::size_t>(j)] += scores[static_cast<std::size_t>(i)] / total *
                                          static_cast<double>(sight.v[i * sight.stride + j]);
  std::transform(sum.begin(), sum.end(), out, [](double x) { return static_cast<float>(x); });
}

}  // namespace

Result<std::unique_ptr<ImageKv>> ReferenceBackend::make_image_kv(Images images, std::int64_t heads,
                                                                 std::int64_t head_dim) {
  auto kv = std::make_unique<ReferenceImageKv>();
  kv->images.assign(images.begin(), images.end());
  kv->head_dim = head_dim;
  kv->cols = heads * head_dim;
  std::int64_t rows = 0;
  for (const PatchGrid& image : images) rows = std::max(rows, image.first_row + image.size());
  kv->k.resize(static_cast<std::size_t>(rows * kv->cols));
  kv->v.resize(kv->k.size());
  return std::unique_ptr<ImageKv>(std::move(kv));
}

void ReferenceBackend::store_image_kv(ImageKv& kv, std::int64_t first_row, Mat k, Mat v) {
  auto& stored = static_cast<ReferenceImageKv&>(kv);
  assert(k.cols == stored.cols && v.cols == stored.cols && v.rows == k.rows);
  assert((first_row + k.rows) * k.cols <= std::ssize(stored.k));
  std::copy_n(k.data, k.rows * k.cols, stored.k.begin() + first_row * k.cols);
  std::copy_n(v.data, v.rows * v.cols, stored.v.begin() + first_row * v.cols);
}

void ReferenceBackend::image_attention(Mat out, Mat q, const ImageKv& kv, std::int64_t first_row,
                                       float scale) {
  const auto& stored = static_cast<const ReferenceImageKv&>(kv);
  assert(q.cols == stored.cols && out.cols == q.cols);
  for (std::int64_t i = 0; i < q.rows; ++i) {
    const auto holds = [row = first_row + i](const PatchGrid& image) {
      return image.first_row <= row && row < image.first_row + image.size();
    };
    const auto image = std::ranges::find_if(stored.images, holds);
    assert(image != stored.images.end());
    for (std::int64_t at = 0; at < q.cols; at += stored.head_dim) {
      const std::int64_t begin = image->first_row * q.cols + at;
      look({stored.k.data() + begin, stored.v.data() + begin, image->size(), q.cols,
            stored.head_dim},
           q.row(i) + at, out.row(i) + at, scale);
    }
  }
}

void ReferenceBackend::pool_patches(Mat out, Mat x, Images images, const Pooling& pooling) {
  const std::int64_t kernel = pooling.kernel;
  std::int64_t token = 0;
  for (const PatchGrid& image : images) {
    assert(image.columns % kernel == 0 && image.rows % kernel == 0);
    for (std::int64_t top = 0; top < image.rows; top += kernel)
      for (std::int64_t left = 0; left < image.columns; left += kernel, ++token)
        for (std::int64_t j = 0; j < x.cols; ++j) {
          double sum = 0;
          for (std::int64_t dy = 0; dy < kernel; ++dy)
            for (std::int64_t dx = 0; dx < kernel; ++dx)
              sum += x.row(image.first_row + (top + dy) * image.columns + left + dx)[j];
          double value =
              sum / static_cast<double>(kernel * kernel) * static_cast<double>(pooling.factor);
          if (pooling.bias) value = (value - pooling.bias[j]) * pooling.scale[j];
          out.row(token)[j] = static_cast<float>(value);
        }
  }
  assert(token == out.rows && out.cols == x.cols);
}

}  // namespace g4::reference
