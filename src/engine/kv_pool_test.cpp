#include "engine/kv_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

namespace g4 {
namespace {

KvLimits limits(std::uint32_t global, std::uint32_t sliding, std::uint32_t ring) {
  KvLimits kv;
  kv.block_tokens = 4;
  kv.global_blocks = global;
  kv.sliding_blocks = sliding;
  kv.sliding_ring_blocks = ring;
  return kv;
}

TEST(KvPool, CountsBlocksAndStopsTheRing) {
  const KvLimits kv = limits(10, 5, 3);
  EXPECT_EQ(blocks_for(kv, 0).global, 0u);
  EXPECT_EQ(blocks_for(kv, 1).global, 1u);
  EXPECT_EQ(blocks_for(kv, 4).global, 1u);
  EXPECT_EQ(blocks_for(kv, 5).sliding, 2u);
  EXPECT_EQ(blocks_for(kv, 40).global, 10u);
  EXPECT_EQ(blocks_for(kv, 40).sliding, 3u);
  EXPECT_EQ(kv_positions_max(kv), 40u);
  EXPECT_EQ(kv_positions_max(limits(10, 2, 3)), 8u);  // the ring never closes
  EXPECT_EQ(kv_positions_max(limits(10, 0, 0)), 40u);
}

TEST(KvPool, GrowsBlockByBlockAndFailsWithoutChange) {
  KvPool pool(limits(3, 2, 2));
  SequenceBlocks a, b;
  EXPECT_TRUE(pool.grow(a, 4));
  EXPECT_EQ(a.global.size(), 1u);
  EXPECT_TRUE(pool.grow(a, 4));
  EXPECT_EQ(pool.global_used(), 1u);
  EXPECT_TRUE(pool.grow(a, 5));
  EXPECT_EQ(a.global.size(), 2u);
  EXPECT_EQ(pool.sliding_used(), 2u);
  EXPECT_FALSE(pool.grow(b, 1));  // a global block is free, a sliding one is not
  EXPECT_EQ(pool.global_used(), 2u);
  EXPECT_TRUE(b.global.empty());
  EXPECT_TRUE(pool.grow(a, 12));  // the ring is full size already
  pool.release(a);
  EXPECT_TRUE(a.global.empty());
  EXPECT_EQ(pool.global_used(), 0u);
  EXPECT_TRUE(pool.fits(8, {0, 0}));
  EXPECT_TRUE(pool.fits(8, {1, 0}));
  EXPECT_FALSE(pool.fits(8, {2, 0}));
  EXPECT_FALSE(pool.fits(8, {0, 1}));
}

TEST(KvPool, NeverLendsABlockTwice) {
  std::mt19937 random(3);
  const KvLimits kv = limits(40, 12, 4);
  KvPool pool(kv);
  std::vector<SequenceBlocks> owners(6);
  std::vector<std::uint64_t> positions(6);
  for (int round = 0; round < 5000; ++round) {
    const std::size_t i = random() % owners.size();
    if (random() % 4 == 0) {
      pool.release(owners[i]);
      positions[i] = 0;
    } else {
      const std::uint64_t want = positions[i] + random() % 9;
      if (pool.grow(owners[i], want)) positions[i] = want;
    }
    std::set<BlockId> global, sliding;
    std::size_t n_global = 0, n_sliding = 0;
    for (std::size_t k = 0; k < owners.size(); ++k) {
      const BlockCount need = blocks_for(kv, positions[k]);
      ASSERT_EQ(owners[k].global.size(), need.global);
      ASSERT_EQ(owners[k].sliding.size(), need.sliding);
      global.insert(owners[k].global.begin(), owners[k].global.end());
      sliding.insert(owners[k].sliding.begin(), owners[k].sliding.end());
      n_global += owners[k].global.size();
      n_sliding += owners[k].sliding.size();
    }
    ASSERT_EQ(global.size(), n_global);
    ASSERT_EQ(sliding.size(), n_sliding);
    ASSERT_EQ(pool.global_used(), n_global);
    ASSERT_EQ(pool.sliding_used(), n_sliding);
  }
}

}  // namespace
}  // namespace g4
