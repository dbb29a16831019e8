// Checkpoints as a user has them: folders, single files, split files, on disk.
#include "weights/checkpoint.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <filesystem>
#include <thread>

#include "base/f16.h"
#include "weights/meta.h"
#include "weights/source.h"
#include "weights/test_files.h"

namespace g4 {
namespace {

using test::GgufBytes;
using test::TempFolder;
using testing::ElementsAre;
using testing::HasSubstr;

std::string error_of(const std::string& path) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(path);
  return checkpoint ? "opened" : checkpoint.error().message;
}

struct Entry {
  const char* name;
  std::uint64_t begin, end;
};

// A safetensors file of these BF16 tensors, which lie one behind the other.
std::string bf16_file(std::initializer_list<Entry> entries) {
  std::string header;
  std::uint64_t end = 0;
  for (const Entry& entry : entries) {
    header += fmt::format(R"({}"{}":{{"dtype":"BF16","shape":[{}],"data_offsets":[{},{}]}})",
                          header.empty() ? "{" : ",", entry.name, (entry.end - entry.begin) / 2,
                          entry.begin, entry.end);
    end = entry.end;
  }
  return test::safetensors_bytes(header.append("}"), end);
}

GgufBytes one_tensor_gguf() {
  GgufBytes file;
  file.header(1, 1).string("general.architecture", "gemma4");
  file.tensor("w", {32, 2}, 8, 0).pad().data(68);
  return file;
}

TEST(Checkpoint, ReadsAGgufFile) {
  const TempFolder folder;
  const std::string path = folder.write("m.gguf", one_tensor_gguf().str());
  const Result<Checkpoint> checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->format(), Checkpoint::Format::kGguf);
  EXPECT_EQ(checkpoint->path(), path);
  EXPECT_THAT(checkpoint->files(), ElementsAre(path));
  EXPECT_EQ(checkpoint->file_bytes(), one_tensor_gguf().str().size());
  EXPECT_THAT(checkpoint->meta_keys(), ElementsAre("general.architecture"));
  EXPECT_EQ(checkpoint->meta("absent"), nullptr);
  EXPECT_EQ(checkpoint->find("absent"), nullptr);
  EXPECT_EQ(checkpoint->side_file("config.json"), std::nullopt);
  const TensorInfo* w = checkpoint->find("w");
  ASSERT_NE(w, nullptr);
  std::vector<std::byte> bytes(10);
  ASSERT_TRUE(checkpoint->read(*w, 58, bytes));
  for (std::size_t i = 0; i < 10; ++i) EXPECT_EQ(bytes[i], std::byte(58 + i));
  EXPECT_TRUE(checkpoint->read(*w, 68, std::span(bytes).first(0)));
  const auto values = checkpoint->read_f32(*w);
  ASSERT_TRUE(values);
  ASSERT_EQ(values->size(), 64u);
  // Data bytes count up: block 0 has the scale 0x0100 and values 2, 3, ...
  EXPECT_EQ((*values)[0], f16_to_f32(0x0100) * 2);
  EXPECT_EQ((*values)[32], f16_to_f32(0x2322) * 36);
}

TEST(Checkpoint, ReadOutsideATensorIsRefused) {
  const TempFolder folder;
  const auto checkpoint = Checkpoint::open(folder.write("m.gguf", one_tensor_gguf().str()));
  ASSERT_TRUE(checkpoint);
  const TensorInfo& w = checkpoint->tensors()[0];
  std::vector<std::byte> bytes(10);
  const Status past = checkpoint->read(w, 59, bytes);
  ASSERT_FALSE(past);
  EXPECT_THAT(past.error().message,
              HasSubstr("tensor 'w': bytes 59 to 69 asked for, but it has 68"));
  EXPECT_FALSE(checkpoint->read(w, ~std::uint64_t{0}, bytes));
}

