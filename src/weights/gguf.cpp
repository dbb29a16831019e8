// A hostile file must not cost more memory than its own size allows: every count is held against
// the bytes that are left before anything is reserved, and all positions are unsigned 64-bit.
#include "weights/gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include "weights/layout.h"

namespace g4 {
namespace {

enum class ValueType : std::uint32_t {
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
  kF64,
};
constexpr std::string_view kValueTypeNames[] = {"uint8",  "int8",    "uint16", "int16",  "uint32",
                                                "int32",  "float32", "bool",   "string", "array",
                                                "uint64", "int64",   "float64"};
constexpr std::uint32_t kValueTypeBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};  // at least

struct TensorType {
  std::uint32_t number;  // in the file
  DType dtype;
};
constexpr TensorType kTensorTypes[] = {
    {0, DType::kF32},   {1, DType::kF16},   {2, DType::kQ4_0},    {3, DType::kQ4_1},
    {6, DType::kQ5_0},  {7, DType::kQ5_1},  {8, DType::kQ8_0},    {12, DType::kQ4_K},
    {13, DType::kQ5_K}, {14, DType::kQ6_K}, {20, DType::kIQ4_NL}, {23, DType::kIQ4_XS},
    {30, DType::kBF16},
};
static_assert(std::size(kTensorTypes) == kDTypeCount);

std::optional<DType> dtype_of(std::uint32_t number) {
  for (const TensorType& type : kTensorTypes)
    if (type.number == number) return type.dtype;
  return std::nullopt;
}

std::string supported_types() {
  std::string text;
  for (const TensorType& type : kTensorTypes)
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", name(type.dtype), type.number);
  return text;
}

// Reads the header front to back through a window, never past its end.
class Cursor {
 public:
  explicit Cursor(const ByteSource& source)
      : source_(source), end_(std::min(source.size(), kGgufHeaderBytesMax)) {}

  std::uint64_t position() const { return window_begin_ + used_; }
  std::uint64_t left() const { return end_ - position(); }
  const std::string& file() const { return source_.name(); }

  // `what` names the thing being read, for the message; it must outlive the call only.
  Status bytes(void* out, std::uint64_t count, std::string_view what) {
    if (count > left()) return short_of(count, what);
    auto* to = static_cast<std::byte*>(out);
    while (count > 0) {
      if (used_ == window_.size()) G4_TRY(refill());
      const std::uint64_t part = std::min<std::uint64_t>(count, window_.size() - used_);
      std::memcpy(to, window_.data() + used_, part);
      used_ += part;
      to += part;
      count -= part;
    }
    return {};
  }

  template <class T>
  Status scalar(T& out, std::string_view what) {
    return bytes(&out, sizeof out, what);
  }

  Status string(std::string& out, std::uint64_t bytes_max, std::string_view what) {
    std::uint64_t length = 0;
    G4_TRY(scalar(length, what));
    if (length > bytes_max)
      return Error{fmt::format("{}: {}: a string of {} bytes, but at most {} are allowed", file(),
                               what, length, bytes_max)};
    if (length > left()) return short_of(length, what);
    out.resize(length);
    return bytes(out.data(), length, what);
  }

 private:
  static constexpr std::uint64_t kWindowBytes = 1u << 20;

  Status refill() {
    window_begin_ += window_.size();
    window_.resize(std::min(kWindowBytes, end_ - window_begin_));
    used_ = 0;
    return source_.read_at(window_begin_, window_);
  }

  Error short_of(std::uint64_t count, std::string_view what) const {
    if (end_ < source_.size())
      return Error{fmt::format("{}: {}: the header is longer than {} bytes", file(), what, end_)};
    return Error{fmt::format("{}: {}: {} bytes expected at offset {}, but the file ends at {}",
                             file(), what, count, position(), end_)};
  }

  const ByteSource& source_;
  std::uint64_t end_;
  std::uint64_t window_begin_ = 0;
  std::vector<std::byte> window_;
  std::uint64_t used_ = 0;
};

class GgufParser {
 public:
  explicit GgufParser(const ByteSource& source) : source_(source), cursor_(source) {}

  Result<GgufFile> parse() {
    G4_TRY(counts());
    for (std::uint64_t i = 0; i < keys_; ++i) G4_TRY(key_value(i));
    G4_TRY(alignment());
    gguf_.tensors.reserve(tensors_);
    for (std::uint64_t i = 0; i < tensors_; ++i) G4_TRY(tensor(i));
    G4_TRY(place_tensors());
    return std::move(gguf_);
  }

