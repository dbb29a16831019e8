// The safetensors parser over small headers, right and wrong.
#include "weights/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "weights/test_files.h"

namespace g4 {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Result<std::vector<TensorInfo>> parse(std::string_view bytes) {
  const auto exact = std::make_unique<std::byte[]>(bytes.size());
  if (!bytes.empty()) std::memcpy(exact.get(), bytes.data(), bytes.size());
  return parse_safetensors(MemorySource("x.safetensors", {exact.get(), bytes.size()}));
}

constexpr std::string_view kTwo =
    R"({"__metadata__":{"format":"pt","x":"\u00e9"},)"
    R"("b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]},)"
    R"("a":{"data_offsets":[0,12],"shape":[2,3],"dtype":"BF16"},)"
    R"("scalar":{"dtype":"F16","shape":[],"data_offsets":[20,22]}}   )";

TEST(Safetensors, ListsTensorsInFileOrder) {
  const auto tensors = parse(test::safetensors_bytes(kTwo, 22));
  ASSERT_TRUE(tensors) << tensors.error().message;
  ASSERT_EQ(tensors->size(), 3u);
  const std::uint64_t begin = 8 + kTwo.size();
  EXPECT_EQ((*tensors)[0].name, "a");
  EXPECT_EQ((*tensors)[0].dtype, DType::kBF16);
  EXPECT_EQ((*tensors)[0].shape, (Shape{2, 3}));
  EXPECT_EQ((*tensors)[0].bytes, 12u);
  EXPECT_EQ((*tensors)[0].offset, begin);
  EXPECT_EQ((*tensors)[1].name, "b");
  EXPECT_EQ((*tensors)[1].dtype, DType::kF32);
  EXPECT_EQ((*tensors)[1].offset, begin + 12);
  EXPECT_EQ((*tensors)[2].dtype, DType::kF16);
  EXPECT_EQ((*tensors)[2].shape, Shape());
  EXPECT_EQ((*tensors)[2].bytes, 2u);
}

TEST(Safetensors, NoTensorsIsAList) {
  const auto tensors = parse(test::safetensors_bytes("{}", 0));
  ASSERT_TRUE(tensors) << tensors.error().message;
  EXPECT_TRUE(tensors->empty());
}

struct Damage {
  const char* name;
  std::string header;
  const char* message;
};

std::string entry(std::string_view fields) { return "{\"w\":{" + std::string(fields) + "}}"; }

