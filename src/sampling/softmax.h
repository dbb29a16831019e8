// Whole-vocabulary arithmetic of the sampler: exponentials, sums and the best k of 262,144 values.
//
// Every sum has one fixed order (lanes of 8, blocks of 1,024, blocks added in double), so equal
// logits give equal bits. Plain loops that compilers vectorise; nothing here allocates except the
// caller's `best` when its capacity is too small.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "text/tokenizer.h"

namespace g4 {

struct Candidate {
  float value;
  TokenId id;
};
// The one order of candidates: larger value first, ties to the lower id.
inline bool better(const Candidate& a, const Candidate& b) {
  return a.value > b.value || (a.value == b.value && a.id < b.id);
}

// NaN becomes -inf and +inf the largest float, so that later differences are never NaN.
void make_comparable(std::span<float> logits);

// Largest value; -inf for none. NaN counts as -inf.
float max_of(std::span<const float> values);

// Lowest index of the largest value of comparable, non-empty values.
std::size_t argmax(std::span<const float> values);

// log(sum(exp(values))), 0 if every value is -inf. NaN counts as -inf, +inf as the
// largest float.
float log_sum_exp(std::span<const float> values);

// values[i] = exp((values[i] - max) / temperature); returns the sum. Needs max >= every value.
double exponentiate(std::span<float> values, float max, float temperature);

// How many values are better than values[id], plus 1. NaN counts as -inf.
std::uint32_t rank_of(std::span<const float> values, TokenId id);

// Sets to 0 every weight that is below `least` or behind `cut` in the order of better(); returns
// the sum of the others.
double keep_until(std::span<float> weights, const Candidate& cut, float least);

// The best min(k, size) values in order. NaN counts as -inf.
void select_best(std::span<const float> values, std::size_t k, std::vector<Candidate>& best);

// exp(x) for x <= 0 with a relative error below 3e-7; exactly 0 below -87 and for NaN.
float exp_nonpositive(float x);

}  // namespace g4