 private:
  template <class... Args>
  Error fail(fmt::format_string<Args...> text, Args&&... args) const {
    return Error{cursor_.file() + ": " + fmt::format(text, std::forward<Args>(args)...)};
  }

  Status counts() {
    char magic[4];
    std::uint32_t version = 0;
    G4_TRY(cursor_.bytes(magic, sizeof magic, "magic"));
    if (std::string_view(magic, 4) != "GGUF")
      return fail("not a GGUF file: it begins with {}", in_quotes({magic, 4}));
    G4_TRY(cursor_.scalar(version, "version"));
    if (version == __builtin_bswap32(3)) return fail("a big-endian GGUF file; expected little");
    if (version != 3) return fail("GGUF version {}; expected 3", version);
    G4_TRY(cursor_.scalar(tensors_, "tensor count"));
    G4_TRY(cursor_.scalar(keys_, "key count"));
    // The shortest key takes 13 bytes, the shortest tensor entry 32.
    if (keys_ > kGgufKeysMax || keys_ > cursor_.left() / 13)
      return fail("{} metadata keys cannot be in a file of {} bytes (limit {})", keys_,
                  source_.size(), kGgufKeysMax);
    if (tensors_ > kTensorsMax || tensors_ > cursor_.left() / 32)
      return fail("{} tensors cannot be in a file of {} bytes (limit {})", tensors_, source_.size(),
                  kTensorsMax);
    return {};
  }

  Status key_value(std::uint64_t index) {
    std::string key;
    G4_TRY(cursor_.string(key, kGgufKeyBytesMax, fmt::format("name of key {}", index)));
    if (key.empty()) return fail("key {} has an empty name", index);
    const std::string what = "key " + in_quotes(key);
    std::uint32_t type = 0;
    G4_TRY(cursor_.scalar(type, what));
    MetaValue value = G4_TRY(
        type == static_cast<std::uint32_t>(ValueType::kArray) ? array(what) : single(type, what));
    if (!gguf_.metadata.try_emplace(std::move(key), std::move(value)).second)
      return fail("{} appears twice", what);
    return {};
  }

  template <class Stored, class Value>
  Status read_as(Value& out, const std::string& what) {
    Stored stored{};
    G4_TRY(cursor_.scalar(stored, what));
    out = static_cast<Value>(stored);
    return {};
  }

  Status read_element(ValueType type, std::uint64_t& out, const std::string& what) {
    switch (type) {
      case ValueType::kU8:
        return read_as<std::uint8_t>(out, what);
      case ValueType::kU16:
        return read_as<std::uint16_t>(out, what);
      case ValueType::kU32:
        return read_as<std::uint32_t>(out, what);
      default:
        return read_as<std::uint64_t>(out, what);
    }
  }
  Status read_element(ValueType type, std::int64_t& out, const std::string& what) {
    switch (type) {
      case ValueType::kI8:
        return read_as<std::int8_t>(out, what);
      case ValueType::kI16:
        return read_as<std::int16_t>(out, what);
      case ValueType::kI32:
        return read_as<std::int32_t>(out, what);
      default:
        return read_as<std::int64_t>(out, what);
    }
  }
  Status read_element(ValueType type, double& out, const std::string& what) {
    return type == ValueType::kF32 ? read_as<float>(out, what) : read_as<double>(out, what);
  }
  Status read_element(ValueType, bool& out, const std::string& what) {
    std::uint8_t byte = 0;
    G4_TRY(cursor_.scalar(byte, what));
    if (byte > 1) return fail("{}: a bool of {}; expected 0 or 1", what, byte);
    out = byte != 0;
    return {};
  }
  Status read_element(ValueType, std::string& out, const std::string& what) {
    return cursor_.string(out, kGgufStringBytesMax, what);
  }

  // Calls f with a default value of the C++ type that holds this file type.
  template <class F>
  Result<MetaValue> with_type(ValueType type, F f) {
    switch (type) {
      case ValueType::kU8:
      case ValueType::kU16:
      case ValueType::kU32:
      case ValueType::kU64:
        return f(std::uint64_t{});
      case ValueType::kI8:
      case ValueType::kI16:
      case ValueType::kI32:
      case ValueType::kI64:
        return f(std::int64_t{});
      case ValueType::kF32:
      case ValueType::kF64:
        return f(double{});
      case ValueType::kBool:
        return f(false);
      default:
        return f(std::string());
    }
  }

  Result<MetaValue> single(std::uint32_t type, const std::string& what) {
    if (type >= std::size(kValueTypeNames))
      return fail("{}: value type {}; expected 0 to {}", what, type,
                  std::size(kValueTypeNames) - 1);
    return with_type(static_cast<ValueType>(type), [&](auto value) -> Result<MetaValue> {
      G4_TRY(read_element(static_cast<ValueType>(type), value, what));
      return MetaValue(std::move(value));
    });
  }

