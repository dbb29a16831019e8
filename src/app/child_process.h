// Runs another program and waits for it; no shell is involved.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace g4::app {

struct ChildResult {
  int exit_code = 0;   // 128 + signal if a signal ended it
  std::string output;  // the last 16 KiB of stdout and stderr together
};

// An Error if the program cannot be started (e.g. it is not installed).
Result<ChildResult> run_program(const std::vector<std::string>& arguments);

}  // namespace g4::app
