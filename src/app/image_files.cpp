#include "app/image_files.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <span>

#include "media/decoder_client.h"
#include "service/image_prompt.h"

namespace g4::app {
namespace {

Result<std::vector<std::byte>> read_file(const std::string& path, std::int64_t bytes_max) {
  std::error_code failure;
  const std::uintmax_t size = std::filesystem::file_size(path, failure);
  if (failure) return Error{fmt::format("{}: {}", path, failure.message())};
  if (size > static_cast<std::uintmax_t>(bytes_max))
    return Error{fmt::format("{}: {} bytes, but at most {} are read", path, size, bytes_max)};
  std::vector<std::byte> bytes(size);
  std::ifstream in(path, std::ios::binary);
  if (!in.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size)))
    return Error{fmt::format("{}: cannot be read", path)};
  return bytes;
}

}  // namespace

void add_image_options(CLI::App& command, std::vector<std::string>& files, std::string& tokens) {
  command
      .add_option("--image", files,
                  "Image to look at (may be repeated): JPEG, PNG, WebP, GIF, "
                  "TIFF, AVIF, HEIC or PDF")
      ->allow_extra_args(false);
  command
      .add_option("--image-tokens", tokens,
                  "Most tokens an image may cost; auto: as few as show it unshrunk")
      ->check(CLI::IsMember({"auto", "70", "140", "280", "560", "1120"}))
      ->capture_default_str();
}

Result<std::shared_ptr<const ImageInput>> read_image(const std::string& path,
                                                     const std::string& tokens) {
  const DecodeLimits limits;
  const std::vector<std::byte> file = G4_TRY(read_file(path, limits.file_bytes_max));
  Result<RgbImage> image = decode_image(file, {}, limits);
  if (!image) return Error{fmt::format("{}: {}", path, image.error().message)};
  const ImageBudget budget =
      tokens == "auto" ? ImageBudget::kAuto : G4_TRY(image_budget(std::stoll(tokens)));
  return make_image_input(G4_TRY(prepare_image(*image, budget)));
}

}  // namespace g4::app
