// The vision tower's own operations. Images' keys and values are packed as the decoder's cache
// holds them (f16, 16 positions side by side), so that the same attention kernel walks over both.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "backend/cpu/cpu_backend.h"

namespace g4::cpu {

void CpuBackend::embed_patches(Mat out, std::span<const float> patches, const PatchGrid& image,
                               const Weight& proj, const Weight& positions) {
  const auto& table = static_cast<const TiledWeight&>(positions);
  assert(out.rows == image.size() && table.experts == 2 && table.in == out.cols);
  assert(static_cast<std::int64_t>(patches.size()) == image.size() * proj.in);
  assert(std::max(image.columns, image.rows) <= table.out);
  float* const pixels = pixels_.get<float>(out.rows * proj.in);
  for_rows(out.rows, proj.in, [&](std::int64_t first, std::int64_t last) {
    std::transform(patches.begin() + first * proj.in, patches.begin() + last * proj.in,
                   pixels + first * proj.in, [](float value) { return 2 * (value - 0.5f); });
  });
  const Projection embed[] = {{&proj, out}};
  project({pixels, out.rows, proj.in}, embed);

  const auto row_bytes =
      static_cast<std::int64_t>(*byte_size(table.dtype, static_cast<std::uint64_t>(table.in)));
  pool_.run(image.rows, [&](std::int64_t y, int thread) {
    const auto floats = static_cast<std::int64_t>(sizeof(float)) * 2 * table.in;
    auto* const scratch =
        per_thread_[static_cast<std::size_t>(thread)].get<std::byte>(floats + row_bytes);
    auto* const of_y = reinterpret_cast<float*>(scratch);
    float* const of_x = of_y + table.in;
    std::byte* const file = scratch + floats;
    const auto decode = [&](std::int64_t axis, std::int64_t entry, float* values) {
      unpack_row(table.dtype, table.tile(axis, entry / kTileRows),
                 static_cast<int>(entry % kTileRows), table.in, file);
      dequantise(table.dtype, file, values, static_cast<std::uint64_t>(table.in));
    };
    decode(1, y, of_y);
    for (std::int64_t x = 0; x < image.columns; ++x) {
      decode(0, x, of_x);
      kernels_.add(of_x, of_y, table.in);
      kernels_.add(out.row(y * image.columns + x), of_x, table.in);
    }
  });
}

void CpuBackend::rope_table_2d(Mat table, Images images, std::span<const float> inv_freq) {
  const auto n = static_cast<std::int64_t>(inv_freq.size());
  assert(table.cols == 4 * n);
  constexpr std::int64_t kCostOfAnAngle = 40;  // sine and cosine, against a float touched
  for (const PatchGrid& image : images)
    for_rows(image.size(), 2 * n * kCostOfAnAngle, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) {
        float* row = table.row(image.first_row + i);
        for (const std::int64_t position : {i % image.columns, i / image.columns}) {
          for (std::int64_t j = 0; j < n; ++j) {
            // An f32 product, as in transformers.
            const float angle =
                static_cast<float>(position) * inv_freq[static_cast<std::size_t>(j)];
            row[j] = static_cast<float>(std::cos(static_cast<double>(angle)));
            row[n + j] = static_cast<float>(std::sin(static_cast<double>(angle)));
          }
          row += 2 * n;
        }
      }
    });
}

void CpuBackend::head_norm_rope_2d(Mat x, std::int64_t head_dim, const float* weight, float eps,
                                   Mat table) {
  assert(x.cols % head_dim == 0 && head_dim % 4 == 0 && table.cols == head_dim);
  const std::int64_t half = head_dim / 2, n = head_dim / 4;
  for_rows(x.rows, x.cols, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i)
      for (float* head = x.row(i); head < x.row(i) + x.cols; head += head_dim) {
        const float* const turns = table.row(i);
        kernels_.rms_norm(head, head, weight, head_dim, eps);
        kernels_.rotate(head, n, turns, turns + n);
        kernels_.rotate(head + half, n, turns + half, turns + half + n);
      }
  });
}

