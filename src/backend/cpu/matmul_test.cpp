// Products against the reference, and the promise that batching changes no bit.
#include <gmock/gmock.h>

#include <algorithm>
#include <limits>

#include "backend/cpu/test_support.h"

namespace g4::cpu {
namespace {

// Largest error allowed of sum_k w_k x_k. F32 and F16: f32 sums, 1e-5 of sum |w x|. BF16: avx512
// rounds the activations to 8 bits of fraction, 2^-9 each; six standard deviations of independent
// roundings. Quantised: activations are rounded to steps of d = absmax / 127 of their block of 32;
// six standard deviations (d / sqrt(12) each), and the f32 sums.
double tolerance(DType dtype, const std::vector<float>& w, const float* x) {
  double products = 0, squares = 0;
  for (std::size_t i = 0; i < w.size(); ++i) {
    const double product = static_cast<double>(w[i]) * static_cast<double>(x[i]);
    products += std::fabs(product);
    if (dtype == DType::kBF16) squares += std::pow(product / 512, 2);
  }
  if (is_quantised(dtype))
    for (std::size_t block = 0; block < w.size(); block += 32) {
      double highest = 0, length = 0;
      for (std::size_t i = block; i < block + 32; ++i) {
        highest = std::max(highest, std::fabs(static_cast<double>(x[i])));
        length += static_cast<double>(w[i]) * static_cast<double>(w[i]);
      }
      squares += std::pow(highest / 127, 2) / 12 * length;
    }
  return 1e-5 * products + 6 * std::sqrt(squares) + 1e-9;
}

struct Size {
  std::int64_t rows, out, blocks;  // blocks of the type, or times 13 values for plain ones
};

std::int64_t in_of(DType dtype, std::int64_t blocks) {
  return is_quantised(dtype) ? blocks * traits(dtype).block_elements : 13 * blocks;
}

TEST(CpuProject, MatchesTheReferenceForEveryTypeAndAwkwardSizes) {
  ASSERT_THAT(machine_isas(), testing::Not(testing::IsEmpty()));
  const auto reference = make_reference_backend();
  Random random(1);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    for (DType dtype : all_dtypes())
      for (Size size : {Size{1, 1, 1},
                        {2, 15, 2},
                        {3, 16, 3},
                        {4, 17, 1},
                        {5, 100, 5},
                        {9, 33, 7},
                        {17, 48, 2},
                        {33, 130, 3}}) {
        const std::int64_t in = in_of(dtype, size.blocks);
        const RandomTensor tensor(dtype, {std::uint64_t(size.out), std::uint64_t(in)}, random);
        Rows x(size.rows, in, random), want(size.rows, size.out), got(size.rows, size.out);
        const auto slow = reference->load(tensor.source()).value();
        const auto fast = backend->load(tensor.source()).value();
        const Projection slow_one[] = {{slow.get(), want.mat()}};
        const Projection fast_one[] = {{fast.get(), got.mat()}};
        reference->project(x.mat(), slow_one);
        backend->project(x.mat(), fast_one);
        for (std::int64_t j = 0; j < size.out; ++j) {
          const std::vector<float> w = tensor.row(j);
          for (std::int64_t i = 0; i < size.rows; ++i)
            ASSERT_NEAR(got.mat().row(i)[j], want.mat().row(i)[j],
                        tolerance(dtype, w, x.mat().row(i)))
                << isa << " " << name(dtype) << " row " << i << " of " << size.rows << ", out " << j
                << " of " << size.out << ", in " << in;
        }
      }
  }
}

TEST(CpuProject, ARowAloneHasTheBitsItHasInACrowd) {
  Random random(2);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    for (DType dtype : all_dtypes()) {
      const std::int64_t in = in_of(dtype, 3), out = 70, rows = 40;
      const RandomTensor tensor(dtype, {std::uint64_t(out), std::uint64_t(in)}, random);
      const auto weight = backend->load(tensor.source()).value();
      Rows x(rows, in, random), alone(rows, out);
      for (std::int64_t i = 0; i < rows; ++i) {
        const Projection one[] = {{weight.get(), alone.part(i, 1)}};
        backend->project(x.part(i, 1), one);
      }
      for (std::int64_t n = 2; n <= rows; ++n) {
        Rows together(n, out);
        const Projection all[] = {{weight.get(), together.mat()}};
        backend->project(x.part(0, n), all);
        ASSERT_EQ(0, std::memcmp(together.values.data(), alone.values.data(),
                                 together.values.size() * sizeof(float)))
            << isa << " " << name(dtype) << " " << n << " rows";
      }
    }
  }
}

