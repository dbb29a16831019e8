// A published checkpoint as a list of named tensors and its metadata, whatever the file format.
//
// Reads a Hugging Face folder (config.json + safetensors, single or sharded by index.json), one
// .safetensors file beside its config.json, or a GGUF v3 file (split files: any part, or part 1).
// Bytes are foreign: every size, offset, count and string length is checked before use, and a bad
// file gives one sentence naming the file, the tensor or key, what was found and what was expected.
// Threads: immutable after open(); read() may run on several threads at once (pread).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/huge_memory.h"
#include "base/result.h"
#include "tensor/dtype.h"
#include "tensor/shape.h"

namespace g4 {

struct TensorInfo {
  std::string name;  // as in the file
  DType dtype;
  Shape shape;           // [out, in]: slowest first in both formats (GGUF's ne is reversed here)
  std::uint64_t bytes;   // of data; equals byte_size(dtype, elements)
  std::uint32_t file;    // index into Checkpoint::files()
  std::uint64_t offset;  // from the start of that file
};

// One GGUF metadata value. Arrays keep their element type; nested arrays are refused.
using MetaValue = std::variant<std::uint64_t, std::int64_t, double, bool, std::string,
                               std::vector<std::uint64_t>, std::vector<std::int64_t>,
                               std::vector<double>, std::vector<bool>, std::vector<std::string>>;

class Checkpoint {
 public:
  enum class Format : std::uint8_t { kHuggingFace, kGguf };

  static Result<Checkpoint> open(const std::string& path);

  Checkpoint(Checkpoint&&) noexcept;
  Checkpoint& operator=(Checkpoint&&) noexcept;
  ~Checkpoint();

  Format format() const;
  const std::string& path() const;              // as given to open()
  std::span<const std::string> files() const;   // tensor files
  std::uint64_t file_bytes() const;             // of all tensor files together
  std::span<const TensorInfo> tensors() const;  // in file order
  const TensorInfo* find(std::string_view name) const;

  // GGUF only; nullptr if absent. Unsigned and signed integers of any width become 64-bit.
  const MetaValue* meta(std::string_view key) const;
  std::vector<std::string_view> meta_keys() const;
  // Hugging Face only: text of config.json, tokenizer.json, generation_config.json,
  // tokenizer_config.json, chat_template.jinja; nullopt if the folder has no such file.
  std::optional<std::string> side_file(std::string_view name) const;

  // Reads bytes [begin, begin + out.size()) of a tensor's data.
  Status read(const TensorInfo& tensor, std::uint64_t begin, std::span<std::byte> out) const;
  // The same somewhere in the buffer, and at the disk's speed: a checkpoint of more than half the
  // machine's memory is read past the page cache, which could not keep it beside the weights.
  Result<std::span<const std::byte>> read_into(const TensorInfo& tensor, std::uint64_t begin,
                                               std::size_t bytes, ReadBuffer& buffer) const;
  // The whole tensor as f32 (small tensors: norms, scales, router).
  Result<std::vector<float>> read_f32(const TensorInfo& tensor) const;

 private:
  struct Impl;
  explicit Checkpoint(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace g4
