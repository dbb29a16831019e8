#include "backend/cpu/features.h"

#include <fmt/format.h>

#include <cstdlib>

namespace g4::cpu {
namespace {

// __builtin_cpu_supports asks cpuid and, for the wide registers, whether the system saves them
// (xgetbv).
bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}
bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bf16");
}

struct Row {
  const Kernels* kernels;
  bool (*available)();
  const char* needs;
};
constexpr Row kRows[] = {
    // best first
    {&avx512::kKernels, has_avx512, "AVX-512 F, BW, VL, DQ, VNNI and BF16"},
    {&avx2::kKernels, has_avx2, "AVX2, FMA and F16C"},
};

}  // namespace

Result<const Kernels*> pick_kernels(const std::string& isa) {
  const char* const from_environment = std::getenv("G4_ISA");
  const std::string wanted = !isa.empty() ? isa : from_environment ? from_environment : "";
  for (const Row& row : kRows) {
    if (!wanted.empty() && wanted != row.kernels->name) continue;
    if (row.available()) return row.kernels;
    if (!wanted.empty())
      return Error{fmt::format("this machine lacks what '{}' needs: {}", wanted, row.needs)};
  }
  if (wanted.empty())
    return Error{fmt::format("this machine lacks the least we need: {}", kRows[1].needs)};
  return Error{fmt::format("unknown instruction set '{}' (avx2, avx512)", wanted)};
}

}  // namespace g4::cpu
