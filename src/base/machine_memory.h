// How much memory this process may use at most: the machine's, or less in a container.
#pragma once

#include <cstdint>
#include <istream>
#include <string>

namespace g4 {

// The machine's memory, or the smallest limit of the control groups (v2 or v1) the process is in.
// Zero if it cannot be told.
std::uint64_t machine_memory_bytes();

// The smallest limit of a control group and the ones above it, UINT64_MAX if there is none.
// mount: where the hierarchy is mounted; group: the path within it; file: the limit's name.
// Source: the kernel's admin-guide/cgroup-v2.rst, memory.max.
std::uint64_t group_memory_limit(const std::string& mount, std::string group, const char* file);

// The same for the lines of /proc/self/cgroup: "0::/group" (v2), "4:memory:/group" (v1).
std::uint64_t groups_memory_limit(std::istream& groups, const std::string& mount);

}  // namespace g4
