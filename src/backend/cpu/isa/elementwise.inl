// Norms, activations, conversions: rows of n floats, any n.

// f(i, n) for each run of 16 values and once for the rest (n < 16).
#define G4_FOR_VECTORS(i, n, whole, part) \
  do {                                    \
    std::int64_t i = 0;                   \
    for (; i + 16 <= (n); i += 16) whole; \
    if (i < (n)) part;                    \
  } while (false)

void to_bf16(const float* x, std::int64_t n, std::uint16_t* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    std::uint32_t u;
    __builtin_memcpy(&u, x + i, 4);
    const std::uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    out[i] = static_cast<std::uint16_t>(nan ? (u >> 16) | 0x40u : rounded);
  }
  if (n % 2 != 0) out[n] = 0;
}

G4_INLINE F f16_range(F x) { return max(min(x, set1(65504.0f)), set1(-65504.0f)); }

void to_f16(const float* x, std::int64_t n, std::uint16_t* out) {
  G4_FOR_VECTORS(i, n, store_f16(out + i, f16_range(load(x + i))), {
    std::uint16_t rest[16];
    store_f16(rest, f16_range(load_part(x + i, n - i)));
    __builtin_memcpy(out + i, rest, static_cast<std::size_t>(n - i) * 2);
  });
}

G4_INLINE float sum_squares(const float* x, std::int64_t n) {
  F total[4] = {zero(), zero(), zero(), zero()};
  std::int64_t i = 0;
  for (; i + 64 <= n; i += 64)
    for (int j = 0; j < 4; ++j) {
      const F v = load(x + i + 16 * j);
      total[j] = fma(v, v, total[j]);
    }
  for (; i < n; i += 16) {
    const F v = i + 16 <= n ? load(x + i) : load_part(x + i, n - i);
    total[0] = fma(v, v, total[0]);
  }
  return sum(add(add(total[0], total[1]), add(total[2], total[3])));
}

G4_INLINE float norm_factor(const float* x, std::int64_t n, float eps) {
  const double mean = static_cast<double>(sum_squares(x, n)) / static_cast<double>(n);
  const __m128d root = _mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(mean + static_cast<double>(eps)));
  return static_cast<float>(1.0 / _mm_cvtsd_f64(root));
}

void rms_norm(float* out, const float* x, const float* weight, std::int64_t n, float eps) {
  const F factor = set1(norm_factor(x, n, eps));
  if (weight == nullptr) {
    G4_FOR_VECTORS(i, n, store(out + i, mul(load(x + i), factor)),
                   store_part(out + i, mul(load_part(x + i, n - i), factor), n - i));
  } else {
    G4_FOR_VECTORS(
        i, n, store(out + i, mul(mul(load(x + i), factor), load(weight + i))),
        store_part(out + i, mul(mul(load_part(x + i, n - i), factor), load_part(weight + i, n - i)),
                   n - i));
  }
}

void add_rms_norm(float* x, const float* y, const float* weight, std::int64_t n, float eps) {
  const F factor = set1(norm_factor(y, n, eps)), one = set1(1.0f);
  G4_FOR_VECTORS(
      i, n,
      {
        const F w = weight == nullptr ? one : load(weight + i);
        store(x + i, add(load(x + i), mul(mul(load(y + i), factor), w)));
      },
      {
        const F w = weight == nullptr ? one : load_part(weight + i, n - i);
        const F branch = mul(mul(load_part(y + i, n - i), factor), w);
        store_part(x + i, add(load_part(x + i, n - i), branch), n - i);
      });
}

void add_to(float* x, const float* y, std::int64_t n) {
  G4_FOR_VECTORS(i, n, store(x + i, add(load(x + i), load(y + i))),
                 store_part(x + i, add(load_part(x + i, n - i), load_part(y + i, n - i)), n - i));
}

void scale_by(float* x, float factor, std::int64_t n) {
  G4_FOR_VECTORS(i, n, store(x + i, mul(load(x + i), set1(factor))),
                 store_part(x + i, mul(load_part(x + i, n - i), set1(factor)), n - i));
}

void multiply(float* out, const float* x, const float* y, float factor, std::int64_t n) {
  const F f = set1(factor);
  G4_FOR_VECTORS(
      i, n, store(out + i, mul(mul(load(x + i), load(y + i)), f)),
      store_part(out + i, mul(mul(load_part(x + i, n - i), load_part(y + i, n - i)), f), n - i));
}

