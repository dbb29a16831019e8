// Matrix products: projections, the dense FFN, the head.
#include <cassert>
#include <cmath>

#include "backend/reference/reference_backend.h"

namespace g4::reference {

float gelu_tanh(float x) {
  const double value = x;
  return static_cast<float>(
      0.5 * value *
      (1.0 + std::tanh(std::sqrt(2.0 / M_PI) * (value + 0.044715 * value * value * value))));
}

double dot(const float* a, const float* b, std::int64_t n) {
  constexpr int kLanes = 4;  // so that compilers vectorise; double keeps the order harmless
  double lanes[kLanes] = {};
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes)
    for (int lane = 0; lane < kLanes; ++lane)
      lanes[lane] += static_cast<double>(a[j + lane]) * b[j + lane];
  for (; j < n; ++j) lanes[0] += static_cast<double>(a[j]) * b[j];
  return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

void multiply(const RowWeight& weight, std::int64_t expert, const float* x, float* out) {
  std::vector<float> row(static_cast<std::size_t>(weight.in));
  for (std::int64_t i = 0; i < weight.out; ++i) {
    weight.decode(expert, i, row.data());
    out[i] = static_cast<float>(dot(row.data(), x, weight.in));
  }
}

void ReferenceBackend::project(Mat x, std::span<const Projection> projections) {
  for (const Projection& projection : projections) {
    const auto& weight = static_cast<const RowWeight&>(*projection.weight);
    assert(weight.in == x.cols && weight.out == projection.out.cols && weight.experts == 1);
    // Row by row of the weight, so that each is decoded once for all rows of x.
    std::vector<float> row(static_cast<std::size_t>(weight.in));
    for (std::int64_t i = 0; i < weight.out; ++i) {
      weight.decode(0, i, row.data());
      for (std::int64_t t = 0; t < x.rows; ++t)
        projection.out.row(t)[i] = static_cast<float>(dot(row.data(), x.row(t), weight.in));
    }
  }
}

void ReferenceBackend::ffn(Mat out, Mat x, const Weight& gate, const Weight& up,
                           const Weight& down) {
  std::vector<float> gates(static_cast<std::size_t>(x.rows * gate.out)), ups(gates.size());
  const Projection both[] = {{&gate, {gates.data(), x.rows, gate.out}},
                             {&up, {ups.data(), x.rows, up.out}}};
  project(x, both);
  for (std::size_t i = 0; i < gates.size(); ++i) gates[i] = gelu_tanh(gates[i]) * ups[i];
  const Projection last[] = {{&down, out}};
  project({gates.data(), x.rows, gate.out}, last);
}

void ReferenceBackend::logits(Mat out, Mat x, const Weight& head, float softcap) {
  const Projection last[] = {{&head, out}};
  project(x, last);
  if (softcap <= 0) return;
  for (std::int64_t i = 0; i < out.rows * out.cols; ++i)
    out.data[i] = softcap * std::tanh(out.data[i] / softcap);
}

}  // namespace g4::reference
