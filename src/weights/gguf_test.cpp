// The GGUF parser over files built byte by byte: what it reads, and one case for each way a file
// can be wrong. Messages are compared because they are what a user has to act on.
#include "weights/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <memory>
#include <random>

#include "weights/test_files.h"

namespace g4 {
namespace {

using test::GgufBytes;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
constexpr std::uint64_t k2To63 = std::uint64_t{1} << 63;
constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

Result<GgufFile> parse(std::string_view bytes) {
  // An allocation of exactly this size, so that a sanitizer sees a read past the end.
  const auto exact = std::make_unique<std::byte[]>(bytes.size());
  if (!bytes.empty()) std::memcpy(exact.get(), bytes.data(), bytes.size());
  return parse_gguf(MemorySource("x.gguf", {exact.get(), bytes.size()}));
}

template <class T>
T held(const GgufFile& gguf, std::string_view key) {
  const auto entry = gguf.metadata.find(key);
  if (entry == gguf.metadata.end() || !std::holds_alternative<T>(entry->second)) {
    ADD_FAILURE() << key << " is missing or of another type";
    return T{};
  }
  return std::get<T>(entry->second);
}

GgufBytes small_file() {
  GgufBytes file;
  file.header(2, 3).string("general.architecture", "gemma4");
  file.value("general.alignment", test::kU32, std::uint32_t{64});
  file.array("tokens", test::kString, 2).text("a").text("");
  file.tensor("w", {32, 2}, 8, 0).tensor("norm", {4}, 0, 128).pad(64).data(68).pad(64).data(16);
  return file;
}

TEST(Gguf, ReadsEveryValueType) {
  GgufBytes file;
  file.header(0, 23);
  file.value("u8", test::kU8, std::uint8_t{255}).value("i8", test::kI8, std::int8_t{-128});
  file.value("u16", test::kU16, std::uint16_t{65535}).value("i16", test::kI16, std::int16_t{-2});
  file.value("u32", test::kU32, std::uint32_t{4294967295u});
  file.value("i32", test::kI32, std::int32_t{-3}).value("f32", test::kF32, 1.5f);
  file.value("yes", test::kBool, std::uint8_t{1}).value("no", test::kBool, std::uint8_t{0});
  file.string("text", "Gemma").value("u64", test::kU64, kMost);
  file.value("i64", test::kI64, std::numeric_limits<std::int64_t>::min());
  file.value("f64", test::kF64, -2.25);
  file.array("a.u8", test::kU8, 2).raw(std::uint8_t{1}).raw(std::uint8_t{200});
  file.array("a.i32", test::kI32, 2).raw(std::int32_t{-1}).raw(std::int32_t{7});
  file.array("a.f32", test::kF32, 1).raw(0.5f);
  file.array("a.f64", test::kF64, 1).raw(0.25);
  file.array("a.bool", test::kBool, 3).bytes(std::string_view("\1\0\1", 3));
  file.array("a.text", test::kString, 2).text("\xe2\x96\x81the").text("");
  file.array("a.none", test::kString, 0).array("a.i64", test::kI64, 0);
  file.array("a.u16", test::kU16, 1).raw(std::uint16_t{9});
  file.array("a.i8", test::kI8, 1).raw(std::int8_t{-9});
  const Result<GgufFile> gguf = parse(file.str());
  ASSERT_TRUE(gguf) << gguf.error().message;
  EXPECT_EQ(held<std::uint64_t>(*gguf, "u8"), 255u);
  EXPECT_EQ(held<std::int64_t>(*gguf, "i8"), -128);
  EXPECT_EQ(held<std::uint64_t>(*gguf, "u16"), 65535u);
  EXPECT_EQ(held<std::int64_t>(*gguf, "i16"), -2);
  EXPECT_EQ(held<std::uint64_t>(*gguf, "u32"), 4294967295u);
  EXPECT_EQ(held<std::int64_t>(*gguf, "i32"), -3);
  EXPECT_EQ(held<double>(*gguf, "f32"), 1.5);
  EXPECT_EQ(held<bool>(*gguf, "yes"), true);
  EXPECT_EQ(held<bool>(*gguf, "no"), false);
  EXPECT_EQ(held<std::string>(*gguf, "text"), "Gemma");
  EXPECT_EQ(held<std::uint64_t>(*gguf, "u64"), kMost);
  EXPECT_EQ(held<std::int64_t>(*gguf, "i64"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(held<double>(*gguf, "f64"), -2.25);
  EXPECT_THAT(held<std::vector<std::uint64_t>>(*gguf, "a.u8"), ElementsAre(1u, 200u));
  EXPECT_THAT(held<std::vector<std::int64_t>>(*gguf, "a.i32"), ElementsAre(-1, 7));
  EXPECT_THAT(held<std::vector<double>>(*gguf, "a.f32"), ElementsAre(0.5));
  EXPECT_THAT(held<std::vector<double>>(*gguf, "a.f64"), ElementsAre(0.25));
  EXPECT_THAT(held<std::vector<bool>>(*gguf, "a.bool"), ElementsAre(true, false, true));
  EXPECT_THAT(held<std::vector<std::string>>(*gguf, "a.text"), ElementsAre("\xe2\x96\x81the", ""));
  EXPECT_TRUE(held<std::vector<std::string>>(*gguf, "a.none").empty());
  EXPECT_TRUE(held<std::vector<std::int64_t>>(*gguf, "a.i64").empty());
  EXPECT_THAT(held<std::vector<std::uint64_t>>(*gguf, "a.u16"), ElementsAre(9u));
  EXPECT_THAT(held<std::vector<std::int64_t>>(*gguf, "a.i8"), ElementsAre(-9));
  EXPECT_TRUE(gguf->tensors.empty());
}

TEST(Gguf, PlacesTensors) {
  const Result<GgufFile> gguf = parse(small_file().str());
  ASSERT_TRUE(gguf) << gguf.error().message;
  EXPECT_EQ(gguf->alignment, 64u);
  EXPECT_EQ(gguf->data_begin % 64, 0u);
  ASSERT_EQ(gguf->tensors.size(), 2u);
  const TensorInfo &w = gguf->tensors[0], &norm = gguf->tensors[1];
  EXPECT_EQ(w.name, "w");
  EXPECT_EQ(w.dtype, DType::kQ8_0);
  EXPECT_EQ(w.shape, (Shape{2, 32}));  // slowest first
  EXPECT_EQ(w.bytes, 68u);
  EXPECT_EQ(w.offset, gguf->data_begin);
  EXPECT_EQ(norm.shape, (Shape{4}));
  EXPECT_EQ(norm.offset, gguf->data_begin + 128);
  EXPECT_EQ(norm.offset + norm.bytes, small_file().str().size());
}

TEST(Gguf, TensorsComeInFileOrderWhateverTheirEntries) {
  GgufBytes file;
  file.header(3, 0).tensor("c", {8}, 0, 64).tensor("a", {8}, 0, 0).tensor("b", {8}, 0, 32);
  const Result<GgufFile> gguf = parse(file.pad().data(96).str());
  ASSERT_TRUE(gguf) << gguf.error().message;
  EXPECT_EQ(gguf->tensors[0].name, "a");
  EXPECT_EQ(gguf->tensors[1].name, "b");
  EXPECT_EQ(gguf->tensors[2].name, "c");
}

TEST(Gguf, KnowsEverySupportedTensorType) {
  const std::pair<std::uint32_t, DType> kTypes[] = {
      {0, DType::kF32},   {1, DType::kF16},   {2, DType::kQ4_0},    {3, DType::kQ4_1},
      {6, DType::kQ5_0},  {7, DType::kQ5_1},  {8, DType::kQ8_0},    {12, DType::kQ4_K},
      {13, DType::kQ5_K}, {14, DType::kQ6_K}, {20, DType::kIQ4_NL}, {23, DType::kIQ4_XS},
      {30, DType::kBF16}};
  for (const auto& [number, dtype] : kTypes) {
    GgufBytes file;
    file.header(1, 0).tensor("w", {256, 3}, number, 0).pad().data(*byte_size(dtype, 768));
    const Result<GgufFile> gguf = parse(file.str());
    ASSERT_TRUE(gguf) << gguf.error().message;
    EXPECT_EQ(gguf->tensors[0].dtype, dtype);
    EXPECT_EQ(gguf->tensors[0].bytes, *byte_size(dtype, 768));
  }
}

// A vocabulary is larger than the parser's window, so strings and numbers lie across its edge.
TEST(Gguf, ReadsAVocabularyLargerThanItsWindow) {
  constexpr std::uint64_t kTokens = 300'000;
  std::mt19937 random(7);
  std::vector<std::string> tokens;
  GgufBytes file;
  file.header(0, 2).array("tokens", test::kString, kTokens);
  for (std::uint64_t i = 0; i < kTokens; ++i) {
    tokens.push_back(std::to_string(i) + std::string(random() % 24, 'x'));
    file.text(tokens.back());
  }
  file.array("scores", test::kF32, kTokens);
  for (std::uint64_t i = 0; i < kTokens; ++i) file.raw(static_cast<float>(i));
  const Result<GgufFile> gguf = parse(file.str());
  ASSERT_TRUE(gguf) << gguf.error().message;
  EXPECT_EQ(held<std::vector<std::string>>(*gguf, "tokens"), tokens);
  const auto scores = held<std::vector<double>>(*gguf, "scores");
  ASSERT_EQ(scores.size(), kTokens);
  for (std::uint64_t i = 0; i < kTokens; ++i) ASSERT_EQ(scores[i], static_cast<double>(i));
}

struct Damage {
  const char* name;
  std::function<void(GgufBytes&)> build;
  const char* message;  // part of the expected sentence
};

// Names of a CVE mark the damage that reached the memory of another reader.
const Damage kDamages[] = {
    {"Empty", [](GgufBytes&) {}, "magic: 4 bytes expected at offset 0, but the file ends at 0"},
    {"OtherMagic", [](GgufBytes& f) { f.bytes("GGML").data(64); }, "begins with 'GGML'"},
    {"Version1", [](GgufBytes& f) { f.header(0, 0, 1); }, "GGUF version 1; expected 3"},
    {"Version2", [](GgufBytes& f) { f.header(0, 0, 2); }, "GGUF version 2; expected 3"},
    {"BigEndian", [](GgufBytes& f) { f.header(0, 0, 0x03000000); }, "big-endian"},
    {"NoCounts", [](GgufBytes& f) { f.bytes("GGUF").raw(std::uint32_t{3}); }, "tensor count"},
    // Cisco TALOS-2024-1912 ... 1916: counts, lengths and types taken on trust.
    {"MoreKeysThanBytes", [](GgufBytes& f) { f.header(0, 5).data(64); }, "5 metadata keys"},
    {"KeyCountOf2To64", [](GgufBytes& f) { f.header(0, kMost).data(64); }, "metadata keys cannot"},
    {"MoreTensorsThanBytes", [](GgufBytes& f) { f.header(3, 0).data(95); }, "3 tensors cannot"},
    {"TensorCountOf2To64", [](GgufBytes& f) { f.header(kMost, 0).data(64); }, "tensors cannot"},
    {"StringLengthOf2To64",
     [](GgufBytes& f) { f.header(0, 1).key("k", test::kString).raw(kMost).data(16); },
     "key 'k': a string of 18446744073709551615 bytes"},
    // GHSA-7rxv-5jhh-j6xx: a length that is negative where sizes are signed.
    {"StringLengthNegativeWhereSigned",
     [](GgufBytes& f) { f.header(0, 1).key("k", test::kString).raw(k2To63 + 4).data(16); },
     "key 'k': a string of"},
    {"StringPastTheEnd",
     [](GgufBytes& f) { f.header(0, 1).key("k", test::kString).raw(std::uint64_t{9}).data(8); },
     "key 'k': 9 bytes expected"},
    {"KeyNameTooLong", [](GgufBytes& f) { f.header(0, 1).raw(std::uint64_t{70000}).data(80000); },
     "name of key 0: a string of 70000 bytes, but at most 65535"},
    {"KeyNameEmpty", [](GgufBytes& f) { f.header(0, 1).value("", test::kU32, std::uint32_t{1}); },
     "key 0 has an empty name"},
    {"KeyTwice",
     [](GgufBytes& f) {
       f.header(0, 2).value("k", test::kU32, std::uint32_t{1}).string("k", "other");
     },
     "key 'k' appears twice"},
    {"ValueTypeUnknown", [](GgufBytes& f) { f.header(0, 1).key("k", 13).data(16); },
     "key 'k': value type 13; expected 0 to 12"},
    {"ValueCutOff", [](GgufBytes& f) { f.header(0, 1).key("key", test::kU64).data(7); },
     "key 'key': 8 bytes expected"},
    {"BoolOf2", [](GgufBytes& f) { f.header(0, 1).value("k", test::kBool, std::uint8_t{2}); },
     "key 'k': a bool of 2"},
    {"ArrayTypeUnknown", [](GgufBytes& f) { f.header(0, 1).array("k", 99, 1).data(16); },
     "key 'k': array of value type 99"},
    {"ArrayOfArrays", [](GgufBytes& f) { f.header(0, 1).array("k", test::kArray, 1).data(32); },
     "key 'k': an array of arrays"},
    {"ArrayPastTheEnd", [](GgufBytes& f) { f.header(0, 1).array("k", test::kU32, 5).data(19); },
     "key 'k': 5 uint32 values cannot be in the 19 bytes"},
    // count * 8 wraps to 8.
    {"ArrayCountWraps",
     [](GgufBytes& f) { f.header(0, 1).array("k", test::kU64, (kMost >> 3) + 2).data(64); },
     "key 'k': 2305843009213693953 uint64 values"},
    {"ArrayStringPastTheEnd",
     [](GgufBytes& f) {
       f.header(0, 1).array("k", test::kString, 2).text("a").raw(std::uint64_t{1});
     },
     "key 'k': 1 bytes expected"},
    {"ArrayValuesOverAllLimit",
     [](GgufBytes& f) {
       f.header(0, 2).array("a", test::kU8, 1u << 23).bytes(std::string(1u << 23, '\0'));
       f.array("b", test::kU8, (1u << 23) + 1).bytes(std::string((1u << 23) + 1, '\0'));
     },
     "key 'b': more than 16777216 array values"},
    {"AlignmentZero",
     [](GgufBytes& f) { f.header(0, 1).value("general.alignment", test::kU32, 0u); },
     "'general.alignment' is 0; expected a power of two"},
    {"AlignmentOdd",
     [](GgufBytes& f) { f.header(0, 1).value("general.alignment", test::kU32, 48u); },
     "'general.alignment' is 48"},
    {"AlignmentHuge",
     [](GgufBytes& f) { f.header(0, 1).value("general.alignment", test::kU64, k2To63); },
     "'general.alignment' is 9223372036854775808"},
    {"AlignmentText", [](GgufBytes& f) { f.header(0, 1).string("general.alignment", "32"); },
     "'general.alignment' is not an unsigned integer"},
    {"TensorNameTooLong",
     [](GgufBytes& f) { f.header(1, 0).tensor(std::string(513, 'n'), {4}, 0, 0).pad().data(16); },
     "name of tensor 0: a string of 513 bytes"},
    {"TensorNameEmpty", [](GgufBytes& f) { f.header(1, 0).tensor("", {4}, 0, 0).pad().data(16); },
     "tensor 0 has an empty name"},
    {"TensorTwice",
     [](GgufBytes& f) {
       f.header(2, 0).tensor("w", {8}, 0, 0).tensor("w", {8}, 0, 32).pad().data(64);
     },
     "two tensors are named 'w'"},
    {"RankZero", [](GgufBytes& f) { f.header(1, 0).tensor("w", {}, 0, 0).pad().data(64); },
     "tensor 'w': 0 dimensions"},
    {"RankFive",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {1, 1, 1, 1, 1}, 0, 0).pad().data(64); },
     "tensor 'w': 5 dimensions; expected 1 to 4"},
    // CVE-2026-22773: degenerate sizes.
    {"SizeZero", [](GgufBytes& f) { f.header(1, 0).tensor("w", {4, 0}, 0, 0).pad().data(64); },
     "tensor 'w': shape [0, 4] has a size of zero"},
    // CVE-2025-53630, CVE-2026-27940: products that wrap to a small number.
    {"ElementsWrapToZero",
     [](GgufBytes& f) {
       f.header(1, 0).tensor("w", {1ull << 32, 1ull << 32}, 0, 0).pad().data(64);
     },
     "more than 2^64 elements"},
    {"ElementsWrapToFour",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {k2To63 + 2, 2}, 0, 0).pad().data(64); },
     "more than 2^64 elements"},
    {"BytesWrapToZero",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {1ull << 62}, 0, 0).pad().data(64); },
     "needs more than 2^64 bytes"},
    {"BytesWrapToSixteen",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {(1ull << 62) + 4}, 0, 0).pad().data(64); },
     "needs more than 2^64 bytes"},
    {"QuantisedBytesWrap",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {k2To63, 1}, 8, 0).pad().data(64); },
     "lie outside the data"},
    {"SumOfSizesWraps",  // each alone passes a check of offset + size modulo 2^64
     [](GgufBytes& f) {
       f.header(2, 0).tensor("a", {1ull << 61}, 0, 0).tensor("b", {1ull << 61}, 0, k2To63);
       f.pad().data(64);
     },
     "tensor 'a': 9223372036854775808 bytes"},
    // CVE-2026-7482: data past the end of the file.
    {"DataPastTheEnd", [](GgufBytes& f) { f.header(1, 0).tensor("w", {17}, 0, 0).pad().data(64); },
     "tensor 'w': 68 bytes at offset 64 lie outside the data, bytes 64 to 128"},
    {"OffsetPastTheEnd",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {4}, 0, 1 << 20).pad().data(64); },
     "tensor 'w': 16 bytes at offset 1048640 lie outside"},
    {"OffsetWraps",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {4}, 0, kMost - 31).pad().data(64); },
     "tensor 'w': its offset is larger than 2^64"},
    {"OffsetAtTheEnd", [](GgufBytes& f) { f.header(1, 0).tensor("w", {4}, 0, 64).pad().data(64); },
     "tensor 'w': 16 bytes at offset 128 lie outside"},
    {"NoData", [](GgufBytes& f) { f.header(1, 0).tensor("w", {4}, 0, 0); }, "lie outside"},
    {"OffsetNotAligned",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {4}, 0, 16).pad().data(64); },
     "tensor 'w': offset 16 is not a multiple of the alignment 32"},
    {"TensorsOverlap",
     [](GgufBytes& f) {
       f.header(2, 0).tensor("a", {9}, 0, 0).tensor("b", {4}, 0, 32).pad().data(64);
     },
     "tensors 'a' and 'b' share bytes"},
    {"TensorsAtOnePlace",
     [](GgufBytes& f) {
       f.header(2, 0).tensor("a", {4}, 0, 0).tensor("b", {4}, 0, 0).pad().data(64);
     },
     "share bytes"},
    {"TypeUnsupported",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {256}, 10, 0).pad().data(256); },
     "tensor 'w': tensor type 10 is not supported; supported are F32 (0), F16 (1), Q4_0 (2)"},
    {"TypeOf2To32",
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {256}, 0xffffffffu, 0).pad().data(256); },
     "tensor type 4294967295 is not supported"},
    {"RowNotWholeBlocks",  // the product would be: 16 * 2 = 32
     [](GgufBytes& f) { f.header(1, 0).tensor("w", {16, 2}, 8, 0).pad().data(64); },
     "tensor 'w': rows of 16 values, but Q8_0 stores blocks of 32"},
    {"NameWithControlBytes",
     [](GgufBytes& f) { f.header(1, 0).tensor("\x1b[2J\n", {4}, 99, 0).pad().data(64); },
     "tensor '\\x1b[2J\\x0a': tensor type 99"},
};

