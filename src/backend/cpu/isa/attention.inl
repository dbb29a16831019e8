// Attention of a few queries over one run of positions, as one step of an online softmax.
//
// Keys lie 16 positions side by side, so a score is one lane and needs no sum across lanes; values
// lie row by row. A position that a query does not see has p = 0, which leaves its sums as they
// are, bit for bit: a query's result does not depend on the queries beside it.

constexpr float kHidden = -__builtin_inff();

// p[i][16 g ...] = scale * q_i . k for kGroups groups from `group` on.
template <int kCount, int kGroups>
G4_INLINE void scores(const AttentionRun& run, const AttentionQuery* queries, int group,
                      float (*p)[kAttentionPositions]) {
  F total[kCount][kGroups];
  for (auto& row : total)
    for (auto& value : row) value = zero();
  const std::uint16_t* k = run.k + group * run.dim * 16;
  for (std::int64_t d = 0; d < run.dim; ++d) {
    F key[kGroups];
#pragma GCC unroll 4
    for (int g = 0; g < kGroups; ++g) key[g] = load_f16(k + (g * run.dim + d) * 16);
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
      const F q = set1(queries[i].q[d]);
#pragma GCC unroll 4
      for (int g = 0; g < kGroups; ++g) total[i][g] = fma(key[g], q, total[i][g]);
    }
  }
  for (int i = 0; i < kCount; ++i)
    for (int g = 0; g < kGroups; ++g)
      store(p[i] + 16 * (group + g), mul(total[i][g], set1(run.scale)));
}

// Turns scores into p = e^(score - best) and adds them up; returns what the sums so far are to be
// multiplied by.
G4_INLINE float soften(AttentionQuery& query, int first_group, int last_group, float* p) {
  F highest = set1(kHidden);
  for (int g = first_group; g < last_group; ++g) {
    const F s = in_range(load(p + 16 * g), query.begin - 16 * g, query.end - 16 * g, set1(kHidden));
    store(p + 16 * g, s);
    highest = max(highest, s);
  }
  const float run_best = largest(highest);
  const float best = run_best > query.best ? run_best : query.best;
  const F factor = exponential(set1(query.best - best));
  F total = mul(load(query.total), factor);
  for (int g = first_group; g < last_group; ++g) {
    const F e = exponential(sub(load(p + 16 * g), set1(best)));
    store(p + 16 * g, e);
    total = add(total, e);
  }
  store(query.total, total);
  query.best = best;
  __m256 low, high;
  halves(factor, &low, &high);
  return _mm256_cvtss_f32(low);
}

// sum_i = sum_i * factor_i + p_i v for kVectors vectors of dimensions from `d` on.
template <int kCount, int kVectors>
G4_INLINE void add_values(const AttentionRun& run, const AttentionQuery* queries, std::int64_t d,
                          std::int32_t begin, std::int32_t end, const float* factor,
                          const float (*p)[kAttentionPositions]) {
  const std::int64_t stride = (run.dim + 15) / 16 * 16;
  F total[kCount][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j)
      total[i][j] = mul(load(queries[i].sum + d + 16 * j), set1(factor[i]));
  for (std::int32_t position = begin; position < end; ++position) {
    F value[kVectors];
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) value[j] = load_f16(run.v + position * stride + d + 16 * j);
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) {
      const F weight = set1(p[i][position]);
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) total[i][j] = fma(value[j], weight, total[i][j]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kCount; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) store(queries[i].sum + d + 16 * j, total[i][j]);
}

template <int kCount>
void attend(const AttentionRun& run, AttentionQuery* queries) {
  std::int32_t begin = run.positions, end = 0;
  for (int i = 0; i < kCount; ++i) {
    if (queries[i].begin >= queries[i].end) continue;
    begin = queries[i].begin < begin ? queries[i].begin : begin;
    end = queries[i].end > end ? queries[i].end : end;
  }
  if (begin >= end) return;
  alignas(64) float p[kCount][kAttentionPositions];
  const int first = begin / 16, last = (end + 15) / 16;
  int group = first;
  for (; group + 2 <= last; group += 2) scores<kCount, 2>(run, queries, group, p);
  if (group < last) scores<kCount, 1>(run, queries, group, p);

  float factor[kCount];
  for (int i = 0; i < kCount; ++i) factor[i] = soften(queries[i], first, last, p[i]);

  // As many sums as fit the registers: kQueries x 2 vectors.
  constexpr int kVectors = 2 * kQueries / kCount < 8 ? 2 * kQueries / kCount : 8;
  const std::int64_t padded = (run.dim + 15) / 16 * 16;
  std::int64_t d = 0;
  for (; d + 16 * kVectors <= padded; d += 16 * kVectors)
    add_values<kCount, kVectors>(run, queries, d, begin, end, factor, p);
  for (; d < padded; d += 16) add_values<kCount, 1>(run, queries, d, begin, end, factor, p);
}

void attention(const AttentionRun& run) {
  std::int32_t i = 0;
  for (; i + kQueries <= run.query_count; i += kQueries) attend<kQueries>(run, run.queries + i);
  if constexpr (kQueries > 4)
    for (; i + 4 <= run.query_count; i += 4) attend<4>(run, run.queries + i);
  if constexpr (kQueries > 2)
    for (; i + 2 <= run.query_count; i += 2) attend<2>(run, run.queries + i);
  for (; i < run.query_count; ++i) attend<1>(run, run.queries + i);
}

void attention_end(const AttentionQuery& query, std::int64_t dim, float* out) {
  const F factor = set1(1.0f / sum(load(query.total)));
  G4_FOR_VECTORS(i, dim, store(out + i, mul(load(query.sum + i), factor)),
                 store_part(out + i, mul(load(query.sum + i), factor), dim - i));
}

#define G4_KERNEL_TABLE(name)                                            \
  {name,                                                                 \
   {run_tiles<PlainF32>, run_tiles<PlainF16>, run_tiles<PlainBF16>,      \
    run_tiles<Quantised<TypeQ8_0>>, run_tiles<Quantised<TypeQ4_0>>,      \
    run_tiles<Quantised<TypeQ4_1>>, run_tiles<Quantised<TypeQ5_0>>,      \
    run_tiles<Quantised<TypeQ5_1>>, run_tiles<Quantised<TypeQ4_K>>,      \
    run_tiles<Quantised<TypeQ5_K>>, run_tiles<Quantised<TypeQ6_K>>,      \
    run_tiles<Quantised<TypeIQ4_NL>>, run_tiles<Quantised<TypeIQ4_XS>>}, \
   kBf16Columns,                                                         \
   quantise,                                                             \
   to_bf16,                                                              \
   to_f16,                                                               \
   rms_norm,                                                             \
   add_rms_norm,                                                         \
   add_to,                                                               \
   scale_by,                                                             \
   multiply,                                                             \
   rotate,                                                               \
   geglu,                                                                \
   softcap,                                                              \
   weighted_sum,                                                         \
   dots,                                                                 \
   attention,                                                            \
   attention_end,                                                        \
   peak_int8,                                                            \
   peak_bf16,                                                            \
   peak_f32,                                                             \
   read_bytes}
