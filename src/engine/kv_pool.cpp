#include "engine/kv_pool.h"

#include <algorithm>
#include <cassert>
#include <limits>

namespace g4 {
namespace {

// Lowest ids are handed out first, which keeps the touched part of the memory small.
std::vector<BlockId> all_blocks(std::uint32_t n) {
  std::vector<BlockId> blocks(n);
  for (std::uint32_t i = 0; i < n; ++i) blocks[i] = n - 1 - i;
  return blocks;
}

void move_blocks(std::vector<BlockId>& from, std::vector<BlockId>& to, std::uint64_t n) {
  assert(n <= from.size());
  for (std::uint64_t i = 0; i < n; ++i) {
    to.push_back(from.back());
    from.pop_back();
  }
}

}  // namespace

BlockCount blocks_for(const KvLimits& limits, std::uint64_t positions) {
  const std::uint64_t blocks =
      positions / limits.block_tokens + (positions % limits.block_tokens != 0 ? 1 : 0);
  return {blocks, std::min<std::uint64_t>(blocks, limits.sliding_ring_blocks)};
}

std::uint64_t kv_positions_max(const KvLimits& limits) {
  std::uint64_t blocks = limits.global_blocks;
  if (limits.sliding_blocks < limits.sliding_ring_blocks)
    blocks = std::min<std::uint64_t>(blocks, limits.sliding_blocks);
  return blocks * limits.block_tokens;
}

KvPool::KvPool(const KvLimits& limits)
    : limits_(limits),
      free_global_(all_blocks(limits.global_blocks)),
      free_sliding_(all_blocks(limits.sliding_blocks)) {
  assert(limits.block_tokens > 0);
}

bool KvPool::grow(SequenceBlocks& blocks, std::uint64_t positions) {
  const BlockCount want = blocks_for(limits_, positions);
  const std::uint64_t global = want.global - std::min(want.global, blocks.global.size());
  const std::uint64_t sliding = want.sliding - std::min(want.sliding, blocks.sliding.size());
  if (global > free_global_.size() || sliding > free_sliding_.size()) return false;
  move_blocks(free_global_, blocks.global, global);
  move_blocks(free_sliding_, blocks.sliding, sliding);
  return true;
}

bool KvPool::fits(std::uint64_t positions, const BlockCount& spare) const {
  const BlockCount want = blocks_for(limits_, positions);
  return want.global + spare.global <= free_global_.size() &&
         want.sliding + spare.sliding <= free_sliding_.size();
}

void KvPool::release(SequenceBlocks& blocks) {
  move_blocks(blocks.global, free_global_, blocks.global.size());
  move_blocks(blocks.sliding, free_sliding_, blocks.sliding.size());
  assert(free_global_.size() <= limits_.global_blocks);
  assert(free_sliding_.size() <= limits_.sliding_blocks);
}

std::uint32_t KvPool::global_used() const {
  return limits_.global_blocks - static_cast<std::uint32_t>(free_global_.size());
}
std::uint32_t KvPool::sliding_used() const {
  return limits_.sliding_blocks - static_cast<std::uint32_t>(free_sliding_.size());
}

}  // namespace g4
