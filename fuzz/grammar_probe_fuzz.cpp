// The vocabulary that the grammar probe is sent: whole, or refused.
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "grammar/probe_protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  const auto table = g4::grammar::read_table(bytes);
  if (!table) return 0;
  const auto again = g4::grammar::write_table(*table);
  if (again.size() != size || std::memcmp(again.data(), data, size) != 0) std::abort();
  return 0;
}
