#include "sampling/sampler.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <limits>

#include "sampling/rng.h"
#include "sampling/softmax.h"

namespace g4 {

namespace {

constexpr float kForbidden = -std::numeric_limits<float>::infinity();

std::vector<TokenId> sorted_unique(std::span<const TokenId> ids) {
  std::vector<TokenId> sorted(ids.begin(), ids.end());
  std::sort(sorted.begin(), sorted.end());
  sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
  return sorted;
}

bool contains(std::span<const TokenId> sorted, TokenId id) {
  return std::binary_search(sorted.begin(), sorted.end(), id);
}

void forbid_outside(std::span<float> logits, TokenMask mask) {
  for (std::size_t begin = 0; begin < logits.size(); begin += 32) {
    const std::size_t n = std::min<std::size_t>(32, logits.size() - begin);
    std::uint32_t forbidden = ~mask[begin / 32];
    if (n < 32) forbidden &= (1U << n) - 1;
    if (forbidden == ~0U) {
      std::fill_n(&logits[begin], 32, kForbidden);
      continue;
    }
    for (; forbidden != 0; forbidden &= forbidden - 1)
      logits[begin + static_cast<std::size_t>(std::countr_zero(forbidden))] = kForbidden;
  }
}

// Positive floats order like their bits; the upper 12 bits sort weights in [0, 1] into 2,033
// buckets.
constexpr std::size_t kBuckets = (0x3f800000u >> 19) + 1;
std::size_t bucket_of(float weight) {
  return std::min<std::size_t>(std::bit_cast<std::uint32_t>(weight) >> 19, kBuckets - 1);
}

}  // namespace

struct Sampler::Impl {
  SamplingParams params;
  std::size_t vocab_size = 0;
  std::vector<TokenId> suppressed;  // sorted
  std::vector<TokenId> allowed;     // sorted, without suppressed; used if params.allowed_tokens
  std::uint64_t drawn = 0;          // counter of the generator

  // Penalties only: distinct ids of prompt and output, and how often each was output.
  bool penalised = false;
  std::vector<TokenId> seen;
  std::vector<bool> is_seen;
  std::vector<std::uint32_t> output_counts;

  // Scratch, sized in create().
  std::vector<float> raw_logits;      // logprobs only
  std::vector<float> allowed_logits;  // allowed_tokens only
  std::vector<Candidate> candidates;
  std::array<double, kBuckets> bucket_mass = {};

  void note_seen(TokenId id) {
    if (is_seen[static_cast<std::size_t>(id)]) return;
    is_seen[static_cast<std::size_t>(id)] = true;
    seen.push_back(id);
  }
  void count(TokenId id) {
    ++drawn;
    if (!penalised) return;
    note_seen(id);
    ++output_counts[static_cast<std::size_t>(id)];
  }

