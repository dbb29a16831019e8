// Any bytes as a safetensors file: no crash, and every tensor of an accepted file lies inside it.
// The same bytes as an index: every file name it yields stays in the folder.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "weights/safetensors.h"

namespace {

void check_file(std::span<const std::byte> bytes) {
  const auto tensors = g4::parse_safetensors(g4::MemorySource("fuzz.safetensors", bytes));
  if (!tensors) {
    if (tensors.error().message.empty()) std::abort();
    return;
  }
  std::uint64_t end = 8;
  for (const g4::TensorInfo& tensor : *tensors) {
    if (tensor.offset < end || tensor.offset > bytes.size() ||
        tensor.bytes > bytes.size() - tensor.offset)
      std::abort();
    if (tensor.bytes != g4::byte_size(tensor.dtype, tensor.shape.elements().value())) std::abort();
    end = tensor.offset + tensor.bytes;
    const std::uint64_t elements = *tensor.shape.elements();
    const auto values = std::make_unique<float[]>(elements);
    g4::dequantise(tensor.dtype, bytes.data() + tensor.offset, values.get(), elements);
  }
}

void check_index(std::string_view text) {
  const auto shards = g4::parse_safetensors_index("fuzz.json", text);
  if (!shards) return;
  for (const auto& [tensor, file] : *shards)
    if (file.find('/') != file.npos || file.find('\0') != file.npos || file.starts_with('.'))
      std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // An allocation of exactly this size, so that AddressSanitizer sees a read past the end.
  const auto bytes = std::make_unique<std::byte[]>(size);
  if (size != 0) std::memcpy(bytes.get(), data, size);
  check_file({bytes.get(), size});
  check_index({reinterpret_cast<const char*>(bytes.get()), size});
  return 0;
}
