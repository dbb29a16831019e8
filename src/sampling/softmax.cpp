#include "sampling/softmax.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace g4 {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr std::size_t kLanes = 8;
constexpr std::size_t kBlock = 1024;

// Cephes' expf: 2^n * p(r) with |r| <= ln(2)/2; n is rounded by adding 1.5 * 2^23.
inline float exp_inline(float x) {
  const float t = x > -87.0F ? x : -87.0F;
  const float n = (t * 1.44269504F + 12582912.0F) - 12582912.0F;
  const float r = (t - n * 0.693359375F) + n * 2.12194440e-4F;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const auto exponent = static_cast<std::int32_t>(n) + 127;
  const float scale = std::bit_cast<float>(exponent << 23);
  return x > -87.0F ? p * scale : 0.0F;
}

float sum_lanes(const float (&lanes)[kLanes]) {
  float sum = 0;
  for (const float lane : lanes) sum += lane;
  return sum;
}

}  // namespace

float exp_nonpositive(float x) { return exp_inline(x); }

void make_comparable(std::span<float> logits) {
  constexpr float kLargest = std::numeric_limits<float>::max();
  for (float& x : logits) {
    const float ordered = x == x ? x : kMinusInfinity;
    x = ordered < kLargest ? ordered : kLargest;
  }
}

float max_of(std::span<const float> values) {
  float lanes[kLanes];
  std::fill_n(lanes, kLanes, kMinusInfinity);
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes)
    for (std::size_t l = 0; l < kLanes; ++l)
      lanes[l] = values[i + l] > lanes[l] ? values[i + l] : lanes[l];
  for (; i < values.size(); ++i) lanes[0] = values[i] > lanes[0] ? values[i] : lanes[0];
  return *std::max_element(lanes, lanes + kLanes);
}

std::size_t argmax(std::span<const float> values) {
  const float max = max_of(values);
  return static_cast<std::size_t>(std::find(values.begin(), values.end(), max) - values.begin());
}

float log_sum_exp(std::span<const float> values) {
  const float max = std::min(max_of(values), std::numeric_limits<float>::max());
  if (max == kMinusInfinity) return 0;
  const auto weight = [max](float x) {
    const float difference = x - max;
    return exp_inline(difference > 0 ? 0 : difference);  // above 0 only for +inf
  };
  double sum = 0;
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, values.size());
    float lanes[kLanes] = {};
    std::size_t i = begin;
    for (; i + kLanes <= end; i += kLanes)
      for (std::size_t l = 0; l < kLanes; ++l) lanes[l] += weight(values[i + l]);
    for (; i < end; ++i) lanes[0] += weight(values[i]);
    sum += static_cast<double>(sum_lanes(lanes));
  }
  return static_cast<float>(static_cast<double>(max) + std::log(sum));
}

std::uint32_t rank_of(std::span<const float> values, TokenId id) {
  const auto at = static_cast<std::size_t>(id);
  std::uint32_t before = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool lower_id = i < at;
    before += values[i] > values[at] || (lower_id && values[i] == values[at]) ? 1U : 0U;
  }
  return before + 1;
}

double exponentiate(std::span<float> values, float max, float temperature) {
  double sum = 0;
  for (std::size_t begin = 0; begin < values.size(); begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, values.size());
    float lanes[kLanes] = {};
    std::size_t i = begin;
    for (; i + kLanes <= end; i += kLanes) {
      for (std::size_t l = 0; l < kLanes; ++l) {
        values[i + l] = exp_inline((values[i + l] - max) / temperature);
        lanes[l] += values[i + l];
      }
    }
    for (; i < end; ++i) {
      values[i] = exp_inline((values[i] - max) / temperature);
      lanes[0] += values[i];
    }
    sum += static_cast<double>(sum_lanes(lanes));
  }
  return sum;
}

double keep_until(std::span<float> weights, const Candidate& cut, float least) {
  double sum = 0;
  // Among equals the lower ids stay: `edge` is the least weight kept up to cut.id, and behind it.
  const auto keep = [&](std::size_t begin, std::size_t end, float edge) {
    for (std::size_t block = begin; block < end; block += kBlock) {
      const std::size_t block_end = std::min(block + kBlock, end);
      float lanes[kLanes] = {};
      std::size_t i = block;
      for (; i + kLanes <= block_end; i += kLanes) {
        for (std::size_t l = 0; l < kLanes; ++l) {
          weights[i + l] = weights[i + l] >= edge ? weights[i + l] : 0.0F;
          lanes[l] += weights[i + l];
        }
      }
      for (; i < block_end; ++i) {
        weights[i] = weights[i] >= edge ? weights[i] : 0.0F;
        lanes[0] += weights[i];
      }
      sum += static_cast<double>(sum_lanes(lanes));
    }
  };
  const std::size_t up_to = std::min(static_cast<std::size_t>(cut.id) + 1, weights.size());
  const float above = std::nextafter(cut.value, std::numeric_limits<float>::infinity());
  keep(0, up_to, std::max(cut.value, least));
  keep(up_to, weights.size(), std::max(above, least));
  return sum;
}

// Keeps a pool of at most 2k + 256 candidates; when it is full the best k stay and their worst
// value becomes the threshold, after which whole groups of values are skipped by their maximum.
void select_best(std::span<const float> values, std::size_t k, std::vector<Candidate>& best) {
  constexpr std::size_t kGroup = 64;
  k = std::min(k, values.size());
  best.clear();
  if (k == 0) return;
  const std::size_t pool_max = std::min(2 * k + 256, values.size());
  best.reserve(pool_max);
  float threshold = kMinusInfinity;
  bool cut = false;
  for (std::size_t begin = 0; begin < values.size(); begin += kGroup) {
    const auto group = values.subspan(begin, std::min(kGroup, values.size() - begin));
    if (cut && !(max_of(group) > threshold)) continue;
    for (std::size_t i = 0; i < group.size(); ++i) {
      const float value = group[i] == group[i] ? group[i] : kMinusInfinity;
      if (cut && !(value > threshold)) continue;
      best.push_back({value, static_cast<TokenId>(begin + i)});
      if (best.size() < pool_max || k == pool_max) continue;
      std::nth_element(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(k - 1), best.end(),
                       better);
      best.resize(k);
      threshold = best.back().value;
      cut = true;
    }
  }
  if (best.size() > k) {
    std::nth_element(best.begin(), best.begin() + static_cast<std::ptrdiff_t>(k - 1), best.end(),
                     better);
    best.resize(k);
  }
  std::sort(best.begin(), best.end(), better);
}

}  // namespace g4
