// The router and the experts.
#include <algorithm>
#include <cassert>
#include <cmath>
#include <numeric>

#include "backend/reference/reference_backend.h"

namespace g4::reference {

Routing ReferenceBackend::route(Mat x, const RouterWeights& router, float eps) {
  const std::int64_t k = router.top_k, hidden = x.cols;
  routed_experts_.assign(static_cast<std::size_t>(x.rows * k), 0);
  routed_weights_.assign(static_cast<std::size_t>(x.rows * k), 0);
  std::vector<float> t(static_cast<std::size_t>(hidden));
  std::vector<double> p(static_cast<std::size_t>(router.experts));
  std::vector<std::int32_t> order(p.size());
  for (std::int64_t row = 0; row < x.rows; ++row) {
    rms_norm({t.data(), 1, hidden}, {x.row(row), 1, hidden}, nullptr, eps);
    const double root = 1.0 / std::sqrt(static_cast<double>(hidden));
    for (std::int64_t j = 0; j < hidden; ++j) {
      auto& value = t[static_cast<std::size_t>(j)];
      value = static_cast<float>(value * static_cast<double>(router.scale[j]) * root);
    }
    for (std::size_t e = 0; e < p.size(); ++e) {
      p[e] = dot(t.data(), router.proj + static_cast<std::int64_t>(e) * hidden, hidden);
    }
    const double best = *std::max_element(p.begin(), p.end());
    double total = 0;
    for (double& value : p) total += value = std::exp(value - best);
    for (double& value : p) value /= total;

    std::iota(order.begin(), order.end(), 0);
    std::sort(order.begin(), order.end(), [&](std::int32_t a, std::int32_t b) {
      const double pa = p[static_cast<std::size_t>(a)], pb = p[static_cast<std::size_t>(b)];
      return pa != pb ? pa > pb : a < b;  // ties to the lower expert
    });
    double chosen = 0;
    for (std::int64_t j = 0; j < k; ++j)
      chosen += p[static_cast<std::size_t>(order[static_cast<std::size_t>(j)])];
    for (std::int64_t j = 0; j < k; ++j) {
      const std::int32_t e = order[static_cast<std::size_t>(j)];
      const auto at = static_cast<std::size_t>(row * k + j);
      routed_experts_[at] = e;
      routed_weights_[at] = static_cast<float>(p[static_cast<std::size_t>(e)] / chosen *
                                               static_cast<double>(router.per_expert_scale[e]));
    }
  }
  return {k, routed_experts_, routed_weights_};
}

void ReferenceBackend::moe_ffn(Mat out, Mat x, const Routing& routing, const Weight& gate_up,
                               const Weight& down) {
  const auto& first = static_cast<const RowWeight&>(gate_up);
  const auto& second = static_cast<const RowWeight&>(down);
  const std::int64_t width = first.out / 2;
  assert(second.in == width && second.out == out.cols && first.in == x.cols);
  std::vector<float> both(static_cast<std::size_t>(first.out));
  std::vector<float> y(static_cast<std::size_t>(out.cols));
  for (std::int64_t row = 0; row < x.rows; ++row) {
    std::vector<double> sum(static_cast<std::size_t>(out.cols));
    for (std::int64_t j = 0; j < routing.k; ++j) {
      const auto at = static_cast<std::size_t>(row * routing.k + j);
      multiply(first, routing.experts[at], x.row(row), both.data());
      for (std::int64_t i = 0; i < width; ++i)
        both[static_cast<std::size_t>(i)] = gelu_tanh(both[static_cast<std::size_t>(i)]) *
                                            both[static_cast<std::size_t>(width + i)];
      multiply(second, routing.experts[at], both.data(), y.data());
      for (std::size_t i = 0; i < sum.size(); ++i)
        sum[i] += static_cast<double>(routing.weights[at]) * y[i];
    }
    std::transform(sum.begin(), sum.end(), out.row(row),
                   [](double value) { return static_cast<float>(value); });
  }
}

}  // namespace g4::reference
