// What this machine can do at most, measured with our own instructions: the bound that every speed
// is reported against (gemma4 bench).
#pragma once

#include <string>

#include "base/result.h"

namespace g4 {

struct MachineLimits {
  double int8_ops = 0;    // multiplies and adds a second, of all threads together
  double bf16_flops = 0;  // likewise; on machines without a bf16 instruction that of f32
  double f32_flops = 0;
  double read_bytes = 0;  // bytes a second streamed from memory
};

// Takes about one second and 256 MiB a thread (at most 2 GiB). threads and isa: as in CpuOptions.
Result<MachineLimits> measure_machine_limits(int threads, const std::string& isa);

}  // namespace g4