// Every file has 64 bytes of data.
const Damage kDamages[] = {
    {"NotJson", "{\"w\":", "not valid JSON"},
    {"NotAnObject", "[1,2]", "header: an array where none belongs"},
    {"Number", "7", "header: a number where none belongs"},
    {"EmptyHeader", "", "not valid JSON"},
    {"TextAfterIt", "{} {}", "not valid JSON"},
    {"TwoValues", "{}x", "not valid JSON"},
    {"EntryIsANumber", R"({"w":3})", "tensor 'w': a number where none belongs"},
    {"EntryIsNull", R"({"w":null})", "tensor 'w': a null where none belongs"},
    {"EntryIsAString", R"({"w":"x"})", "tensor 'w': a string 'x' where none belongs"},
    {"NoDtype", entry(R"("shape":[2],"data_offsets":[0,8])"), "tensor 'w': dtype is missing"},
    {"NoShape", entry(R"("dtype":"F32","data_offsets":[0,8])"), "tensor 'w': shape is missing"},
    {"NoOffsets", entry(R"("dtype":"F32","shape":[2])"), "tensor 'w': data_offsets is missing"},
    {"DtypeUnknown", entry(R"("dtype":"I64","shape":[1],"data_offsets":[0,8])"),
     "tensor 'w': dtype 'I64' is not supported; supported are BF16, F16, F32"},
    {"DtypeTwice", entry(R"("dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,8])"),
     "tensor 'w': dtype appears twice"},
    {"ShapeTwice", entry(R"("dtype":"F32","shape":[2],"shape":[1],"data_offsets":[0,8])"),
     "tensor 'w': shape appears twice"},
    {"ShapeIsANumber", entry(R"("dtype":"F32","shape":2,"data_offsets":[0,8])"),
     "tensor 'w': a number where none belongs"},
    {"ShapeNested", entry(R"("dtype":"F32","shape":[[2]],"data_offsets":[0,8])"),
     "tensor 'w': an array where none belongs"},
    {"UnknownArray", entry(R"("strides":[1])"), "tensor 'w': an array as 'strides'"},
    {"UnknownObject", entry(R"("x":{})"), "tensor 'w': an object where none belongs"},
    {"RankFive", entry(R"("dtype":"F32","shape":[1,1,1,1,2],"data_offsets":[0,8])"),
     "tensor 'w': 5 dimensions; expected at most 4"},
    {"RankSix", entry(R"("dtype":"F32","shape":[1,1,1,1,1,2],"data_offsets":[0,8])"), "too large"},
    {"SizeZero", entry(R"("dtype":"F32","shape":[0],"data_offsets":[0,0])"),
     "tensor 'w': shape [0] has a size of zero"},
    // CVE-2026-21869: a negative number where a size belongs.
    {"SizeNegative", entry(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"),
     "tensor 'w': a negative number -2"},
    {"OffsetNegative", entry(R"("dtype":"F32","shape":[2],"data_offsets":[-8,0])"),
     "tensor 'w': a negative number -8"},
    {"SizeFraction", entry(R"("dtype":"F32","shape":[2.5],"data_offsets":[0,10])"),
     "tensor 'w': 2.5 is not a 64-bit whole number"},
    {"SizeOver64Bits",
     entry(R"("dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,8])"),
     "is not a 64-bit whole number"},
    // CVE-2025-53630: products that wrap.
    {"ElementsWrap", entry(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0])"),
     "more than 2^64 elements"},
    {"BytesWrap", entry(R"("dtype":"F32","shape":[4611686018427387906],"data_offsets":[0,8])"),
     "needs more than 2^64 bytes"},
    {"OffsetsReversed", entry(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"),
     "tensor 'w': data_offsets is not a begin and an end"},
    {"OneOffset", entry(R"("dtype":"F32","shape":[2],"data_offsets":[8])"),
     "tensor 'w': data_offsets is not a begin and an end"},
    {"ThreeOffsets", entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8,8])"),
     "tensor 'w': data_offsets is not a begin and an end"},
    {"SizeDisagrees", entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,12])"),
     "tensor 'w': data_offsets span 12 bytes, but shape [2] of F32 takes 8"},
    // CVE-2026-7482: data past the end of the file.
    {"DataPastTheEnd", entry(R"("dtype":"F32","shape":[17],"data_offsets":[0,68])"),
     "tensor 'w': 68 bytes at offset"},
    {"OffsetWraps",
     entry(
         R"("dtype":"F32","shape":[2],"data_offsets":[18446744073709551600,18446744073709551608])"),
     "tensor 'w': its offset is larger than 2^64"},
    {"TensorTwice",
     R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
     R"("w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
     "two tensors are named 'w'"},
    {"TensorsOverlap",
     R"({"v":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
     R"("w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
     "tensors 'v' and 'w' share bytes"},
    {"EmptyName", R"({"":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
     "a tensor with an empty name"},
    {"NameTooLong",
     "{\"" + std::string(513, 'n') + R"(":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
     "too large"},
    {"MetadataNested", R"({"__metadata__":{"a":{}}})", "an object where none belongs"},
    {"TooDeep", std::string(100000, '['), "header: an array where none belongs"},
};

class SafetensorsDamage : public testing::TestWithParam<Damage> {};

TEST_P(SafetensorsDamage, IsOneSentenceWithTheFileAndThePlace) {
  const auto tensors = parse(test::safetensors_bytes(GetParam().header, 64));
  ASSERT_FALSE(tensors);
  EXPECT_THAT(tensors.error().message, StartsWith("x.safetensors: "));
  EXPECT_THAT(tensors.error().message, HasSubstr(GetParam().message));
}

