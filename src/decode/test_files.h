// Test support: files of tests/golden/decode, and sentences to look for.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "media/decoder_client.h"

namespace g4::test {

inline std::string read_file(const std::string& name) {
  std::ifstream file(std::string(G4_SOURCE_DIR "/tests/golden/decode/") + name, std::ios::binary);
  EXPECT_TRUE(file) << name;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

inline boost::json::array decode_cases(const std::string& name) {
  const boost::json::value json = boost::json::parse(read_file(name));
  EXPECT_FALSE(json.at("cases").as_array().empty());
  return json.at("cases").as_array();
}

inline Result<RgbImage, DecodeError> image_of(const std::string& file, ImageOptions options = {}) {
  return decode_image(bytes_of(file), options, DecodeLimits{});
}

}  // namespace g4::test
