// data: URLs: bytes or a sentence, never more bytes than characters, never a read past the end.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "api/data_url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto copy = std::make_unique<char[]>(size);
  if (size > 0) std::memcpy(copy.get(), data, size);
  const auto bytes = g4::api::read_data_url({copy.get(), size});
  if (bytes ? bytes->size() > size : bytes.error().message.empty()) std::abort();
  return 0;
}
