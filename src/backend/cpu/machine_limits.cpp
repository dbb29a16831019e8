#include "backend/cpu/machine_limits.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <vector>

#include "backend/cpu/features.h"
#include "base/huge_memory.h"
#include "base/thread_pool.h"

namespace g4 {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Work of all threads per second: the best of several short tries, for a limit is what is possible.
template <class Work>
double best_rate(ThreadPool& pool, double seconds, Work work) {
  double best = 0;
  const auto start = Clock::now();
  do {
    std::vector<double> done(static_cast<std::size_t>(pool.threads()));
    const auto begin = Clock::now();
    pool.run(pool.threads(),
             [&](std::int64_t i, int) { done[static_cast<std::size_t>(i)] = work(i); });
    const double elapsed = seconds_since(begin);
    double sum = 0;
    for (double value : done) sum += value;
    best = std::max(best, sum / elapsed);
  } while (seconds_since(start) < seconds);
  return best;
}

}  // namespace

Result<MachineLimits> measure_machine_limits(int threads, const std::string& isa) {
  const cpu::Kernels* const kernels = G4_TRY(cpu::pick_kernels(isa));
  ThreadPool pool(threads > 0 ? threads : physical_cores());
  constexpr std::int64_t kSteps = 300'000;  // about 1 ms
  constexpr double kSeconds = 0.15;
  MachineLimits limits;
  limits.int8_ops =
      best_rate(pool, kSeconds, [&](std::int64_t) { return kernels->peak_int8(kSteps); });
  limits.bf16_flops =
      best_rate(pool, kSeconds, [&](std::int64_t) { return kernels->peak_bf16(kSteps); });
  limits.f32_flops =
      best_rate(pool, kSeconds, [&](std::int64_t) { return kernels->peak_f32(kSteps); });

  const std::size_t share = std::min(
      std::size_t{256} << 20, (std::size_t{2} << 30) / static_cast<std::size_t>(pool.threads()));
  const HugeMemory memory =
      G4_TRY(HugeMemory::make(share * static_cast<std::size_t>(pool.threads())));
  const auto part = [&](std::int64_t i) {
    return memory.data() + static_cast<std::size_t>(i) * share;
  };
  pool.run(pool.threads(), [&](std::int64_t i, int) { std::memset(part(i), 1, share); });
  limits.read_bytes = best_rate(pool, 3 * kSeconds, [&](std::int64_t i) {
    return kernels->read_bytes(part(i), static_cast<std::int64_t>(share));
  });
  return limits;
}

}  // namespace g4