// Larger than one read step, whose length is not a multiple of it.
TEST(Checkpoint, ReadsLargeTensorsInSteps) {
  const TempFolder folder;
  constexpr std::uint64_t kValues = 2'500'000;
  folder.write("config.json", "{}");
  folder.write("model.safetensors", bf16_file({{"w", 0, 2 * kValues}}));
  const auto checkpoint = Checkpoint::open(folder.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  const auto values = checkpoint->read_f32(checkpoint->tensors()[0]);
  ASSERT_TRUE(values);
  ASSERT_EQ(values->size(), kValues);
  for (std::uint64_t i = 0; i < kValues; ++i) {
    const auto low = static_cast<std::uint8_t>(2 * i), high = static_cast<std::uint8_t>(2 * i + 1);
    const float expected = bf16_to_f32(static_cast<std::uint16_t>(low | (high << 8)));
    ASSERT_TRUE((*values)[i] == expected || std::isnan(expected)) << i;
  }
}

TEST(Checkpoint, SeveralThreadsMayRead) {
  const TempFolder folder;
  const auto checkpoint = Checkpoint::open(folder.write("m.gguf", one_tensor_gguf().str()));
  ASSERT_TRUE(checkpoint);
  const TensorInfo& w = checkpoint->tensors()[0];
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 200; ++round) {
        std::byte one{};
        const auto at = static_cast<std::uint64_t>((round * 7 + t) % 68);
        if (!checkpoint->read(w, at, {&one, 1}) || one != std::byte(at)) ++wrong[t];
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

TEST(File, ReadsTheSameThroughThePageCacheAndPastIt) {
  const TempFolder folder;
  std::string bytes(10'000, ' ');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i * 7 + i / 256);
  auto file = File::open(folder.write("f", bytes));
  ASSERT_TRUE(file);
  ReadBuffer buffer;
  for (const bool direct : {false, true}) {
    if (direct && !file->bypass_page_cache()) GTEST_SKIP() << "this file system has no O_DIRECT";
    for (const std::size_t begin : {0, 1, 4095, 4096, 5000, 9999})
      for (const std::size_t count : {1, 32, 4096, 5000, 10'000}) {
        const auto read = file->read_into(begin, count, buffer);
        if (begin + count > bytes.size()) {
          EXPECT_FALSE(read);
          continue;
        }
        ASSERT_TRUE(read) << read.error().message;
        const std::string_view text(reinterpret_cast<const char*>(read->data()), read->size());
        EXPECT_EQ(text, std::string_view(bytes).substr(begin, count)) << begin << " " << count;
      }
  }
  std::filesystem::resize_file(folder.path() + "/f", 5000);
  const auto cut = file->read_into(4500, 1000, buffer);
  ASSERT_FALSE(cut);
  EXPECT_THAT(cut.error().message, HasSubstr("became shorter"));
}

TEST(Checkpoint, AFileThatShrinksIsAnError) {
  const TempFolder folder;
  const std::string path = folder.write("m.gguf", one_tensor_gguf().str());
  const auto checkpoint = Checkpoint::open(path);
  ASSERT_TRUE(checkpoint);
  std::filesystem::resize_file(path, 100);
  const auto values = checkpoint->read_f32(checkpoint->tensors()[0]);
  ASSERT_FALSE(values);
  EXPECT_THAT(values.error().message, HasSubstr("m.gguf: the file became shorter"));
}

TEST(Checkpoint, ReadsAFolder) {
  const TempFolder folder;
  folder.write("config.json", R"({"model_type":"gemma4"})");
  folder.write("tokenizer.json", "{}");
  folder.write("notes.txt", "x");
  folder.write("model.safetensors", bf16_file({{"w", 0, 8}}));
  const auto checkpoint = Checkpoint::open(folder.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->format(), Checkpoint::Format::kHuggingFace);
  EXPECT_EQ(checkpoint->side_file("config.json"), R"({"model_type":"gemma4"})");
  EXPECT_EQ(checkpoint->side_file("tokenizer.json"), "{}");
  EXPECT_EQ(checkpoint->side_file("chat_template.jinja"), std::nullopt);
  EXPECT_EQ(checkpoint->side_file("notes.txt"), std::nullopt);
  EXPECT_EQ(checkpoint->meta("general.architecture"), nullptr);
  const auto same = Checkpoint::open(folder.path() + "/model.safetensors");
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->side_file("config.json"), R"({"model_type":"gemma4"})");
  EXPECT_EQ(same->tensors().size(), 1u);
}

void write_shards(const TempFolder& folder) {
  folder.write("config.json", "{}");
  folder.write("m-1.safetensors", bf16_file({{"a", 0, 4}, {"b", 4, 8}}));
  folder.write("m-2.safetensors", bf16_file({{"c", 0, 6}}));
}

void write_index(const TempFolder& folder, const std::string& map) {
  folder.write("model.safetensors.index.json", fmt::format(R"({{"weight_map":{{{}}}}})", map));
}

TEST(Checkpoint, ReadsShards) {
  const TempFolder folder;
  write_shards(folder);
  write_index(folder, R"("c":"m-2.safetensors","a":"m-1.safetensors","b":"m-1.safetensors")");
  const auto checkpoint = Checkpoint::open(folder.path());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  ASSERT_EQ(checkpoint->tensors().size(), 3u);
  EXPECT_EQ(checkpoint->files().size(), 2u);
  const TensorInfo* c = checkpoint->find("c");
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(c->file, 1u);
  std::vector<std::byte> bytes(2);
  ASSERT_TRUE(checkpoint->read(*c, 4, bytes));
  EXPECT_THAT(bytes, ElementsAre(std::byte{4}, std::byte{5}));
}

TEST(Checkpoint, DamagedShardsAreRefused) {
  const TempFolder folder;
  write_shards(folder);
  folder.write("m-3.safetensors", bf16_file({{"a", 0, 6}}));
  const std::pair<std::string, const char*> kCases[] = {
      {R"("a":"m-9.safetensors")", "m-9.safetensors: cannot open: No such file"},
      {R"("z":"m-1.safetensors")", "tensor 'z' is not in 'm-1.safetensors'"},
      {R"("a":"m-1.safetensors","c":"m-1.safetensors")", "tensor 'c' is not in 'm-1.safetensors'"},
      {R"("a":"m-2.safetensors","c":"m-1.safetensors")", "where the index places it"},
      {R"("a":"m-1.safetensors","c":"m-3.safetensors")", "tensor 'c' is not in"},
      {R"("b":"m-1.safetensors","a":"m-3.safetensors")", "tensor 'a' is not in"},
      {R"("a":"../m-1.safetensors")", "'../m-1.safetensors' is not the name of a .safetensors"},
      {R"("a":"/m-1.safetensors")", "'/m-1.safetensors' is not the name of a .safetensors"},
  };
  for (const auto& [map, message] : kCases) {
    write_index(folder, map);
    EXPECT_THAT(error_of(folder.path()), HasSubstr(message)) << map;
  }
  // Both names are where the index says, but 'a' is in two files.
  write_shards(folder);
  folder.write("m-3.safetensors", bf16_file({{"a", 0, 6}, {"d", 6, 8}}));
  write_index(folder, R"("a":"m-1.safetensors","d":"m-3.safetensors")");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("tensor 'a' is also in"));
}

TEST(Checkpoint, IncompleteFoldersAreRefused) {
  const TempFolder folder;
  EXPECT_THAT(error_of(folder.path()), HasSubstr("the folder has no config.json"));
  const std::string alone = folder.write("model.safetensors", bf16_file({{"w", 0, 8}}));
  EXPECT_THAT(error_of(alone), HasSubstr("the folder has no config.json"));
  std::filesystem::remove(alone);
  folder.write("config.json", "{}");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("has neither model.safetensors nor"));
  folder.write("config.json", std::string((1u << 20) + 1, ' '));
  EXPECT_THAT(error_of(folder.path()),
              HasSubstr("config.json: 1048577 bytes, but at most 1048576 are allowed"));
  std::filesystem::remove(folder.path() + "/config.json");
  std::filesystem::create_directory(folder.path() + "/config.json");
  EXPECT_THAT(error_of(folder.path()), HasSubstr("config.json: not a regular file"));
}

TEST(Checkpoint, OtherPathsAreRefused) {
  const TempFolder folder;
  EXPECT_THAT(error_of(folder.path() + "/none.gguf"), HasSubstr("no such file or folder"));
  EXPECT_THAT(error_of(""), HasSubstr("no such file or folder"));
  EXPECT_THAT(error_of(folder.write("file", "") + "/m.gguf"), HasSubstr("Not a directory"));
  EXPECT_THAT(error_of(folder.write("m.bin", "x")),
              HasSubstr("expected a folder with config.json"));
  EXPECT_THAT(error_of(folder.write("m.gguf", "")), HasSubstr("m.gguf: magic"));
  const std::string pipe = folder.path() + "/pipe.gguf";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(error_of(pipe), HasSubstr("pipe.gguf: not a regular file"));
  EXPECT_THAT(error_of("/dev/zero"), HasSubstr("expected a folder with config.json"));
}

// Part `no` of `count`, with one tensor named `name`; part 0 also has the model's metadata.
std::string split_part(std::uint16_t no, std::uint16_t count, std::int32_t tensors,
                       std::string_view name) {
  GgufBytes file;
  file.header(1, no == 0 ? 4 : 3);
  if (no == 0) file.string("general.architecture", "gemma4");
  file.value("split.no", test::kU16, no).value("split.count", test::kU16, count);
  file.value("split.tensors.count", test::kI32, tensors);
  file.tensor(name, {8}, 0, 0).pad().data(32);
  return file.str();
}

TEST(Checkpoint, AnyPartOpensAllParts) {
  const TempFolder folder;
  const std::string paths[] = {folder.write("m-00001-of-00003.gguf", split_part(0, 3, 3, "a")),
                               folder.write("m-00002-of-00003.gguf", split_part(1, 3, 3, "b")),
                               folder.write("m-00003-of-00003.gguf", split_part(2, 3, 3, "c"))};
  for (const std::string& path : paths) {
    const auto checkpoint = Checkpoint::open(path);
    ASSERT_TRUE(checkpoint) << checkpoint.error().message;
    EXPECT_THAT(checkpoint->files(), ElementsAre(paths[0], paths[1], paths[2]));
    EXPECT_EQ(checkpoint->tensors().size(), 3u);
    EXPECT_EQ(checkpoint->find("c")->file, 2u);
    EXPECT_EQ(*meta_string(*checkpoint, "general.architecture"), "gemma4");
    std::vector<std::byte> bytes(2);
    ASSERT_TRUE(checkpoint->read(*checkpoint->find("b"), 3, bytes));
    EXPECT_THAT(bytes, ElementsAre(std::byte{3}, std::byte{4}));
  }
}

TEST(Checkpoint, DamagedSplitsAreRefused) {
  const TempFolder folder;
  const auto first = [&](std::string_view bytes) {
    return folder.write("m-00001-of-00002.gguf", bytes);
  };
  const auto second = [&](std::string_view bytes) {
    return folder.write("m-00002-of-00002.gguf", bytes);
  };
  const std::string path = first(split_part(0, 2, 2, "a"));
  EXPECT_THAT(error_of(path), HasSubstr("m-00002-of-00002.gguf: cannot open"));
  second(split_part(1, 3, 2, "b"));
  EXPECT_THAT(error_of(path), HasSubstr("say 1 of 3; expected 1 of 2"));
  second(split_part(0, 2, 2, "b"));
  EXPECT_THAT(error_of(path), HasSubstr("say 0 of 2; expected 1 of 2"));
  second(one_tensor_gguf().str());
  EXPECT_THAT(error_of(path), HasSubstr("say nothing of nothing; expected 1 of 2"));
  second(split_part(1, 2, 2, "a"));
  EXPECT_THAT(error_of(path), HasSubstr("tensor 'a' is also in"));
  second(split_part(1, 2, 2, "b"));
  first(split_part(0, 2, 5, "a"));
  EXPECT_THAT(error_of(path), HasSubstr("'split.tensors.count' is 5, but the 2 parts have 2"));
  first(split_part(0, 2, -1, "a"));
  EXPECT_THAT(error_of(path), HasSubstr("'split.tensors.count' is not a count"));
  EXPECT_THAT(error_of(folder.write("alone.gguf", split_part(0, 2, 2, "a"))),
              HasSubstr("one part of a split file"));
  EXPECT_THAT(error_of(folder.write("m-00003-of-00002.gguf", "")), HasSubstr("part 3 of 2"));
  EXPECT_THAT(error_of(folder.write("m-00000-of-00002.gguf", "")), HasSubstr("part 0 of 2"));
  EXPECT_THAT(error_of(folder.write("m-00001-of-99999.gguf", "")), HasSubstr("part 1 of 99999"));
}

TEST(Checkpoint, APartOfOneNeedsNoSplitKeys) {
  const TempFolder folder;
  const auto checkpoint =
      Checkpoint::open(folder.write("m-00001-of-00001.gguf", one_tensor_gguf().str()));
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->files().size(), 1u);
}

