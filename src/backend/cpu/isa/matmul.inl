// Tiles times columns. A type says how a block of 32 k becomes eight vectors of bytes, a scale and,
// for some, a minimum for each of the 16 rows; one kernel serves all types.

// Values in low and high nibbles: vectors 0-3 (k 0..15) and 4-7 (k 16..31).
G4_INLINE void nibbles(const std::uint8_t* q, B* w) {
  const B mask = bytes(15);
#pragma GCC unroll 4
  for (int v = 0; v < 4; ++v) {
    const B x = load_bytes(q + 64 * v);
    w[v] = both(x, mask);
    w[v + 4] = both(shift_right<4>(x), mask);
  }
}

// Bit v of each byte of `high` becomes bit 4 of vector v.
G4_INLINE void fifth_bits(const std::uint8_t* high, B* w) {
  const B x = load_bytes(high), mask = bytes(16);
  w[0] = either(w[0], both(shift_left<4>(x), mask));
  w[1] = either(w[1], both(shift_left<3>(x), mask));
  w[2] = either(w[2], both(shift_left<2>(x), mask));
  w[3] = either(w[3], both(shift_left<1>(x), mask));
  w[4] = either(w[4], both(x, mask));
  w[5] = either(w[5], both(shift_right<1>(x), mask));
  w[6] = either(w[6], both(shift_right<2>(x), mask));
  w[7] = either(w[7], both(shift_right<3>(x), mask));
}

// Bits 2i, 2i+1 of each byte become bits 4-5 of vector i.
G4_INLINE void two_high_bits(const std::uint8_t* high, B* w) {
  const B x = load_bytes(high), mask = bytes(48);
  w[0] = either(w[0], both(shift_left<4>(x), mask));
  w[1] = either(w[1], both(shift_left<2>(x), mask));
  w[2] = either(w[2], both(x, mask));
  w[3] = either(w[3], both(shift_right<2>(x), mask));
}

alignas(16) constexpr std::int8_t kIQ4Table[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                   1,    13,   25,  38,  53,  69,  89,  113};

G4_INLINE void iq4(const std::uint8_t* q, B* w) {
  nibbles(q, w);
  const B table = from_signed(table16(kIQ4Table));
#pragma GCC unroll 8
  for (int v = 0; v < 8; ++v) w[v] = look_up(table, w[v]);
}

G4_INLINE const std::uint16_t* halfs(const std::uint8_t* p) {
  return reinterpret_cast<const std::uint16_t*>(p);
}

// A type has: kBits of its byte vectors; kMeta bytes of scales for each kRun blocks; kQuants bytes
// of a block; kScales a block; kMin whether w = q * scale + minimum. Blocks of a run: g.
struct SmallType {
  static constexpr int kRun = 1, kScales = 1;
  static constexpr bool kMin = false;
  template <int>
  static G4_INLINE F scale(const std::uint8_t* meta, std::int64_t) {
    return load_f16(halfs(meta));
  }
  static G4_INLINE F minimum(const std::uint8_t*, std::int64_t) { return zero(); }
};

struct TypeQ8_0 : SmallType {
  static constexpr int kBits = 8, kMeta = 32, kQuants = 512;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) {
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) w[v] = from_signed(load_bytes(q + 64 * v));
  }
};

struct TypeQ4_0 : SmallType {
  static constexpr int kBits = 4, kMeta = 32, kQuants = 256;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) { nibbles(q, w); }
};

struct TypeQ4_1 : SmallType {
  static constexpr int kBits = 4, kMeta = 64, kQuants = 256;
  static constexpr bool kMin = true;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) { nibbles(q, w); }
  static G4_INLINE F minimum(const std::uint8_t* meta, std::int64_t) {
    return load_f16(halfs(meta) + 16);
  }
};

struct TypeQ5_0 : SmallType {
  static constexpr int kBits = 5, kMeta = 32, kQuants = 320;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) {
    nibbles(q, w);
    fifth_bits(q + 256, w);
  }
};

struct TypeQ5_1 : TypeQ4_1 {
  static constexpr int kBits = 5, kQuants = 320;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) { TypeQ5_0::unpack(q, w); }
};

struct TypeQ4_K {  // meta: d, d_min, 8 x 16 scales, 8 x 16 minima
  static constexpr int kBits = 4, kRun = 8, kMeta = 320, kQuants = 256, kScales = 1;
  static constexpr bool kMin = true;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) { nibbles(q, w); }
  template <int>
  static G4_INLINE F scale(const std::uint8_t* meta, std::int64_t g) {
    return mul(load_f16(halfs(meta)), load_u8(meta + 64 + 16 * g));
  }
  static G4_INLINE F minimum(const std::uint8_t* meta, std::int64_t g) {
    return sub(zero(), mul(load_f16(halfs(meta) + 16), load_u8(meta + 192 + 16 * g)));
  }
};