class GgufDamage : public testing::TestWithParam<Damage> {};

TEST_P(GgufDamage, IsOneSentenceWithTheFileAndThePlace) {
  GgufBytes file;
  GetParam().build(file);
  const Result<GgufFile> gguf = parse(file.str());
  ASSERT_FALSE(gguf);
  EXPECT_THAT(gguf.error().message, StartsWith("x.gguf: "));
  EXPECT_THAT(gguf.error().message, HasSubstr(GetParam().message));
  EXPECT_EQ(gguf.error().message.find('\n'), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, GgufDamage, testing::ValuesIn(kDamages),
                         [](const auto& damage) { return std::string(damage.param.name); });

TEST(GgufDamaged, EveryTruncationIsRefused) {
  const std::string whole = small_file().str();
  for (std::size_t size = 0; size < whole.size(); ++size)
    ASSERT_FALSE(parse(std::string_view(whole).substr(0, size))) << size;
}

TEST(GgufDamaged, EveryChangedByteIsRefusedOrHarmless) {
  const std::string whole = small_file().str();
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int change : {0x01, 0x10, 0x80, 0xff}) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ change);
      const Result<GgufFile> gguf = parse(bytes);
      if (!gguf) continue;
      for (const TensorInfo& tensor : gguf->tensors) {
        ASSERT_LE(tensor.offset, bytes.size()) << i;
        ASSERT_LE(tensor.bytes, bytes.size() - tensor.offset) << i;
        ASSERT_EQ(tensor.bytes, byte_size(tensor.dtype, *tensor.shape.elements())) << i;
      }
    }
  }
}

// A source that claims to be large but fails when asked for data past the header.
class HeaderOnly final : public ByteSource {
 public:
  explicit HeaderOnly(std::string bytes) : bytes_(std::move(bytes)) {}
  const std::string& name() const override { return name_; }
  std::uint64_t size() const override { return std::uint64_t{1} << 40; }
  Status read_at(std::uint64_t offset, std::span<std::byte> out) const override {
    if (offset >= kGgufHeaderBytesMax) return Error{"read past the header limit"};
    for (std::size_t i = 0; i < out.size(); ++i)
      out[i] = offset + i < bytes_.size() ? std::byte(bytes_[offset + i]) : std::byte{0};
    return {};
  }

 private:
  std::string name_ = "x.gguf", bytes_;
};

TEST(GgufDamaged, AHeaderLongerThanItsLimitIsRefusedWithoutReadingOn) {
  GgufBytes file;
  file.header(0, 40);
  file.array("k", test::kString, kGgufHeaderBytesMax / 8);
  const Result<GgufFile> gguf = parse_gguf(HeaderOnly(file.str()));
  ASSERT_FALSE(gguf);
  EXPECT_THAT(gguf.error().message, HasSubstr("values cannot be in the"));
}

}  // namespace
}  // namespace g4