std::uint16_t* CpuImageKv::keys(const Image& image, std::int64_t head, std::int64_t group) const {
  return reinterpret_cast<std::uint16_t*>(k.data()) +
         (head * groups + image.first_group + group) * dim * 16;
}

std::uint16_t* CpuImageKv::values(const Image& image, std::int64_t head, std::int64_t patch) const {
  return reinterpret_cast<std::uint16_t*>(v.data()) +
         ((head * groups + image.first_group) * 16 + patch) * padded_dim;
}

namespace {

// Patches [patch, patch + rows) of an image, at rows [row, row + rows) of a call's matrices.
struct ImagePart {
  CpuImageKv::Image image;
  std::int64_t patch, row, rows;
};

// Calls f(part) for every image that has some of rows [first_row, first_row + rows).
template <class F>
void for_images(const CpuImageKv& kv, std::int64_t first_row, std::int64_t rows, F f) {
  for (const CpuImageKv::Image& image : kv.images) {
    const std::int64_t begin = std::max(first_row, image.first_row);
    const std::int64_t end = std::min(first_row + rows, image.first_row + image.patches);
    if (begin < end) f(ImagePart{image, begin - image.first_row, begin - first_row, end - begin});
  }
}

// One head of some patches of one group of an image, from patch `begin` on. k and v: from the first
// of them on, at the head's first value. What no patch fills stays zero.
void pack(const Kernels& kernels, const CpuImageKv& kv, const CpuImageKv::Image& image,
          std::int64_t head, std::int64_t begin, Mat k, Mat v) {
  std::uint16_t key[1024];
  assert(kv.dim <= 1024);
  std::uint16_t* const keys = kv.keys(image, head, begin / 16) + begin % 16;
  for (std::int64_t i = 0; i < k.rows; ++i) {
    kernels.to_f16(k.row(i), kv.dim, key);
    for (std::int64_t d = 0; d < kv.dim; ++d) keys[d * 16 + i] = key[d];
    kernels.to_f16(v.row(i), kv.dim, kv.values(image, head, begin + i));
  }
}

// One head of some patches of an image (q and out: from the first of them on, at the head's first
// value).
void attend(const Kernels& kernels, const CpuImageKv& kv, const CpuImageKv::Image& image,
            std::int64_t head, Mat out, Mat q, float scale, float* sums) {
  AttentionQuery queries[kAttentionQueries];
  std::fill_n(sums, q.rows * kv.padded_dim, 0.0f);
  for (std::int64_t i = 0; i < q.rows; ++i)
    queries[i] = {q.row(i), sums + i * kv.padded_dim, -3e38f, {}, 0, 0};
  for (std::int64_t begin = 0; begin < image.patches; begin += kAttentionPositions) {
    const auto count = static_cast<std::int32_t>(
        std::min<std::int64_t>(kAttentionPositions, image.patches - begin));
    for (std::int64_t i = 0; i < q.rows; ++i) queries[i].end = count;
    kernels.attention({.k = kv.keys(image, head, begin / 16),
                       .v = kv.values(image, head, begin),
                       .positions = count,
                       .dim = kv.dim,
                       .scale = scale,
                       .queries = queries,
                       .query_count = static_cast<std::int32_t>(q.rows)});
  }
  for (std::int64_t i = 0; i < q.rows; ++i) kernels.attention_end(queries[i], kv.dim, out.row(i));
}

// Rows of all heads, seen from one head: row() steps over whole rows.
Mat from(Mat x, std::int64_t row, std::int64_t rows, std::int64_t col) {
  return {x.row(row) + col, rows, x.cols};
}

}  // namespace