struct TypeQ5_K : TypeQ4_K {
  static constexpr int kBits = 5, kQuants = 320;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) { TypeQ5_0::unpack(q, w); }
};

struct TypeQ6_K : SmallType {  // meta: d, 16 x 16 scales
  static constexpr int kBits = 6, kRun = 8, kMeta = 288, kQuants = 384, kScales = 2;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) {
    nibbles(q, w);
    two_high_bits(q + 256, w);
    two_high_bits(q + 320, w + 4);
  }
  template <int kHalf>
  static G4_INLINE F scale(const std::uint8_t* meta, std::int64_t g) {
    return mul(load_f16(halfs(meta)), load_i8(meta + 32 + 16 * (2 * g + kHalf)));
  }
};

struct TypeIQ4_NL : SmallType {
  static constexpr int kBits = 8, kMeta = 32, kQuants = 256;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) { iq4(q, w); }
};

struct TypeIQ4_XS : SmallType {  // meta: d, 8 x 16 scales
  static constexpr int kBits = 8, kRun = 8, kMeta = 160, kQuants = 256;
  static G4_INLINE void unpack(const std::uint8_t* q, B* w) { iq4(q, w); }
  template <int>
  static G4_INLINE F scale(const std::uint8_t* meta, std::int64_t g) {
    return mul(load_f16(halfs(meta)), load_i8(meta + 32 + 16 * g));
  }
};

// total[c] += one block times column c.
template <class Type, int kColumns>
G4_INLINE void block_times(const std::uint8_t* meta, std::int64_t g, const std::uint8_t* quants,
                           const std::uint8_t* const* x, std::int64_t offset, F* total) {
  B w[8];
  Type::unpack(quants, w);
  const F scale = Type::template scale<0>(meta, g);
  const F scale_b = Type::kScales == 2 ? Type::template scale<1>(meta, g) : scale;
  const F minimum = Type::minimum(meta, g);
#pragma GCC unroll 8
  for (int c = 0; c < kColumns; ++c) {
    const auto* block = reinterpret_cast<const XBlock*>(x[c] + offset);
    const F d = set1(block->d);
    if constexpr (Type::kScales == 2) {
      const I a = dot<Type::kBits, 0, 4>(w, block->q, block->start[0]);
      const I b = dot<Type::kBits, 4, 8>(w, block->q, block->start[1]);
      total[c] = fma(mul(scale, d), to_float(a), total[c]);
      total[c] = fma(mul(scale_b, d), to_float(b), total[c]);
    } else {
      const I a = dot<Type::kBits, 0, 8>(w, block->q, Type::kMin ? 0 : block->start[0]);
      total[c] = fma(mul(scale, d), to_float(a), total[c]);
      if constexpr (Type::kMin) total[c] = fma(minimum, set1(block->sum), total[c]);
    }
  }
}

// Few columns: a tile is used up as fast as memory gives it, and the hardware's own prefetch stops
// at every page of 4 KiB. Reading ahead runs into the next tile, which is the next to be used.
constexpr int kStreamingColumns = 4;
constexpr std::int64_t kAheadBytes = 4096;

template <int kBytes>
G4_INLINE void fetch_ahead(const std::uint8_t* p) {
#pragma GCC unroll 8
  for (int i = 0; i < kBytes; i += 64)
    _mm_prefetch(reinterpret_cast<const char*>(p) + kAheadBytes + i, _MM_HINT_T0);
}

template <class Type>
struct Quantised {
  // total[c] = a tile times column c.
  template <int kColumns>
  static G4_INLINE void tile(const TileRun& run, const std::uint8_t* tile,
                             const void* const* columns, F* total) {
    const std::uint8_t* x[kColumns];
    for (int c = 0; c < kColumns; ++c) x[c] = static_cast<const std::uint8_t*>(columns[c]);
    const std::uint8_t* meta = tile;
    const std::uint8_t* quants = tile + run.quants_offset;
    const std::int64_t blocks = run.k / kBlock;
    for (std::int64_t b = 0; b < blocks; ++b) {
      const std::int64_t g = b % Type::kRun;
      if constexpr (kColumns <= kStreamingColumns) fetch_ahead<Type::kQuants>(quants);
      block_times<Type, kColumns>(meta, g, quants, x, b * std::int64_t{sizeof(XBlock)}, total);
      quants += Type::kQuants;
      if (g == Type::kRun - 1) meta += Type::kMeta;
    }
  }
};