// BF16 excepted: avx512 has an instruction of its own for it.
TEST(CpuProject, AllInstructionSetsGiveTheSameBits) {
  const std::vector<std::string> isas = machine_isas();
  for (DType dtype : all_dtypes()) {
    if (dtype == DType::kBF16) continue;
    std::vector<float> first;
    for (const std::string& isa : isas) {
      Random random(3);
      const auto backend = cpu_backend(isa);
      const std::int64_t in = in_of(dtype, 5);
      const RandomTensor tensor(dtype, {50, std::uint64_t(in)}, random);
      const auto weight = backend->load(tensor.source()).value();
      Rows x(7, in, random), out(7, 50);
      const Projection one[] = {{weight.get(), out.mat()}};
      backend->project(x.mat(), one);
      if (first.empty()) first = out.values;
      EXPECT_EQ(0, std::memcmp(first.data(), out.values.data(), first.size() * sizeof(float)))
          << isa << " " << name(dtype);
    }
  }
}

// An odd row of BF16 weights pairs its last value with nothing, above all not with the row beside
// it.
TEST(CpuProject, ARowIsNotTouchedByANeighbourThatIsNotANumber) {
  Random random(9);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
      const RandomTensor tensor(dtype, {20, 13}, random);
      const auto weight = backend->load(tensor.source()).value();
      Rows x(2, 13, random), out(2, 20);
      std::fill_n(x.mat().row(1), 13, std::numeric_limits<float>::quiet_NaN());
      const Projection one[] = {{weight.get(), out.mat()}};
      backend->project(x.mat(), one);
      for (std::int64_t j = 0; j < 20; ++j)
        EXPECT_TRUE(std::isfinite(out.mat().row(0)[j])) << isa << " " << name(dtype);
    }
  }
}

// The largest values of weights and activations, all of one sign: where 16-bit sums would saturate.
TEST(CpuProject, ExtremeWeightsDoNotSaturate) {
  const auto reference = make_reference_backend();
  Random random(4);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    for (DType dtype : all_dtypes()) {
      if (!is_quantised(dtype)) continue;
      for (std::byte fill : {std::byte{0xff}, std::byte{0x80}, std::byte{0x7f}, std::byte{0}}) {
        const std::int64_t in = 512;
        RandomTensor tensor(dtype, {16, std::uint64_t(in)}, random);
        const std::size_t block = traits(dtype).block_bytes;
        // Scales keep their place: the first four bytes, of Q6_K the last two.
        for (std::size_t at = 0; at < tensor.bytes.size(); at += block)
          for (std::size_t i = 4; i + 2 < block; ++i) tensor.bytes[at + i] = fill;
        for (float value : {1.0f, -1.0f}) {
          Rows x(3, in), want(3, 16), got(3, 16);
          std::fill(x.values.begin(), x.values.end(), value);
          const auto slow = reference->load(tensor.source()).value();
          const auto fast = backend->load(tensor.source()).value();
          const Projection slow_one[] = {{slow.get(), want.mat()}};
          const Projection fast_one[] = {{fast.get(), got.mat()}};
          reference->project(x.mat(), slow_one);
          backend->project(x.mat(), fast_one);
          for (std::int64_t j = 0; j < 16; ++j) {
            double products = 0;
            for (float w : tensor.row(j)) products += std::fabs(static_cast<double>(w));
            ASSERT_NEAR(got.values[std::size_t(j)], want.values[std::size_t(j)], 1e-5 * products)
                << isa << " " << name(dtype) << " fill " << int(fill);
          }
        }
      }
    }
  }
}

TEST(CpuProject, SeveralProjectionsOfMixedTypesShareOneCall) {
  Random random(5);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    std::vector<std::unique_ptr<Weight>> weights;
    std::vector<Rows> alone, together;
    for (DType dtype : {DType::kQ4_0, DType::kQ6_K, DType::kBF16, DType::kQ8_0, DType::kQ4_0}) {
      const RandomTensor tensor(dtype, {37, 512}, random);
      weights.push_back(backend->load(tensor.source()).value());
      alone.emplace_back(11, 37);
      together.emplace_back(11, 37);
    }
    Rows x(11, 512, random);
    std::vector<Projection> all;
    for (std::size_t i = 0; i < weights.size(); ++i) {
      const Projection one[] = {{weights[i].get(), alone[i].mat()}};
      backend->project(x.mat(), one);
      all.push_back({weights[i].get(), together[i].mat()});
    }
    backend->project(x.mat(), all);
    for (std::size_t i = 0; i < weights.size(); ++i)
      EXPECT_EQ(alone[i].values, together[i].values) << isa << " projection " << i;
  }
}