// (a, b) -> (a cos - b sin, b cos + a sin), a and b half a head apart.
void rotate(float* head, std::int64_t half, const float* cosine, const float* sine) {
  const auto turn = [](F a, F b, F c, F s, F* out_a, F* out_b) {
    *out_a = fnma(b, s, mul(a, c));
    *out_b = fma(a, s, mul(b, c));
  };
  F a, b;
  G4_FOR_VECTORS(
      i, half,
      {
        turn(load(head + i), load(head + half + i), load(cosine + i), load(sine + i), &a, &b);
        store(head + i, a);
        store(head + half + i, b);
      },
      {
        const std::int64_t n = half - i;
        turn(load_part(head + i, n), load_part(head + half + i, n), load_part(cosine + i, n),
             load_part(sine + i, n), &a, &b);
        store_part(head + i, a, n);
        store_part(head + half + i, b, n);
      });
}

// 0.5 x (1 + tanh(u)) = x / (1 + e^-2u), u = sqrt(2/pi) (x + 0.044715 x^3). Relative error below
// 1e-6.
G4_INLINE F gelu_tanh(F x) {
  const F inner = fma(mul(x, x), mul(x, set1(0.044715f)), x);
  const F e = exponential(mul(inner, set1(-2.0f * 0.7978845608028654f)));
  return div(x, add(set1(1.0f), e));
}

void geglu(float* out, const float* gate, const float* up, std::int64_t n) {
  G4_FOR_VECTORS(
      i, n, store(out + i, mul(gelu_tanh(load(gate + i)), load(up + i))),
      store_part(out + i, mul(gelu_tanh(load_part(gate + i, n - i)), load_part(up + i, n - i)),
                 n - i));
}

// cap * tanh(x / cap) with tanh(y) = 1 - 2 / (1 + e^2y): absolute error below 3e-7 * cap.
G4_INLINE F capped(F x, F cap) {
  const F e = exponential(div(add(x, x), cap));
  const F one = set1(1.0f);
  return mul(cap, sub(one, div(set1(2.0f), add(one, e))));
}

void softcap(float* x, float cap, std::int64_t n) {
  G4_FOR_VECTORS(i, n, store(x + i, capped(load(x + i), set1(cap))),
                 store_part(x + i, capped(load_part(x + i, n - i), set1(cap)), n - i));
}

void weighted_sum(float* out, const float* y, const float* weights, std::int64_t k,
                  std::int64_t n) {
  G4_FOR_VECTORS(
      i, n,
      {
        F total = zero();
        for (std::int64_t j = 0; j < k; ++j)
          total = fma(set1(weights[j]), load(y + j * n + i), total);
        store(out + i, total);
      },
      {
        F total = zero();
        for (std::int64_t j = 0; j < k; ++j)
          total = fma(set1(weights[j]), load_part(y + j * n + i, n - i), total);
        store_part(out + i, total, n - i);
      });
}

// kRows x kColumns dot products; each sums its 16 lanes in the same order whatever the block.
template <int kRows, int kColumns>
void dot_block(float* out, std::int64_t stride, const float* a, const float* x, std::int64_t n) {
  F total[kRows][kColumns];
  for (auto& row : total)
    for (auto& value : row) value = zero();
  const auto step = [&](auto get, std::int64_t i) {
    F rows[kRows];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) rows[r] = get(a + r * n + i);
#pragma GCC unroll 8
    for (int c = 0; c < kColumns; ++c) {
      const F v = get(x + c * n + i);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) total[r][c] = fma(rows[r], v, total[r][c]);
    }
  };
  std::int64_t i = 0;
  for (; i + 16 <= n; i += 16) step([](const float* p) { return load(p); }, i);
  if (i < n) step([&](const float* p) { return load_part(p, n - i); }, i);
  for (int c = 0; c < kColumns; ++c)
    for (int r = 0; r < kRows; ++r) out[c * stride + r] = sum(total[r][c]);
}

void dots(float* out, const float* a, std::int64_t rows, const float* x, std::int64_t columns,
          std::int64_t n) {
  // A few rows stay in the cache while the columns pass.
  for (std::int64_t r = 0; r < rows;) {
    const bool tall = rows - r >= kDotRows;
    for (std::int64_t c = 0; c < columns;) {
      const bool wide = columns - c >= kDotColumns;
      float* at = out + c * rows + r;
      const float *ar = a + r * n, *xc = x + c * n;
      if (tall && wide) dot_block<kDotRows, kDotColumns>(at, rows, ar, xc, n);
      if (tall && !wide) dot_block<kDotRows, 1>(at, rows, ar, xc, n);
      if (!tall && wide) dot_block<1, kDotColumns>(at, rows, ar, xc, n);
      if (!tall && !wide) dot_block<1, 1>(at, rows, ar, xc, n);
      c += wide ? kDotColumns : 1;
    }
    r += tall ? kDotRows : 1;
  }
}
