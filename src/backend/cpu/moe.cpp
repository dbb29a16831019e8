// The router and the experts.
#include <algorithm>
#include <cassert>
#include <cmath>

#include "backend/cpu/cpu_backend.h"

namespace g4::cpu {
namespace {

// Softmax over the experts and the k best of them (ties: the lower index), renormalised.
void choose(const float* scores, const RouterWeights& router, double* p, std::int32_t* experts,
            float* weights) {
  const std::int64_t n = router.experts, k = router.top_k;
  const double best = *std::max_element(scores, scores + n);
  for (std::int64_t e = 0; e < n; ++e) p[e] = std::exp(static_cast<double>(scores[e]) - best);
  double chosen = 0;
  for (std::int64_t j = 0; j < k; ++j) {
    const std::int64_t e = std::max_element(p, p + n) - p;
    experts[j] = static_cast<std::int32_t>(e);
    chosen += p[e];
    // Kept in weights as a score until the sum is known; -1 takes it out of the race.
    weights[j] = static_cast<float>(p[e]);
    p[e] = -1;
  }
  for (std::int64_t j = 0; j < k; ++j)
    weights[j] = static_cast<float>(static_cast<double>(weights[j]) / chosen *
                                    static_cast<double>(router.per_expert_scale[experts[j]]));
}

}  // namespace

Routing CpuBackend::route(Mat x, const RouterWeights& router, float eps) {
  const std::int64_t k = router.top_k, n = router.experts, hidden = x.cols;
  assert(k <= n);
  routed_experts_.resize(static_cast<std::size_t>(x.rows * k));
  routed_weights_.resize(static_cast<std::size_t>(x.rows * k));
  const auto root = static_cast<float>(1.0 / std::sqrt(static_cast<double>(hidden)));
  float* const t = hidden_.get<float>(x.rows * hidden);
  float* const scores = expert_out_.get<float>(x.rows * n);
  for_rows(x.rows, 2 * hidden, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t i = first; i < last; ++i) {
      kernels_.rms_norm(t + i * hidden, x.row(i), nullptr, hidden, eps);
      kernels_.multiply(t + i * hidden, t + i * hidden, router.scale, root, hidden);
    }
  });
  // Few rows: the experts are shared out too.
  constexpr std::int64_t kRowsTogether = 24;
  if (x.rows < kRowsTogether) {
    constexpr std::int64_t kExpertsTogether = 16;
    const std::int64_t parts = (n + kExpertsTogether - 1) / kExpertsTogether;
    pool_.run(parts * x.rows, [&](std::int64_t item, int) {
      const std::int64_t i = item / parts, e = item % parts * kExpertsTogether;
      kernels_.dots(scores + i * n + e, router.proj + e * hidden, std::min(kExpertsTogether, n - e),
                    t + i * hidden, 1, hidden);
    });
  }
  pool_.run((x.rows + kRowsTogether - 1) / kRowsTogether, [&](std::int64_t item, int thread) {
    const std::int64_t first = item * kRowsTogether;
    const std::int64_t last = std::min(first + kRowsTogether, x.rows);
    if (x.rows >= kRowsTogether)
      kernels_.dots(scores + first * n, router.proj, n, t + first * hidden, last - first, hidden);
    auto* const p = per_thread_[static_cast<std::size_t>(thread)].get<double>(n);
    for (std::int64_t i = first; i < last; ++i)
      choose(scores + i * n, router, p, routed_experts_.data() + i * k,
             routed_weights_.data() + i * k);
  });
  return {k, routed_experts_, routed_weights_};
}

// A slot is one (row, j). Slots are sorted by expert, so that an expert's tiles are read once for
// all its rows; a slot's results have their own place, and each row adds up its k slots in order.
void CpuBackend::moe_ffn(Mat out, Mat x, const Routing& routing, const Weight& gate_up,
                         const Weight& down) {
  const auto& first = static_cast<const TiledWeight&>(gate_up);
  const auto& second = static_cast<const TiledWeight&>(down);
  const std::int64_t width = first.out / 2, k = routing.k, slots = x.rows * k;
  assert(second.in == width && second.out == out.cols && first.in == x.cols);
  assert(static_cast<std::int64_t>(routing.experts.size()) >= slots);

  // Counting sort.
  expert_begin_.assign(static_cast<std::size_t>(first.experts) + 1, 0);
  by_expert_.resize(static_cast<std::size_t>(slots));
  for (std::int64_t s = 0; s < slots; ++s)
    ++expert_begin_[static_cast<std::size_t>(routing.experts[static_cast<std::size_t>(s)]) + 1];
  for (std::size_t e = 1; e < expert_begin_.size(); ++e) expert_begin_[e] += expert_begin_[e - 1];
  for (std::int64_t s = 0; s < slots; ++s) {
    const auto e = static_cast<std::size_t>(routing.experts[static_cast<std::size_t>(s)]);
    by_expert_[static_cast<std::size_t>(expert_begin_[e]++)] = static_cast<std::int32_t>(s);
  }  // expert_begin_[e] is now where expert e ends

  float* const hidden = hidden_.get<float>(slots * 2 * width);
  float* const y = expert_out_.get<float>(slots * second.out);
  x_pointers_.resize(static_cast<std::size_t>(slots));
  out_pointers_.resize(static_cast<std::size_t>(slots));

  const auto run = [&](const TiledWeight& weight) {
    products_.clear();
    std::int32_t begin = 0;
    for (std::int64_t e = 0; e < weight.experts; ++e) {
      const std::int32_t end = expert_begin_[static_cast<std::size_t>(e)];
      if (end > begin)
        products_.push_back({.weight = &weight,
                             .expert = e,
                             .x = x_pointers_.data() + begin,
                             .out = out_pointers_.data() + begin,
                             .columns = end - begin});
      begin = end;
    }
    multiply(products_);
  };

  const Columns columns = prepare(x, column_form(first.dtype, kernels_), 0);
  for (std::size_t i = 0; i < by_expert_.size(); ++i) {
    x_pointers_[i] = columns.column(by_expert_[i] / k);
    out_pointers_[i] = hidden + by_expert_[i] * 2 * width;
  }
  run(first);
  const Columns gated = prepare_geglu(hidden, slots, width, column_form(second.dtype, kernels_));
  for (std::size_t i = 0; i < by_expert_.size(); ++i) {
    x_pointers_[i] = gated.column(by_expert_[i]);
    out_pointers_[i] = y + by_expert_[i] * second.out;
  }
  run(second);
  for_rows(x.rows, k * out.cols, [&](std::int64_t row, std::int64_t last) {
    for (; row < last; ++row)
      kernels_.weighted_sum(out.row(row), y + row * k * out.cols, routing.weights.data() + row * k,
                            k, out.cols);
  });
}

}  // namespace g4::cpu
