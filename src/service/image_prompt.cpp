#include "service/image_prompt.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <utility>

namespace g4 {

std::optional<ImageTokens> image_tokens(const Tokenizer& tokenizer) {
  const auto begin = tokenizer.find("<|image>"), placeholder = tokenizer.find("<|image|>"),
             end = tokenizer.find("<image|>");
  if (!begin || !placeholder || !end) return std::nullopt;
  return ImageTokens{*begin, *placeholder, *end};
}

std::shared_ptr<const ImageInput> make_image_input(PreparedImage image) {
  auto input = std::make_shared<ImageInput>();
  input->columns = image.plan.resized.width / kPatchSide;
  input->rows = image.plan.resized.height / kPatchSide;
  input->soft_tokens = static_cast<std::uint32_t>(image.plan.soft_tokens);
  input->patches = std::move(image.patches.values);
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(input->patches.data()),
         input->patches.size() * sizeof(float), digest);
  input->key = fmt::format("{}x{} ", input->columns, input->rows);
  input->key.append(reinterpret_cast<const char*>(digest), sizeof digest);
  return input;
}

Result<ImagePrompt> place_images(std::span<const TokenId> prompt,
                                 std::span<const std::shared_ptr<const ImageInput>> images,
                                 const ImageTokens& tokens) {
  ImagePrompt placed;
  for (const TokenId id : prompt) {
    if (id != tokens.placeholder) {
      placed.tokens.push_back(id);
      continue;
    }
    const std::size_t i = placed.images.size();
    if (i == images.size())
      return Error{fmt::format("the prompt has more places for images than there are images ({})",
                               images.size())};
    placed.tokens.push_back(tokens.begin);
    const std::uint64_t begin = placed.tokens.size();
    placed.tokens.insert(placed.tokens.end(), images[i]->soft_tokens, tokens.placeholder);
    placed.images.push_back({begin, placed.tokens.size(), images[i]});
    placed.tokens.push_back(tokens.end);
  }
  if (placed.images.size() != images.size())
    return Error{fmt::format("the prompt has places for {} images, but there are {}",
                             placed.images.size(), images.size())};
  return placed;
}

}  // namespace g4
