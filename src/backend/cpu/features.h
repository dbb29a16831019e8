// Which kernels this machine can run.
#pragma once

#include <string>

#include "backend/cpu/kernels.h"
#include "base/result.h"

namespace g4::cpu {

// The kernels named `isa` ("avx2", "avx512"); if that is empty, those G4_ISA names; if that is
// unset too, the best this machine has. An Error says what is unknown or missing.
Result<const Kernels*> pick_kernels(const std::string& isa);

}  // namespace g4::cpu
