// How much memory this process may use at most: the machine's, or less in a container.
#pragma once

#include <cstdint>
#include <string>

namespace g4 {

// The machine's memory, or the smallest limit of the control groups (v2 or v1) the process is in.
// Zero if it cannot be told.
std::uint64_t machine_memory_bytes();

// The smallest limit of a control group and the ones above it, UINT64_MAX if there is none.
// mount: where the hierarchy is mounted; group: the path within it; file: the limit's name.
// Source: the kernel's admin-guide/cgroup-v2.rst, memory.max.
std::uint64_t group_memory_limit(const std::string& mount, std::string group, const char* file);

}  // namespace g4
