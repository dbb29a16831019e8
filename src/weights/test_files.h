// For tests: checkpoint files built byte by byte, right or wrong, in memory and in a folder.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace g4::test {

inline std::span<const std::byte> as_span(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// GGUF value types, as numbered in the file.
enum GgufValue : std::uint32_t {
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64
};

class GgufBytes {
 public:
  template <class T>
    requires std::is_arithmetic_v<T>
  GgufBytes& raw(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    bytes_.append(bytes, sizeof value);
    return *this;
  }
  GgufBytes& bytes(std::string_view text) {
    bytes_ += text;
    return *this;
  }
  GgufBytes& text(std::string_view text) { return raw(std::uint64_t{text.size()}).bytes(text); }
  GgufBytes& header(std::uint64_t tensors, std::uint64_t keys, std::uint32_t version = 3) {
    return bytes("GGUF").raw(version).raw(tensors).raw(keys);
  }
  GgufBytes& key(std::string_view name, std::uint32_t type) { return text(name).raw(type); }
  template <class T>
  GgufBytes& value(std::string_view name, std::uint32_t type, T held) {
    return key(name, type).raw(held);
  }
  GgufBytes& string(std::string_view name, std::string_view held) {
    return key(name, kString).text(held);
  }
  GgufBytes& array(std::string_view name, std::uint32_t type, std::uint64_t count) {
    return key(name, kArray).raw(type).raw(count);
  }
  // `sizes` fastest first, as in the file.
  GgufBytes& tensor(std::string_view name, std::initializer_list<std::uint64_t> sizes,
                    std::uint32_t type, std::uint64_t offset) {
    text(name).raw(static_cast<std::uint32_t>(sizes.size()));
    for (std::uint64_t size : sizes) raw(size);
    return raw(type).raw(offset);
  }
  GgufBytes& pad(std::size_t alignment = 32) {
    while (bytes_.size() % alignment != 0) bytes_ += '\0';
    return *this;
  }
  // Bytes 0, 1, 2, ... 255, 0, ...
  GgufBytes& data(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) bytes_ += static_cast<char>(i);
    return *this;
  }
  const std::string& str() const { return bytes_; }

 private:
  std::string bytes_;
};

// A safetensors file with this header and data_bytes bytes 0, 1, 2, ...
inline std::string safetensors_bytes(std::string_view header, std::size_t data_bytes) {
  return GgufBytes().text(header).data(data_bytes).str();
}

// A folder that is removed at the end of the test.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = testing::TempDir() + "/g4-weights-XXXXXX";
    if (::mkdtemp(pattern.data()) == nullptr) ADD_FAILURE() << "cannot make " << pattern;
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  std::string path() const { return path_; }
  std::string write(const std::string& name, std::string_view bytes) const {
    const std::string file = path_ + "/" + name;
    std::ofstream(file, std::ios::binary) << bytes;
    return file;
  }

 private:
  std::string path_;
};

}  // namespace g4::test