const std::string kModels = G4_SOURCE_DIR "/tests/golden/models/";

class ToyCheckpoint : public testing::TestWithParam<const char*> {};

TEST_P(ToyCheckpoint, OpensAndHasFiniteValues) {
  const auto checkpoint = Checkpoint::open(kModels + GetParam());
  ASSERT_TRUE(checkpoint) << checkpoint.error().message;
  EXPECT_GT(checkpoint->tensors().size(), 50u);
  for (const TensorInfo& tensor : checkpoint->tensors()) {
    const auto values = checkpoint->read_f32(tensor);
    ASSERT_TRUE(values) << values.error().message;
    ASSERT_EQ(values->size(), tensor.shape.elements());
    for (float value : *values) ASSERT_TRUE(std::isfinite(value)) << tensor.name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, ToyCheckpoint,
                         testing::Values("gemma4-dense", "gemma4-moe",
                                         "gemma4-dense/gemma4-dense-q8_0.gguf",
                                         "gemma4-moe/gemma4-moe-lossless.gguf",
                                         "gemma4-moe/gemma4-moe-q4_0.gguf"));

// The same weights from two formats are the same numbers.
TEST(ToyCheckpoints, BothFormatsHoldTheSameWeights) {
  const auto folder = Checkpoint::open(kModels + "gemma4-moe");
  const auto gguf = Checkpoint::open(kModels + "gemma4-moe/gemma4-moe-lossless.gguf");
  ASSERT_TRUE(folder && gguf);
  const std::pair<const char*, const char*> kNames[] = {
      {"model.language_model.embed_tokens.weight", "token_embd.weight"},
      {"model.language_model.layers.0.experts.down_proj", "blk.0.ffn_down_exps.weight"},
      {"model.language_model.layers.1.self_attn.q_proj.weight", "blk.1.attn_q.weight"}};
  for (const auto& [one, other] : kNames) {
    const TensorInfo *a = folder->find(one), *b = gguf->find(other);
    ASSERT_TRUE(a && b) << one;
    EXPECT_EQ(a->shape, b->shape) << one;
    EXPECT_EQ(*folder->read_f32(*a), *gguf->read_f32(*b)) << one;
  }
}

class Meta : public testing::Test {
 protected:
  Meta() {
    GgufBytes file;
    file.header(0, 13);
    file.value("u", test::kU32, 7u).value("i", test::kI32, std::int32_t{8});
    file.value("negative", test::kI32, std::int32_t{-1}).value("f", test::kF32, 0.5f);
    file.value("b", test::kBool, std::uint8_t{1}).string("s", "text");
    file.array("us", test::kU32, 2).raw(1u).raw(2u);
    file.array("is", test::kI32, 2).raw(std::int32_t{-1}).raw(std::int32_t{2});
    file.array("counts", test::kI32, 1).raw(std::int32_t{4});
    file.array("fs", test::kF32, 1).raw(0.25f);
    file.array("bs", test::kBool, 2).bytes(std::string_view("\1\0", 2));
    file.array("ss", test::kString, 2).text("x").text("y");
    file.array("huge", test::kU64, 1).raw(~std::uint64_t{0});
    checkpoint_ = Checkpoint::open(folder_.write("m.gguf", file.str()));
  }
  void SetUp() override { ASSERT_TRUE(checkpoint_) << checkpoint_.error().message; }
  const Checkpoint& checkpoint() { return *checkpoint_; }

 private:
  TempFolder folder_;
  Result<Checkpoint> checkpoint_ = Error{"not opened"};
};

TEST_F(Meta, ReadsWhatFits) {
  EXPECT_EQ(*meta_u64(checkpoint(), "u"), 7u);
  EXPECT_EQ(*meta_u64(checkpoint(), "i"), 8u);
  EXPECT_EQ(*meta_f64(checkpoint(), "f"), 0.5);
  EXPECT_EQ(*meta_f64(checkpoint(), "u"), 7.0);
  EXPECT_EQ(*meta_f64(checkpoint(), "negative"), -1.0);
  EXPECT_EQ(*meta_bool(checkpoint(), "b"), true);
  EXPECT_EQ(*meta_string(checkpoint(), "s"), "text");
  EXPECT_THAT(*meta_u64s(checkpoint(), "us"), ElementsAre(1u, 2u));
  EXPECT_THAT(*meta_u64s(checkpoint(), "counts"), ElementsAre(4u));
  EXPECT_THAT(*meta_i64s(checkpoint(), "is"), ElementsAre(-1, 2));
  EXPECT_THAT(*meta_i64s(checkpoint(), "us"), ElementsAre(1, 2));
  EXPECT_THAT(*meta_f64s(checkpoint(), "fs"), ElementsAre(0.25));
  EXPECT_THAT(*meta_f64s(checkpoint(), "is"), ElementsAre(-1.0, 2.0));
  EXPECT_THAT(*meta_bools(checkpoint(), "bs"), ElementsAre(true, false));
  EXPECT_THAT(*meta_strings(checkpoint(), "ss"), ElementsAre("x", "y"));
}

TEST_F(Meta, SaysWhatItFound) {
  EXPECT_THAT(meta_u64(checkpoint(), "none").error().message,
              HasSubstr("m.gguf: key 'none' is missing"));
  EXPECT_THAT(meta_u64(checkpoint(), "s").error().message,
              HasSubstr("m.gguf: key 's' is a string; expected an unsigned integer"));
  EXPECT_THAT(meta_u64(checkpoint(), "f").error().message, HasSubstr("key 'f' is a float"));
  EXPECT_THAT(meta_u64(checkpoint(), "negative").error().message,
              HasSubstr("key 'negative' is out of range; expected an unsigned integer"));
  EXPECT_THAT(meta_f64(checkpoint(), "b").error().message,
              HasSubstr("key 'b' is a bool; expected a number"));
  EXPECT_THAT(meta_bool(checkpoint(), "u").error().message,
              HasSubstr("key 'u' is an unsigned integer; expected a bool"));
  EXPECT_THAT(meta_string(checkpoint(), "ss").error().message,
              HasSubstr("key 'ss' is an array of strings; expected a string"));
  EXPECT_THAT(meta_u64s(checkpoint(), "is").error().message,
              HasSubstr("key 'is' has a value out of range"));
  EXPECT_THAT(meta_i64s(checkpoint(), "huge").error().message,
              HasSubstr("key 'huge' has a value out of range"));
  EXPECT_THAT(meta_u64s(checkpoint(), "bs").error().message,
              HasSubstr("key 'bs' is an array of bools; expected an array of unsigned integers"));
  EXPECT_THAT(meta_strings(checkpoint(), "s").error().message,
              HasSubstr("key 's' is a string; expected an array of strings"));
  EXPECT_THAT(meta_bools(checkpoint(), "us").error().message,
              HasSubstr("key 'us' is an array of unsigned integers; expected an array of bools"));
}

}  // namespace
}  // namespace g4
