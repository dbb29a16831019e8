#include "media/resize.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace g4 {
namespace {

constexpr int kFractionBits = 22;  // of 32, less 8 for the pixel and 2 for sign and overshoot
constexpr std::int32_t kHalf = 1 << (kFractionBits - 1);
constexpr double kSupport = 2.0;  // the kernel is zero from here on

// Keys' cubic with a = -0.5.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::fabs(x);
  if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
  if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
  return 0.0;
}

std::int32_t to_fixed(double weight) {
  return static_cast<std::int32_t>(weight * (1 << kFractionBits) + (weight < 0 ? -0.5 : 0.5));
}

std::uint8_t to_byte(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

// For each output place along one axis: which inputs it is made of, and their weights.
class Axis {
 public:
  Axis(std::int32_t from, std::int32_t to);

  std::int32_t first(std::int32_t out) const { return spans_[index(out)].first; }
  std::int32_t count(std::int32_t out) const { return spans_[index(out)].count; }
  const std::int32_t* weights(std::int32_t out) const { return &weights_[index(out) * taps_max_]; }
  std::size_t taps_max() const { return taps_max_; }

 private:
  struct Span {
    std::int32_t first, count;
  };
  static std::size_t index(std::int32_t out) { return static_cast<std::size_t>(out); }

  std::vector<Span> spans_;
  std::vector<std::int32_t> weights_;  // [to, taps_max_]
  std::size_t taps_max_;
};

Axis::Axis(std::int32_t from, std::int32_t to) {
  const double scale = static_cast<double>(from) / to;
  const double stretch = std::max(scale, 1.0);  // antialias: the kernel covers what is merged
  const double support = kSupport * stretch;
  taps_max_ = static_cast<std::size_t>(
      std::min(static_cast<std::int32_t>(std::ceil(support)) * 2 + 1, from));
  spans_.resize(index(to));
  weights_.resize(index(to) * taps_max_);
  std::vector<double> exact(taps_max_);
  const double per_stretch = 1.0 / stretch;
  for (std::int32_t out = 0; out < to; ++out) {
    const double centre = (out + 0.5) * scale;
    const std::int32_t first = std::max(static_cast<std::int32_t>(centre - support + 0.5), 0);
    const std::int32_t end = std::min(static_cast<std::int32_t>(centre + support + 0.5), from);
    const auto count = static_cast<std::size_t>(end - first);
    assert(end > first && count <= taps_max_);
    spans_[index(out)] = {first, end - first};
    double total = 0;
    for (std::size_t i = 0; i < count; ++i) {
      exact[i] = bicubic((static_cast<std::int32_t>(i) + first - centre + 0.5) * per_stretch);
      total += exact[i];
    }
    std::int32_t* fixed = &weights_[index(out) * taps_max_];
    for (std::size_t i = 0; i < count; ++i) fixed[i] = to_fixed(exact[i] / total);
  }
}

// One row of pixels to another width.
void stretch_row(const Axis& axis, const std::uint8_t* in, std::uint8_t* out, std::int32_t width) {
  for (std::int32_t x = 0; x < width; ++x) {
    const std::int32_t* weight = axis.weights(x);
    const std::uint8_t* pixel = in + std::ptrdiff_t{3} * axis.first(x);
    std::int32_t red = kHalf, green = kHalf, blue = kHalf;
    for (std::int32_t i = 0, count = axis.count(x); i < count; ++i, pixel += 3) {
      red += pixel[0] * weight[i];
      green += pixel[1] * weight[i];
      blue += pixel[2] * weight[i];
    }
    out[0] = to_byte(red);
    out[1] = to_byte(green);
    out[2] = to_byte(blue);
    out += 3;
  }
}

// Several rows of equal length, weighed, into one. `sums` is scratch of the same length.
void mix_rows(const std::vector<const std::uint8_t*>& rows, const std::int32_t* weights,
              std::vector<std::int32_t>& sums, std::uint8_t* out) {
  const std::size_t length = sums.size();
  std::int32_t* sum = sums.data();
  std::fill_n(sum, length, kHalf);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint8_t* row = rows[i];
    const std::int32_t weight = weights[i];
    for (std::size_t x = 0; x < length; ++x) sum[x] += row[x] * weight;
  }
  for (std::size_t x = 0; x < length; ++x) out[x] = to_byte(sum[x]);
}

// The rows that the kernel covers are kept stretched in a ring until it has moved past them.
void stretch_then_mix(const RgbImage& source, RgbImage& out) {
  const Axis columns(source.width, out.width);
  const Axis rows(source.height, out.height);
  const std::size_t ring_rows = rows.taps_max();
  std::vector<std::uint8_t> ring(ring_rows * out.row_bytes());
  const auto ring_row = [&](std::int32_t y) {
    return &ring[static_cast<std::size_t>(y) % ring_rows * out.row_bytes()];
  };
  std::vector<std::int32_t> sums(out.row_bytes());
  std::vector<const std::uint8_t*> covered;
  std::int32_t stretched_end = 0;
  for (std::int32_t y = 0; y < out.height; ++y) {
    const std::int32_t end = rows.first(y) + rows.count(y);
    for (; stretched_end < end; ++stretched_end)
      stretch_row(columns, source.row(stretched_end), ring_row(stretched_end), out.width);
    covered.clear();
    for (std::int32_t from = rows.first(y); from < end; ++from) covered.push_back(ring_row(from));
    mix_rows(covered, rows.weights(y), sums, out.row(y));
  }
}

void mix_then_stretch(const RgbImage& source, RgbImage& out) {
  const Axis columns(source.width, out.width);
  const Axis rows(source.height, out.height);
  std::vector<std::uint8_t> mixed(source.row_bytes());
  std::vector<std::int32_t> sums(source.row_bytes());
  std::vector<const std::uint8_t*> covered;
  for (std::int32_t y = 0; y < out.height; ++y) {
    covered.clear();
    for (std::int32_t i = 0; i < rows.count(y); ++i)
      covered.push_back(source.row(rows.first(y) + i));
    mix_rows(covered, rows.weights(y), sums, mixed.data());
    stretch_row(columns, mixed.data(), out.row(y), out.width);
  }
}

}  // namespace

RgbImage resize_bicubic(const RgbImage& source, ImageSize size) {
  assert(check_image_size(source.size()) && check_image_size(size));
  if (source.size() == size) return source;
  RgbImage out{size.width, size.height,
               std::vector<std::uint8_t>(static_cast<std::size_t>(size.pixels()) * 3)};
  const std::int32_t rows_lost = source.height - size.height;
  if (rows_lost > 0 && rows_lost > (source.width - size.width) * 2) {
    mix_then_stretch(source, out);
  } else {
    stretch_then_mix(source, out);
  }
  return out;
}

}  // namespace g4
