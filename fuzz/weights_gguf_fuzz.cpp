// Any bytes as a GGUF file: no crash, and every tensor of an accepted file lies inside it.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "weights/gguf.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // An allocation of exactly this size, so that AddressSanitizer sees a read past the end.
  const auto bytes = std::make_unique<std::byte[]>(size);
  if (size != 0) std::memcpy(bytes.get(), data, size);
  const g4::Result<g4::GgufFile> gguf =
      g4::parse_gguf(g4::MemorySource("fuzz.gguf", {bytes.get(), size}));
  if (!gguf) {
    if (gguf.error().message.empty()) std::abort();
    return 0;
  }
  std::uint64_t end = gguf->data_begin;
  for (const g4::TensorInfo& tensor : gguf->tensors) {
    if (tensor.offset < end || tensor.offset > size || tensor.bytes > size - tensor.offset)
      std::abort();
    if (tensor.bytes != g4::byte_size(tensor.dtype, tensor.shape.elements().value())) std::abort();
    end = tensor.offset + tensor.bytes;
    // The last row must be readable where the parser says it is.
    const std::uint64_t row = tensor.shape.back();
    const auto values = std::make_unique<float[]>(row);
    const std::uint64_t row_bytes = g4::byte_size(tensor.dtype, row).value();
    g4::dequantise(tensor.dtype, bytes.get() + end - row_bytes, values.get(), row);
  }
  return 0;
}