Result<std::unique_ptr<ImageKv>> CpuBackend::make_image_kv(Images images, std::int64_t heads,
                                                           std::int64_t head_dim) {
  auto kv = std::make_unique<CpuImageKv>();
  kv->heads = heads;
  kv->dim = head_dim;
  kv->padded_dim = (head_dim + 15) / 16 * 16;
  for (const PatchGrid& image : images) {
    kv->images.push_back({image.first_row, image.size(), kv->groups});
    kv->groups += (image.size() + 15) / 16;
  }
  const auto bytes = [&](std::int64_t values) {
    return static_cast<std::size_t>(heads * kv->groups * 16 * values) * sizeof(std::uint16_t);
  };
  kv->k = G4_TRY(HugeMemory::make(bytes(kv->dim)));
  kv->v = G4_TRY(HugeMemory::make(bytes(kv->padded_dim)));
  return std::unique_ptr<ImageKv>(std::move(kv));
}

void CpuBackend::store_image_kv(ImageKv& stored, std::int64_t first_row, Mat k, Mat v) {
  auto& kv = static_cast<CpuImageKv&>(stored);
  assert(k.cols == kv.heads * kv.dim && v.cols == k.cols && v.rows == k.rows);
  for_images(kv, first_row, k.rows, [&](const ImagePart& part) {
    const std::int64_t first_group = part.patch / 16, end = part.patch + part.rows;
    const std::int64_t groups = (end + 15) / 16 - first_group;
    pool_.run(kv.heads * groups, [&](std::int64_t item, int) {
      const std::int64_t head = item / groups, group = first_group + item % groups;
      const std::int64_t patch = std::max(group * 16, part.patch);
      const std::int64_t rows = std::min(group * 16 + 16, end) - patch;
      const std::int64_t row = part.row + patch - part.patch;
      pack(kernels_, kv, part.image, head, patch, from(k, row, rows, head * kv.dim),
           from(v, row, rows, head * kv.dim));
    });
  });
}

void CpuBackend::image_attention(Mat out, Mat q, const ImageKv& stored, std::int64_t first_row,
                                 float scale) {
  const auto& kv = static_cast<const CpuImageKv&>(stored);
  assert(q.cols == kv.heads * kv.dim && out.cols == q.cols);
  for_images(kv, first_row, q.rows, [&](const ImagePart& part) {
    // A head's keys and values stay in the cache while its queries pass.
    const std::int64_t blocks = (part.rows + kAttentionQueries - 1) / kAttentionQueries;
    pool_.run(kv.heads * blocks, [&](std::int64_t item, int thread) {
      const std::int64_t head = item / blocks, done = item % blocks * kAttentionQueries;
      const std::int64_t rows = std::min<std::int64_t>(kAttentionQueries, part.rows - done);
      float* const sums = per_thread_[static_cast<std::size_t>(thread)].get<float>(
          kAttentionQueries * kv.padded_dim);
      attend(kernels_, kv, part.image, head, from(out, part.row + done, rows, head * kv.dim),
             from(q, part.row + done, rows, head * kv.dim), scale, sums);
    });
  });
}

void CpuBackend::pool_patches(Mat out, Mat x, Images images, const Pooling& pooling) {
  const std::int64_t kernel = pooling.kernel;
  assert(out.cols == x.cols);
  const float share = pooling.factor / static_cast<float>(kernel * kernel);
  std::int64_t first_token = 0;
  for (const PatchGrid& image : images) {
    assert(image.columns % kernel == 0 && image.rows % kernel == 0);
    const std::int64_t across = image.columns / kernel, tokens = across * (image.rows / kernel);
    for_rows(tokens, (kernel * kernel + 2) * x.cols, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t token = first; token < last; ++token) {
        float* const sum = out.row(first_token + token);
        std::fill_n(sum, x.cols, 0.0f);
        for (std::int64_t i = 0; i < kernel * kernel; ++i) {
          const std::int64_t row = token / across * kernel + i / kernel;
          const std::int64_t column = token % across * kernel + i % kernel;
          kernels_.add(sum, x.row(image.first_row + row * image.columns + column), x.cols);
        }
        kernels_.scale(sum, share, x.cols);
        if (pooling.bias)
          for (std::int64_t j = 0; j < x.cols; ++j)
            sum[j] = (sum[j] - pooling.bias[j]) * pooling.scale[j];
      }
    });
    first_token += tokens;
  }
  assert(first_token == out.rows);
}

}  // namespace g4::cpu