INSTANTIATE_TEST_SUITE_P(All, SafetensorsDamage, testing::ValuesIn(kDamages),
                         [](const auto& damage) { return std::string(damage.param.name); });

TEST(SafetensorsDamaged, HeaderLengthIsChecked) {
  const auto with_length = [](std::uint64_t length) {
    return parse(test::GgufBytes().raw(length).bytes("{}").str());
  };
  ASSERT_TRUE(with_length(2));
  EXPECT_THAT(with_length(3).error().message, HasSubstr("cannot be in a file of 10 bytes"));
  EXPECT_THAT(with_length(100'000'001).error().message, HasSubstr("at most 100000000"));
  EXPECT_THAT(with_length(~std::uint64_t{0}).error().message, HasSubstr("at most 100000000"));
  EXPECT_THAT(with_length(~std::uint64_t{0} - 6).error().message, HasSubstr("at most"));
  EXPECT_THAT(parse("1234567").error().message, HasSubstr("too few"));
}

TEST(SafetensorsDamaged, EveryTruncationIsRefused) {
  const std::string whole = test::safetensors_bytes(kTwo, 22);
  for (std::size_t size = 0; size < whole.size(); ++size)
    ASSERT_FALSE(parse(std::string_view(whole).substr(0, size))) << size;
}

TEST(SafetensorsDamaged, EveryChangedByteIsRefusedOrHarmless) {
  const std::string whole = test::safetensors_bytes(kTwo, 22);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (int change : {0x01, 0x02, 0x10, 0x80}) {
      std::string bytes = whole;
      bytes[i] = static_cast<char>(bytes[i] ^ change);
      const auto tensors = parse(bytes);
      if (!tensors) continue;
      for (const TensorInfo& tensor : *tensors) {
        ASSERT_LE(tensor.offset, bytes.size());
        ASSERT_LE(tensor.bytes, bytes.size() - tensor.offset);
        ASSERT_EQ(tensor.bytes, byte_size(tensor.dtype, *tensor.shape.elements()));
      }
    }
  }
}

TEST(SafetensorsIndex, NamesShards) {
  const auto shards = parse_safetensors_index(
      "i.json", R"({"metadata":{"total_size":12},"weight_map":{"a":"m-1.safetensors",)"
                R"("b":"m-2.safetensors"}})");
  ASSERT_TRUE(shards) << shards.error().message;
  EXPECT_EQ(shards->at("a"), "m-1.safetensors");
  EXPECT_EQ(shards->at("b"), "m-2.safetensors");
}

TEST(SafetensorsIndex, DamageIsRefused) {
  const std::pair<std::string, const char*> kCases[] = {
      {"{", "not valid JSON"},
      {std::string(10000, '['), "not valid JSON"},
      {"[]", "'weight_map' is missing or not an object"},
      {R"({"weight_map":[]})", "'weight_map' is missing or not an object"},
      {R"({"weight_map":{}})", "'weight_map' names no tensor"},
      {R"({"weight_map":{"a":1}})", "tensor 'a': its file name is not a string"},
      {R"({"weight_map":{"a":"../m.safetensors"}})", "tensor 'a': '../m.safetensors' is not"},
      {R"({"weight_map":{"a":"/etc/m.safetensors"}})", "'/etc/m.safetensors' is not"},
      {R"({"weight_map":{"a":"sub/m.safetensors"}})", "'sub/m.safetensors' is not"},
      {R"({"weight_map":{"a":"..\\m.safetensors"}})", "is not the name"},
      {R"({"weight_map":{"a":"m\u0000.safetensors"}})", "is not the name"},
      {R"({"weight_map":{"a":".safetensors"}})", "is not the name"},
      {R"({"weight_map":{"a":""}})", "is not the name"},
      {R"({"weight_map":{"a":"passwd"}})", "is not the name"},
  };
  for (const auto& [json, message] : kCases) {
    const auto shards = parse_safetensors_index("i.json", json);
    ASSERT_FALSE(shards) << json;
    EXPECT_THAT(shards.error().message, StartsWith("i.json: "));
    EXPECT_THAT(shards.error().message, HasSubstr(message));
  }
}

}  // namespace
}  // namespace g4
