// KvPool hands out KV blocks of the two kinds (see KvLimits) and takes them back.
//
// Owner:   the engine thread; not thread-safe.
// Rule:    n positions need ceil(n / block_tokens) global blocks and the same number of sliding
//          blocks, but never more than sliding_ring_blocks of those (the ring is used again).
// Failure: grow() returns false when a pool is too empty, and changes nothing.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/runner.h"

namespace g4 {

struct SequenceBlocks {
  std::vector<BlockId> global;
  std::vector<BlockId> sliding;
};

struct BlockCount {
  std::uint64_t global = 0;
  std::uint64_t sliding = 0;
};

// Blocks that `positions` positions of one sequence occupy.
BlockCount blocks_for(const KvLimits& limits, std::uint64_t positions);

// Positions that one sequence can have when it owns both pools.
std::uint64_t kv_positions_max(const KvLimits& limits);

class KvPool {
 public:
  explicit KvPool(const KvLimits& limits);

  // Makes room for positions [0, positions) of a sequence that already owns `blocks`.
  bool grow(SequenceBlocks& blocks, std::uint64_t positions);
  // Whether a new sequence of `positions` fits and leaves `spare` blocks free.
  bool fits(std::uint64_t positions, const BlockCount& spare) const;
  void release(SequenceBlocks& blocks);

  std::uint32_t global_used() const;
  std::uint32_t sliding_used() const;

 private:
  KvLimits limits_;
  std::vector<BlockId> free_global_;  // taken from the back
  std::vector<BlockId> free_sliding_;
};

}  // namespace g4
