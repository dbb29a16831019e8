// Attention against the reference: windows, rings of blocks, groups of heads, odd sizes; and the
// promise that neither chunks nor neighbours change a bit.
#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>

#include "backend/cpu/test_support.h"

namespace g4::cpu {
namespace {

struct Case {
  bool sliding;
  std::int64_t kv_heads, group, dim;
  std::uint32_t block_tokens;
  std::int64_t window;
  std::int64_t tokens;
};

// Keys and values of one sequence, already representable in f16, so that both backends see the
// same.
struct Tokens {
  Rows q, k, v;
  Tokens(const Case& c, Random& random)
      : q(c.tokens, c.kv_heads * c.group * c.dim, random),
        k(c.tokens, c.kv_heads * c.dim, random),
        v(c.tokens, c.kv_heads * c.dim, random) {
    for (Rows* rows : {&k, &v})
      for (float& value : rows->values) value = f16_to_f32(f32_to_f16(value));
  }
};

// A sequence's blocks, scattered: block i of the table is i * 7 % count + offset.
std::vector<std::uint32_t> scattered(std::uint32_t count, std::uint32_t offset) {
  std::vector<std::uint32_t> blocks(count);
  for (std::uint32_t i = 0; i < count; ++i) blocks[i] = (count % 7 ? i * 7 % count : i) + offset;
  return blocks;
}

struct Layout {
  KvLayout kv;
  std::uint32_t global = 0, ring = 0;
  explicit Layout(const Case& c, std::int64_t chunk) {
    global = static_cast<std::uint32_t>(c.tokens) / c.block_tokens + 1;
    ring = static_cast<std::uint32_t>(c.window + chunk) / c.block_tokens + 2;
    kv = {.layers = {{.sliding = !c.sliding, .kv_heads = 1, .head_dim = 16},
                     {.sliding = c.sliding, .kv_heads = c.kv_heads, .head_dim = c.dim}},
          .window = c.window,
          .block_tokens = c.block_tokens,
          .global_blocks = 2 * global,
          .sliding_blocks = 2 * ring,
          .sliding_ring_blocks = ring};
  }
};

// The outputs of all tokens, run in chunks.
Rows run(Backend& backend, const Case& c, Tokens& tokens, std::int64_t chunk, int blocks_of = 0,
         std::span<const PositionRange> images = {}) {
  const Layout layout(c, chunk);
  const auto kv = backend.make_kv(layout.kv).value();
  const auto shift = static_cast<std::uint32_t>(blocks_of);
  const auto global = scattered(layout.global, shift * layout.global);
  const auto sliding = scattered(layout.ring, shift * layout.ring);
  Rows out(c.tokens, tokens.q.cols);
  for (std::int64_t i = 0; i < c.tokens; i += chunk) {
    const std::int64_t n = std::min(chunk, c.tokens - i);
    const BatchSequence batch[] = {
        {0, n, static_cast<std::uint64_t>(i), global, sliding, i == 0 ? images : images.first(0)}};
    backend.store_kv(*kv, 1, batch, tokens.k.part(i, n), tokens.v.part(i, n));
    backend.attention(out.part(i, n), tokens.q.part(i, n), *kv, 1, batch, 0.3f);
  }
  return out;
}

const Case kCases[] = {
    {false, 1, 1, 16, 16, 1000, 50}, {false, 2, 8, 512, 32, 1000, 70},
    {true, 4, 2, 256, 32, 40, 150},  {true, 2, 3, 72, 24, 33, 100},
    {false, 1, 4, 20, 10, 9, 45},    {true, 1, 5, 64, 256, 100, 300},
    {true, 1, 2, 32, 64, 1, 30},
};

TEST(CpuAttention, MatchesTheReference) {
  const auto reference = make_reference_backend();
  Random random(1);
  for (const std::string& isa : machine_isas())
    for (const Case& c : kCases) {
      const auto backend = cpu_backend(isa);
      Tokens tokens(c, random);
      const Rows want = run(*reference, c, tokens, c.tokens);
      const Rows got = run(*backend, c, tokens, c.tokens);
      for (std::size_t i = 0; i < want.values.size(); ++i)
        ASSERT_NEAR(got.values[i], want.values[i], 5e-5)
            << isa << " dim " << c.dim << " token " << i / std::size_t(want.cols);
    }
}

TEST(CpuAttention, ChunksChangeNoBit) {
  Random random(2);
  for (const std::string& isa : machine_isas())
    for (const Case& c : kCases) {
      const auto backend = cpu_backend(isa);
      Tokens tokens(c, random);
      const Rows whole = run(*backend, c, tokens, c.tokens);
      for (std::int64_t chunk : {1, 7, 32})
        EXPECT_EQ(run(*backend, c, tokens, chunk).values, whole.values)
            << isa << " dim " << c.dim << " in chunks of " << chunk;
    }
}

// Two images side by side, some of them longer than the window.
TEST(CpuAttention, ImagesAreSeenWhole) {
  const auto reference = make_reference_backend();
  Random random(5);
  const PositionRange images[] = {{3, 23}, {23, 28}};
  for (const std::string& isa : machine_isas())
    for (const Case& c : kCases) {
      const auto backend = cpu_backend(isa);
      Tokens tokens(c, random);
      const Rows causal = run(*reference, c, tokens, c.tokens);
      const Rows want = run(*reference, c, tokens, c.tokens, 0, images);
      const Rows got = run(*backend, c, tokens, c.tokens, 0, images);
      EXPECT_EQ(want.values != causal.values, c.sliding);
      for (std::size_t i = 0; i < want.values.size(); ++i)
        ASSERT_NEAR(got.values[i], want.values[i], 5e-5)
            << isa << " dim " << c.dim << " token " << i / std::size_t(want.cols);
      // Chunks that cut none of the images change no bit.
      EXPECT_EQ(run(*backend, c, tokens, 28, 0, images).values, got.values) << isa << c.dim;
    }
}

// Two sequences in one step, one deep in its context and one at its start.
TEST(CpuAttention, NeighboursChangeNoBit) {
  Random random(3);
  for (const std::string& isa : machine_isas())
    for (const Case& c : kCases) {
      const auto backend = cpu_backend(isa);
      Tokens a(c, random), b(c, random);
      const Rows want_a = run(*backend, c, a, c.tokens), want_b = run(*backend, c, b, c.tokens);

      const Layout layout(c, c.tokens);
      const auto kv = backend->make_kv(layout.kv).value();
      const auto global_a = scattered(layout.global, 0), ring_a = scattered(layout.ring, 0);
      const auto global_b = scattered(layout.global, layout.global);
      const auto ring_b = scattered(layout.ring, layout.ring);
      const std::int64_t old = c.tokens - 3;
      const BatchSequence first[] = {{0, old, 0, global_a, ring_a}};
      backend->store_kv(*kv, 1, first, a.k.part(0, old), a.v.part(0, old));
      // Rows 0-4: the first five of b; 5-7: the last three of a.
      Rows q(8, a.q.cols), k(8, a.k.cols), v(8, a.v.cols), out(8, a.q.cols);
      const auto put = [](Rows& to, std::int64_t at, Rows& from, std::int64_t row, std::int64_t n) {
        std::copy_n(from.mat().row(row), n * from.cols, to.mat().row(at));
      };
      put(q, 0, b.q, 0, 5), put(k, 0, b.k, 0, 5), put(v, 0, b.v, 0, 5);
      put(q, 5, a.q, old, 3), put(k, 5, a.k, old, 3), put(v, 5, a.v, old, 3);
      const BatchSequence both[] = {{0, 5, 0, global_b, ring_b},
                                    {5, 3, static_cast<std::uint64_t>(old), global_a, ring_a}};
      backend->store_kv(*kv, 1, both, k.mat(), v.mat());
      backend->attention(out.mat(), q.mat(), *kv, 1, both, 0.3f);
      EXPECT_TRUE(
          std::equal(out.values.begin(), out.values.begin() + 5 * out.cols, want_b.values.begin()));
      EXPECT_TRUE(std::equal(out.values.begin() + 5 * out.cols, out.values.end(),
                             want_a.values.end() - 3 * out.cols));
    }
}

TEST(CpuAttention, HugeValuesSaturateInsteadOfBecomingInfinite) {
  Random random(4);
  const Case c{false, 1, 1, 16, 16, 10, 4};
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    Tokens tokens(c, random);
    std::fill(tokens.v.values.begin(), tokens.v.values.end(), 1e30f);
    std::fill(tokens.k.values.begin(), tokens.k.values.end(), -1e30f);
    for (float value : run(*backend, c, tokens, 4).values) EXPECT_FLOAT_EQ(value, 65504.0f);
  }
}

}  // namespace
}  // namespace g4::cpu
