// What every kernel needs over F, in one order of operations for all ISAs.

G4_INLINE float sum(F x) {
  __m256 low, high;
  halves(x, &low, &high);
  const __m256 a = _mm256_add_ps(low, high);
  const __m128 b = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_add_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_add_ss(c, _mm_movehdup_ps(c)));
}

G4_INLINE float largest(F x) {
  __m256 low, high;
  halves(x, &low, &high);
  const __m256 a = _mm256_max_ps(low, high);
  const __m128 b = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  const __m128 c = _mm_max_ps(b, _mm_movehl_ps(b, b));
  return _mm_cvtss_f32(_mm_max_ss(c, _mm_movehdup_ps(c)));
}

// e^x: x = n ln 2 + r, |r| <= ln 2 / 2, and a polynomial of degree 7 in r (coefficients as in
// Cephes' expf). Relative error below 3e-7; zero below -87, e^88 above 88.
G4_INLINE F exponential(F x) {
  const F low = set1(-87.0f);
  const F y = min(max(x, low), set1(88.0f));
  const I n = to_int(mul(y, set1(1.44269504088896341f)));
  F r = fnma(to_float(n), set1(0.693359375f), y);
  r = fnma(to_float(n), set1(-2.12194440e-4f), r);
  F p = set1(1.9875691500e-4f);
  p = fma(p, r, set1(1.3981999507e-3f));
  p = fma(p, r, set1(8.3334519073e-3f));
  p = fma(p, r, set1(4.1665795894e-2f));
  p = fma(p, r, set1(1.6666665459e-1f));
  p = fma(p, r, set1(5.0000001201e-1f));
  p = add(fma(p, mul(r, r), r), set1(1.0f));
  return at_least(x, low, mul(p, power_of_2(n)));
}