TEST(CpuFfn, MatchesTheReferenceAndDoesNotDependOnTheBatch) {
  const auto reference = make_reference_backend();
  Random random(6);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    for (DType dtype : {DType::kF32, DType::kBF16, DType::kQ4_0, DType::kQ6_K}) {
      const std::uint64_t hidden = 256, width = dtype == DType::kF32 ? 100 : 512;
      const RandomTensor gate(dtype, {width, hidden}, random), up(dtype, {width, hidden}, random),
          down(dtype, {hidden, width}, random);
      Rows x(10, 256, random), want(10, 256), got(10, 256), alone(10, 256);
      reference->ffn(want.mat(), x.mat(), *reference->load(gate.source()).value(),
                     *reference->load(up.source()).value(),
                     *reference->load(down.source()).value());
      const auto g = backend->load(gate.source()).value(), u = backend->load(up.source()).value(),
                 d = backend->load(down.source()).value();
      backend->ffn(got.mat(), x.mat(), *g, *u, *d);
      for (std::int64_t i = 0; i < 10; ++i)
        backend->ffn(alone.part(i, 1), x.part(i, 1), *g, *u, *d);
      EXPECT_EQ(got.values, alone.values) << isa << " " << name(dtype);
      double error = 0, size = 0;
      for (std::size_t i = 0; i < want.values.size(); ++i) {
        error += std::pow(static_cast<double>(got.values[i]) - want.values[i], 2);
        size += std::pow(static_cast<double>(want.values[i]), 2);
      }
      // Two roundings of activations, 0.4 % of a typical value each.
      EXPECT_LT(std::sqrt(error / size), dtype == DType::kF32 ? 1e-5 : 0.02)
          << isa << " " << name(dtype);
    }
  }
}

TEST(CpuLogits, AreCapped) {
  const auto reference = make_reference_backend();
  Random random(7);
  const RandomTensor head(DType::kF32, {1003, 64}, random);
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    for (float cap : {0.0f, 30.0f, 0.5f}) {
      Rows x(3, 64, random), want(3, 1003), got(3, 1003);
      reference->logits(want.mat(), x.mat(), *reference->load(head.source()).value(), cap);
      backend->logits(got.mat(), x.mat(), *backend->load(head.source()).value(), cap);
      for (std::size_t i = 0; i < want.values.size(); ++i)
        ASSERT_NEAR(got.values[i], want.values[i], 2e-5) << isa << " cap " << cap;
    }
  }
}

TEST(CpuLoad, AFailingReadIsTheErrorOfLoad) {
  for (const std::string& isa : machine_isas()) {
    const auto backend = cpu_backend(isa);
    WeightSource source{.name = "w",
                        .dtype = DType::kF32,
                        .shape = {4000, 1000},
                        .read = [](std::uint64_t begin, std::size_t bytes,
                                   ReadBuffer& buffer) -> Result<std::span<const std::byte>> {
                          if (begin != 0) return Error{"the disk is on fire"};
                          const std::byte* const data = G4_TRY(buffer.reserve(bytes));
                          return std::span(data, bytes);
                        }};
    const auto weight = backend->load(source);
    ASSERT_FALSE(weight.has_value());
    EXPECT_EQ(weight.error().message, "the disk is on fire");
    source.dtype = DType::kQ4_0;
    source.shape = {4, 33};
    EXPECT_THAT(backend->load(source).error().message, testing::HasSubstr("33 values"));
  }
}

TEST(CpuLoad, TakesTheBytesOfTheFileAndLittleMore) {
  Random random(8);
  const auto backend = cpu_backend("", 1);
  for (DType dtype : all_dtypes()) {
    const RandomTensor tensor(dtype, {64, 2816}, random);
    const auto weight = backend->load(tensor.source()).value();
    EXPECT_EQ(weight->out, 64);
    EXPECT_EQ(weight->in, 2816);
    EXPECT_LE(static_cast<double>(weight->bytes), 1.03 * static_cast<double>(tensor.bytes.size()));
  }
}

TEST(CpuBackend, TheForcedInstructionSetIsTheOneThatRuns) {
  for (const std::string& isa : machine_isas())
    EXPECT_EQ(cpu_backend(isa, 3)->name(), "cpu (" + isa + ", 3 threads)");
  EXPECT_THAT(make_cpu_backend({.threads = 1, .isa = "mmx"}).error().message,
              testing::HasSubstr("unknown instruction set 'mmx'"));
  EXPECT_FALSE(make_cpu_backend({.threads = -1, .isa = ""}).has_value());
}

}  // namespace
}  // namespace g4::cpu