  void apply_bias_and_penalties(std::span<float> logits) const;
  void forbid(std::span<float> logits, const DrawLimits& limits);
  std::optional<TokenId> pick(std::span<float> logits, const DrawLimits& limits);
  std::optional<TokenId> first_allowed(const DrawLimits& limits) const;
  Error nothing_left(TokenMask mask) const;
  TokenId draw_from_best(std::span<const float> logits, std::size_t k);
  TokenId draw_from_all(std::span<float> logits, float max);
  Candidate top_p_cut(std::span<const float> weights, double total);
};

void Sampler::Impl::apply_bias_and_penalties(std::span<float> logits) const {
  for (const auto& [id, bias] : params.logit_bias) logits[static_cast<std::size_t>(id)] += bias;
  if (!penalised) return;
  for (const TokenId id : seen) {
    float& x = logits[static_cast<std::size_t>(id)];
    if (params.repetition_penalty != 1.0F)
      x = x < 0 ? x * params.repetition_penalty : x / params.repetition_penalty;
    x = std::min(x, std::numeric_limits<float>::max());  // a division may overflow
    const std::uint32_t times = output_counts[static_cast<std::size_t>(id)];
    if (times == 0) continue;
    x -= params.frequency_penalty * static_cast<float>(times);
    x -= params.presence_penalty;
  }
}

void Sampler::Impl::forbid(std::span<float> logits, const DrawLimits& limits) {
  if (params.allowed_tokens) {
    for (std::size_t i = 0; i < allowed.size(); ++i)
      allowed_logits[i] = logits[static_cast<std::size_t>(allowed[i])];
    std::fill(logits.begin(), logits.end(), kForbidden);
    for (std::size_t i = 0; i < allowed.size(); ++i)
      logits[static_cast<std::size_t>(allowed[i])] = allowed_logits[i];
  }
  if (!limits.allowed.empty()) forbid_outside(logits, limits.allowed);
  for (const TokenId id : suppressed) logits[static_cast<std::size_t>(id)] = kForbidden;
  for (const TokenId id : limits.banned) logits[static_cast<std::size_t>(id)] = kForbidden;
}

// Every logit is -inf: the lowest id that is not forbidden. A ban that leaves nothing is void.
std::optional<TokenId> Sampler::Impl::first_allowed(const DrawLimits& limits) const {
  const auto& banned = limits.banned;
  std::optional<TokenId> fallback;
  const std::size_t n = params.allowed_tokens ? allowed.size() : vocab_size;
  for (std::size_t i = 0; i < n; ++i) {
    const TokenId id = params.allowed_tokens ? allowed[i] : static_cast<TokenId>(i);
    if (contains(suppressed, id)) continue;
    if (!limits.allowed.empty() && !mask_has(limits.allowed, id)) continue;
    if (std::find(banned.begin(), banned.end(), id) == banned.end()) return id;
    if (!fallback) fallback = id;
  }
  assert(fallback || !limits.allowed.empty());  // create() saw an id that may be drawn
  return fallback;
}

Error Sampler::Impl::nothing_left(TokenMask mask) const {
  const std::size_t n = mask_count(mask, vocab_size);
  if (n == 0) return Error{"the output cannot go on: its constraint allows no token"};
  return Error{fmt::format(
      "the output cannot go on: its constraint allows {} tokens, none of which may be sampled", n)};
}

std::optional<TokenId> Sampler::Impl::pick(std::span<float> logits, const DrawLimits& limits) {
  const std::size_t best = argmax(logits);
  const float max = logits[best];
  if (max == kForbidden) return first_allowed(limits);
  if (params.temperature == 0) return static_cast<TokenId>(best);
  if (params.top_k != 0 && params.top_k < vocab_size) return draw_from_best(logits, params.top_k);
  return draw_from_all(logits, max);
}

TokenId Sampler::Impl::draw_from_best(std::span<const float> logits, std::size_t k) {
  select_best(logits, k, candidates);
  const float max = candidates.front().value;
  double total = 0;
  for (Candidate& c : candidates) {
    c.value = exp_nonpositive((c.value - max) / params.temperature);
    total += static_cast<double>(c.value);
  }
  const double reach = static_cast<double>(params.top_p) * total;
  double kept_total = 0;
  std::size_t kept = 0;
  for (const Candidate& c : candidates) {
    if (c.value == 0 || c.value < params.min_p) break;  // the best weighs exactly 1
    kept_total += static_cast<double>(c.value);
    ++kept;
    if (params.top_p < 1 && kept_total >= reach) break;
  }
  const double target = uniform(*params.seed, drawn) * kept_total;
  double cumulated = 0;
  for (std::size_t i = 0; i + 1 < kept; ++i) {
    cumulated += static_cast<double>(candidates[i].value);
    if (cumulated > target) return candidates[i].id;
  }
  return candidates[kept - 1].id;
}

// The last token that top-p keeps, in the order of better(). A histogram finds the bucket in which
// the cumulated weight crosses; only that bucket is looked at closely, by halving. Linear time.
Candidate Sampler::Impl::top_p_cut(std::span<const float> weights, double total) {
  bucket_mass.fill(0);
  for (const float w : weights) bucket_mass[bucket_of(w)] += static_cast<double>(w);
  const double reach = static_cast<double>(params.top_p) * total;
  double above = 0;
  std::size_t bucket = kBuckets - 1;
  while (bucket > 0 && above + bucket_mass[bucket] < reach) above += bucket_mass[bucket--];

  candidates.clear();
  for (std::size_t i = 0; i < weights.size(); ++i)
    if (bucket_of(weights[i]) == bucket)
      candidates.push_back({weights[i], static_cast<TokenId>(i)});
  auto begin = candidates.begin();
  auto end = candidates.end();
  while (end - begin > 64) {
    const auto middle = begin + (end - begin) / 2;
    std::nth_element(begin, middle, end, better);
    double mass = 0;
    for (auto c = begin; c != middle; ++c) mass += static_cast<double>(c->value);
    if (above + mass >= reach) {
      end = middle;
    } else {
      above += mass;
      begin = middle;
    }
  }
  std::sort(begin, end, better);
  for (auto c = begin; c != end; ++c) {
    above += static_cast<double>(c->value);
    if (above >= reach) return *c;
  }
  // Rounding: everything at least as heavy as the bucket's last stays.
  return begin == end ? Candidate{0, std::numeric_limits<TokenId>::max()} : *(end - 1);
}

TokenId Sampler::Impl::draw_from_all(std::span<float> logits, float max) {
  const double total = exponentiate(logits, max, params.temperature);
  const std::span<float> weights = logits;
  Candidate cut{0, std::numeric_limits<TokenId>::max()};
  if (params.top_p < 1) cut = top_p_cut(weights, total);
  const double kept_total = keep_until(weights, cut, params.min_p);
  const double target = uniform(*params.seed, drawn) * kept_total;
  double cumulated = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    cumulated += static_cast<double>(weights[i]);
    if (cumulated > target) return static_cast<TokenId>(i);
  }
  std::size_t last = weights.size() - 1;  // rounding: the two sums differ in their last bits
  while (weights[last] == 0) --last;
  return static_cast<TokenId>(last);
}