  Result<MetaValue> array(const std::string& what) {
    std::uint32_t type = 0;
    std::uint64_t count = 0;
    G4_TRY(cursor_.scalar(type, what));
    G4_TRY(cursor_.scalar(count, what));
    if (type >= std::size(kValueTypeNames))
      return fail("{}: array of value type {}; expected 0 to {}", what, type,
                  std::size(kValueTypeNames) - 1);
    if (type == static_cast<std::uint32_t>(ValueType::kArray))
      return fail("{}: an array of arrays, which is not supported", what);
    if (count > cursor_.left() / kValueTypeBytes[type])
      return fail("{}: {} {} values cannot be in the {} bytes that are left", what, count,
                  kValueTypeNames[type], cursor_.left());
    elements_ += count;  // no overflow: count is below the file size, elements_ below its limit
    if (elements_ > kGgufElementsMax)
      return fail("{}: more than {} array values in one file", what, kGgufElementsMax);
    return with_type(static_cast<ValueType>(type), [&](auto value) -> Result<MetaValue> {
      std::vector<decltype(value)> values;
      values.reserve(count);
      for (std::uint64_t i = 0; i < count; ++i) {
        G4_TRY(read_element(static_cast<ValueType>(type), value, what));
        values.push_back(std::move(value));
      }
      return MetaValue(std::move(values));
    });
  }

  Status alignment() {
    const auto entry = gguf_.metadata.find("general.alignment");
    if (entry == gguf_.metadata.end()) return {};
    const auto* value = std::get_if<std::uint64_t>(&entry->second);
    if (!value) return fail("key 'general.alignment' is not an unsigned integer");
    if (!std::has_single_bit(*value) || *value > kGgufAlignmentMax)
      return fail("key 'general.alignment' is {}; expected a power of two up to {}", *value,
                  kGgufAlignmentMax);
    gguf_.alignment = *value;
    return {};
  }

  Status tensor(std::uint64_t index) {
    TensorInfo info{};
    G4_TRY(cursor_.string(info.name, kTensorNameBytesMax, fmt::format("name of tensor {}", index)));
    if (info.name.empty()) return fail("tensor {} has an empty name", index);
    const std::string tensor_name = in_quotes(info.name), what = "tensor " + tensor_name;
    std::uint32_t rank = 0, type = 0;
    G4_TRY(cursor_.scalar(rank, what));
    if (rank == 0 || rank > Shape::kRankMax)
      return fail("{}: {} dimensions; expected 1 to {}", what, rank, Shape::kRankMax);
    std::uint64_t sizes[Shape::kRankMax];  // fastest first
    G4_TRY(cursor_.bytes(sizes, rank * sizeof sizes[0], what));
    for (std::uint32_t i = rank; i-- > 0;) info.shape.push_back(sizes[i]);
    G4_TRY(cursor_.scalar(type, what));
    G4_TRY(cursor_.scalar(info.offset, what));
    const std::optional<DType> dtype = dtype_of(type);
    if (!dtype)
      return fail("{}: tensor type {} is not supported; supported are {}", what, type,
                  supported_types());
    info.dtype = *dtype;
    info.bytes = G4_TRY(tensor_bytes(cursor_.file(), tensor_name, *dtype, info.shape));
    if (info.offset % gguf_.alignment != 0)
      return fail("{}: offset {} is not a multiple of the alignment {}", what, info.offset,
                  gguf_.alignment);
    gguf_.tensors.push_back(std::move(info));
    return {};
  }

  // Turns offsets within the data into offsets within the file.
  Status place_tensors() {
    const std::uint64_t mask = gguf_.alignment - 1;
    gguf_.data_begin = (cursor_.position() + mask) & ~mask;  // position is at most the header limit
    for (TensorInfo& info : gguf_.tensors)
      if (__builtin_add_overflow(info.offset, gguf_.data_begin, &info.offset))
        return fail("tensor {}: its offset is larger than 2^64", in_quotes(info.name));
    return check_layout(cursor_.file(), gguf_.data_begin, source_.size(), gguf_.tensors);
  }

  const ByteSource& source_;
  Cursor cursor_;
  GgufFile gguf_;
  std::uint64_t tensors_ = 0;
  std::uint64_t keys_ = 0;
  std::uint64_t elements_ = 0;
};

}  // namespace

Result<GgufFile> parse_gguf(const ByteSource& source) { return GgufParser(source).parse(); }

}  // namespace g4
