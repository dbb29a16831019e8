// What a file may say of its vision tower, and the sentences for what this engine does not run.
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

#include "model/vision_golden.h"
#include "weights/test_files.h"

namespace g4 {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// The first `from` becomes `to`; GGUF and safetensors files keep their sizes.
std::string changed(std::string bytes, const std::string& from, const std::string& to) {
  const std::size_t at = bytes.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  if (at != std::string::npos) bytes.replace(at, from.size(), to);
  return bytes;
}

// The outcome of reading configuration and weights: a sentence, "no tower" or "loaded".
std::string outcome(const std::string& path) {
  const auto checkpoint = Checkpoint::open(path);
  if (!checkpoint) return checkpoint.error().message;
  const auto config = read_vision_config(*checkpoint);
  if (!config) return config.error().message;
  if (!*config) return "no tower";
  const auto backend = make_reference_backend();
  const auto weights = load_vision_weights(*backend, *checkpoint, **config, {});
  return weights ? "loaded" : weights.error().message;
}

// The toy folder, with one change in config.json or in the safetensors header.
std::string folder_outcome(const std::string& from, const std::string& to,
                           const std::string& file = "config.json") {
  const test::TempFolder folder;
  for (const char* name : {"config.json", "model.safetensors"}) {
    std::string bytes = bytes_of(golden::vision_folder() + "/" + name);
    if (file == name && !from.empty()) bytes = changed(std::move(bytes), from, to);
    folder.write(name, bytes);
  }
  return outcome(folder.path());
}

std::string mmproj_outcome(const std::string& from, const std::string& to) {
  EXPECT_EQ(from.size(), to.size());
  const test::TempFolder folder;
  return outcome(folder.write(
      "mmproj.gguf", changed(bytes_of(golden::vision_folder() + "/mmproj.gguf"), from, to)));
}

TEST(VisionConfig, BothFormatsSayTheSame) {
  for (const char* file : {"", "/mmproj.gguf"}) {
    const auto checkpoint = Checkpoint::open(golden::vision_folder() + file).value();
    const VisionConfig config = read_vision_config(checkpoint).value().value();
    EXPECT_EQ(config.hidden, 72);
    EXPECT_EQ(config.ffn, 88);
    EXPECT_EQ(config.layers, 3);
    EXPECT_EQ(config.heads, 3);
    EXPECT_EQ(config.head_dim, 24);
    EXPECT_EQ(config.patch_values(), 768);
    EXPECT_EQ(config.pooling, 3);
    EXPECT_EQ(config.positions, 256);
    EXPECT_EQ(config.text_hidden, 64);
    EXPECT_TRUE(config.standardize);
    EXPECT_EQ(config.inv_freq().size(), 6U);
    EXPECT_FLOAT_EQ(config.inv_freq()[3], 0.1F);  // 100^(-6/12)
    EXPECT_EQ(config.description(), "vision tower, 3 layers, hidden 72, 3 heads");
  }
}

TEST(VisionConfig, TextModelsHaveNoTower) {
  EXPECT_EQ(outcome(golden::models_folder() + "gemma4-moe"), "no tower");
  EXPECT_EQ(outcome(golden::models_folder() + "gemma4-dense"), "no tower");
  EXPECT_EQ(outcome(golden::models_folder() + "gemma3-text"), "no tower");
  EXPECT_EQ(outcome(golden::models_folder() + "gemma4-moe/gemma4-moe-lossless.gguf"), "no tower");
}

TEST(VisionConfig, FoldersThatAreNotOursAreRefused) {
  EXPECT_EQ(folder_outcome("", ""), "loaded");
  EXPECT_EQ(folder_outcome("\"axial\"", "\"default\""), "loaded");  // as in April 2026
  EXPECT_THAT(folder_outcome("\"axial\"", "\"yarn\""), HasSubstr("rope type \"yarn\""));
  EXPECT_THAT(folder_outcome("\"use_clipped_linears\": false", "\"use_clipped_linears\": true"),
              AllOf(HasSubstr("clipped linears"), HasSubstr("E2B/E4B"), HasSubstr("config.json")));
  EXPECT_THAT(folder_outcome("\"gemma4_vision\"", "\"siglip_vision_model\""),
              HasSubstr("siglip_vision_model"));
  EXPECT_THAT(folder_outcome("\"position_embedding_size\": 256", "\"position_embedding_size\": 0"),
              HasSubstr("position table is 0, expected 1 to 65536"));
  EXPECT_THAT(folder_outcome("\"head_dim\": 24", "\"head_dim\": 26"), HasSubstr("multiple of 4"));
  EXPECT_THAT(folder_outcome("\"pooling_kernel_size\": 3", "\"pooling_kernel_size\": \"3\""),
              HasSubstr("\"pooling_kernel_size\" should be a whole number"));
  EXPECT_THAT(folder_outcome("\"num_key_value_heads\": 3", "\"num_key_value_heads\": 1"),
              HasSubstr("1 key-value heads for 3 query heads"));
  EXPECT_THAT(folder_outcome("\"hidden_size\": 72", "\"hidden_size\": 80"),
              AllOf(HasSubstr("patch_embedder.input_proj.weight"), HasSubstr("[72, 768]"),
                    HasSubstr("[80, 768]")));
  EXPECT_THAT(folder_outcome("vision_tower.std_bias", "vision_tower.std_bios", "model.safetensors"),
              HasSubstr("'model.vision_tower.std_bias' is missing"));
}

TEST(VisionConfig, MmprojFilesThatAreNotOursAreRefused) {
  EXPECT_THAT(mmproj_outcome("gemma4v", "gemma3x"),
              HasSubstr("projector type \"gemma3x\", expected \"gemma4v\""));
  EXPECT_THAT(mmproj_outcome("v.blk.0.attn_out.weight", "v.blk.0.attnq.input_max"),
              AllOf(HasSubstr("v.blk.0.attnq.input_max"), HasSubstr("E2B/E4B")));
  EXPECT_THAT(mmproj_outcome("v.blk.2.ln1.weight", "v.blk.2.lnx.weight"),
              HasSubstr("'v.blk.2.ln1.weight' is missing"));
  EXPECT_THAT(mmproj_outcome("v.position_embd", "v.position_emby"),
              HasSubstr("'v.position_embd.weight' is missing"));
  EXPECT_THAT(mmproj_outcome("clip.vision.block_count", "clip.vision.block_counc"),
              HasSubstr("clip.vision.block_count"));
  // The array of the mean: type 9 of type 6, three values.
  const std::string array("\x09\0\0\0\x06\0\0\0\x03\0\0\0\0\0\0\0", 16);
  EXPECT_THAT(mmproj_outcome("clip.vision.image_mean" + array + std::string(4, '\0'),
                             "clip.vision.image_mean" + array + std::string("\0\0\0\x3f", 4)),
              HasSubstr("\"clip.vision.image_mean\" should be 0 in every channel"));
  // Older files name the projector for the whole file.
  EXPECT_THAT(mmproj_outcome("clip.vision.projector_type", "clip.vision.projector_typo"),
              HasSubstr("clip.projector_type"));
}

}  // namespace
}  // namespace g4