Sampler::Sampler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;
Sampler::~Sampler() = default;

Result<Sampler> Sampler::create(const SamplingParams& params, std::size_t vocab_size,
                                std::span<const TokenId> prompt,
                                std::span<const TokenId> suppressed) {
  G4_TRY(validate(params, vocab_size));
  const auto inside = [&](TokenId id) {
    return id >= 0 && static_cast<std::size_t>(id) < vocab_size;
  };
  auto impl = std::make_unique<Impl>();
  impl->params = params;
  impl->params.seed = params.seed.value_or(0);
  impl->vocab_size = vocab_size;
  impl->suppressed = sorted_unique(suppressed);
  std::erase_if(impl->suppressed, [&](TokenId id) { return !inside(id); });
  if (params.allowed_tokens) {
    impl->allowed = sorted_unique(*params.allowed_tokens);
    std::erase_if(impl->allowed, [&](TokenId id) { return contains(impl->suppressed, id); });
    impl->allowed_logits.resize(impl->allowed.size());
    if (impl->allowed.empty()) return Error{"allowed_tokens holds only tokens never sampled"};
  } else if (impl->suppressed.size() == vocab_size) {
    return Error{fmt::format("all {} tokens of the vocabulary are suppressed", vocab_size)};
  }
  impl->penalised = params.repetition_penalty != 1.0F || params.frequency_penalty != 0.0F ||
                    params.presence_penalty != 0.0F;
  if (impl->penalised) {
    impl->is_seen.resize(vocab_size);
    impl->output_counts.resize(vocab_size);
    impl->seen.reserve(vocab_size);
    for (const TokenId id : prompt) {
      if (!inside(id))
        return Error{
            fmt::format("prompt token {} is outside the vocabulary of {}", id, vocab_size)};
      impl->note_seen(id);
    }
  }
  if (params.logprobs) impl->raw_logits.resize(vocab_size);
  impl->candidates.reserve(vocab_size);  // touched only as far as used
  return Sampler(std::move(impl));
}

Result<SampledToken> Sampler::sample(std::span<float> logits, const DrawLimits& limits) {
  Impl& s = *impl_;
  assert(logits.size() == s.vocab_size);
  assert(limits.allowed.empty() || limits.allowed.size() == mask_words(s.vocab_size));
  SampledToken token;
  make_comparable(logits);
  float log_total = 0;
  if (s.params.logprobs) {
    std::copy(logits.begin(), logits.end(), s.raw_logits.begin());
    log_total = log_sum_exp(logits);
    select_best(logits, *s.params.logprobs, s.candidates);
    token.top.reserve(s.candidates.size());
    for (const Candidate& c : s.candidates) token.top.push_back({c.id, c.value - log_total});
  }
  std::optional<TokenId> id = limits.forced;
  if (!id) {
    s.apply_bias_and_penalties(logits);
    s.forbid(logits, limits);
    id = s.pick(logits, limits);
  }
  if (!id) return s.nothing_left(limits.allowed);
  token.id = *id;
  if (s.params.logprobs) {
    token.logprob = s.raw_logits[static_cast<std::size_t>(token.id)] - log_total;
    token.rank = rank_of(s.raw_logits, token.id);
  }
  s.count(token.id);
  return token;
}

SampledToken token_logprob(std::span<const float> logits, TokenId id, std::uint32_t n_top) {
  assert(id >= 0 && static_cast<std::size_t>(id) < logits.size());
  const auto comparable = [](float x) {
    if (!(x == x)) return kForbidden;
    return std::min(x, std::numeric_limits<float>::max());
  };
  const float log_total = log_sum_exp(logits);
  SampledToken token;
  token.id = id;
  token.logprob = comparable(logits[static_cast<std::size_t>(id)]) - log_total;
  token.rank = rank_of(logits, id);
  std::vector<Candidate> best;
  select_best(logits, n_top, best);
  for (const Candidate& c : best) token.top.push_back({c.id, comparable(c.value) - log_total});
  return token;
}

}  // namespace g4
