// Runs work that recurses deeply on a thread with a stack of 64 MB, and waits for it.
#pragma once

#include <functional>

#include "base/result.h"

namespace g4::grammar {

Status on_deep_stack(const std::function<void()>& work);  // fails if no thread can be had

}  // namespace g4::grammar