struct PlainF32 {  // [k][16]
  template <int kColumns>
  static G4_INLINE void tile(const TileRun& run, const std::uint8_t* tile,
                             const void* const* columns, F* total) {
    const auto* w = reinterpret_cast<const float*>(tile);
    for (std::int64_t k = 0; k < run.k; ++k) {
      const F row = load(w + 16 * k);
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c)
        total[c] = fma(row, set1(static_cast<const float*>(columns[c])[k]), total[c]);
    }
  }
};

struct PlainF16 {  // [k][16]
  template <int kColumns>
  static G4_INLINE void tile(const TileRun& run, const std::uint8_t* tile,
                             const void* const* columns, F* total) {
    const std::uint16_t* w = halfs(tile);
    for (std::int64_t k = 0; k < run.k; ++k) {
      const F row = load_f16(w + 16 * k);
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c)
        total[c] = fma(row, set1(static_cast<const float*>(columns[c])[k]), total[c]);
    }
  }
};

struct PlainBF16 {  // [k / 2][16][2]; the last k of an odd number is paired with zero
  template <int kColumns>
  static G4_INLINE void tile(const TileRun& run, const std::uint8_t* tile,
                             const void* const* columns, F* total) {
    const std::uint16_t* w = halfs(tile);
    std::int64_t k = 0;
    for (; k + 2 <= run.k; k += 2) {
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c)
        total[c] = dot_bf16(w + 16 * k, static_cast<const Bf16Column*>(columns[c]) + k, total[c]);
    }
    if (k == run.k) return;
    for (int c = 0; c < kColumns; ++c) {
      const Bf16Column last[2] = {static_cast<const Bf16Column*>(columns[c])[k], 0};
      total[c] = dot_bf16(w + 16 * k, last, total[c]);
    }
  }
};

template <class Type, int kColumns>
void columns_times(const TileRun& run, std::int64_t first) {
  const std::uint8_t* tile = run.tiles;
  for (std::int64_t row = 0; row < run.rows; row += kTileRows, tile += run.tile_bytes) {
    F total[kColumns];
    for (int c = 0; c < kColumns; ++c) total[c] = zero();
    Type::template tile<kColumns>(run, tile, run.x + first, total);
    const std::int64_t rows = run.rows - row;
    for (int c = 0; c < kColumns; ++c) {
      float* out = run.out[first + c] + run.out_offset + row;
      if (rows >= kTileRows)
        store(out, total[c]);
      else
        store_part(out, total[c], rows);
    }
  }
}

// Columns in nearly equal groups of at most kMaxColumns; each group passes over all tiles of the
// run.
template <class Type>
void run_tiles(const TileRun& run) {
  const std::int64_t groups = (run.columns + kMaxColumns - 1) / kMaxColumns;
  for (std::int64_t i = 0; i < groups; ++i) {
    const std::int64_t first = run.columns * i / groups;
    const std::int64_t count = run.columns * (i + 1) / groups - first;
    if (count == 1) columns_times<Type, 1>(run, first);
    if (count == 2) columns_times<Type, 2>(run, first);
    if (count == 3) columns_times<Type, 3>(run, first);
    if (count == 4) columns_times<Type, 4>(run, first);
    if constexpr (kMaxColumns > 4) {
      if (count == 5) columns_times<Type, 5>(run, first);
      if (count == 6) columns_times<Type, 6>(run, first);
      if (count == 7) columns_times<Type, 7>(run, first);
      if (count == 8) columns_times<Type, 8>(run, first);
    }
  }
}

// d = absmax / 127, q = nearest(x / d).
void quantise(const float* x, std::int64_t n, std::int32_t zero_point, bool halves_too,
              XBlock* out) {
  for (std::int64_t i = 0; i < n; i += kBlock, ++out) {
    const F a = load(x + i), b = load(x + i + 16);
    const float highest = largest(max(absolute(a), absolute(b)));
    const float inverse = highest > 0 ? 127.0f / highest : 0.0f;
    const I qa = to_int(mul(a, set1(inverse))), qb = to_int(mul(b, set1(inverse)));
    store_i8(out->q, qa);
    store_i8(out->q + 16, qb);
    const std::int32_t sum_a = sum(qa), sum_b = sum(qb);
    out->d = highest / 127.0f;
    out->sum = out->d * static_cast<float>(sum_a + sum_b);
    out->start[0] = -zero_point * (halves_too ? sum_a : sum_a + sum_b);
    out->start[1] = -zero_point * sum_b;
  }
}
