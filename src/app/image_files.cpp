#include "app/image_files.h"

#include <fmt/format.h>

#include "media/decoder_client.h"
#include "service/image_prompt.h"
#include "weights/source.h"

namespace g4::app {
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
  const File file = G4_TRY(File::open(path));
  if (file.size() > static_cast<std::uint64_t>(limits.file_bytes_max))
    return Error{fmt::format("{}: {} bytes, but at most {} are read", path, file.size(),
                             limits.file_bytes_max)};
  std::vector<std::byte> bytes(file.size());
  G4_TRY(file.read_at(0, bytes));
  const Result<RgbImage> image = decode_image(bytes, {}, limits);
  if (!image) return Error{fmt::format("{}: {}", path, image.error().message)};
  const ImageBudget budget =
      tokens == "auto" ? ImageBudget::kAuto : G4_TRY(image_budget(std::stoll(tokens)));
  return make_image_input(G4_TRY(prepare_image(*image, budget)));
}

}  // namespace g4::app
