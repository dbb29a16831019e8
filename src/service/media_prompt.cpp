#include "service/media_prompt.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "chat/writer.h"

namespace g4 {
namespace {

constexpr std::string_view kImageBegin = "<|image>", kImageEnd = "<image|>";

using Inputs = std::vector<std::shared_ptr<const ImageInput>>;

void write_block(std::string_view placeholder, chat::Writer& out) {
  out.control(kImageBegin);
  out.control(placeholder);
  out.control(kImageEnd);
}

void write_video(const PromptVideo& video, Inputs& inputs, chat::Writer& out) {
  for (std::size_t i = 0; i < video.frames.size(); ++i) {
    out.text(fmt::format("{}{} ", i == 0 ? "" : " ", timestamp(video.frames[i].seconds)));
    write_block(chat::token::kVideo, out);
    inputs.push_back(video.frames[i].input);
  }
}

std::string_view placeholder_of(const PromptMedium& medium) {
  return std::holds_alternative<PromptImage>(medium) ? chat::token::kImage : chat::token::kVideo;
}

// One placeholder for each image or frame, whose inputs are collected in order.
Result<chat::Rendered> write_blocks(const chat::Rendered& prompt,
                                    std::span<const PromptMedium> media, Inputs& inputs) {
  chat::Writer out;
  for (const chat::Piece& piece : prompt.pieces) {
    if (piece.kind == chat::Piece::Kind::kText) {
      out.text(piece.text);
    } else if (piece.text != chat::token::kImage && piece.text != chat::token::kVideo) {
      out.control(piece.text);
    } else if (media.empty() || piece.text != placeholder_of(media.front())) {
      return Error{fmt::format("no {} was given for a place in the prompt", piece.text)};
    } else {
      if (const auto* image = std::get_if<PromptImage>(&media.front())) {
        write_block(piece.text, out);
        inputs.push_back(image->input);
      } else {
        write_video(std::get<PromptVideo>(media.front()), inputs, out);
      }
      media = media.subspan(1);
    }
  }
  if (!media.empty())
    return Error{fmt::format("the prompt has no place for the last {} media", media.size())};
  return std::move(out).take();
}

}  // namespace

bool has_image_tokens(const Tokenizer& tokenizer) {
  return tokenizer.find(kImageBegin) && tokenizer.find(chat::token::kImage) &&
         tokenizer.find(kImageEnd);
}

std::string timestamp(double seconds) {
  const auto whole = static_cast<std::int64_t>(seconds);
  return fmt::format("{:02}:{:02}", whole / 60, whole % 60);
}

Result<MediaPrompt> place_media(const chat::Rendered& prompt, std::span<const PromptMedium> media,
                                const Tokenizer& tokenizer) {
  if (!media.empty() && !has_image_tokens(tokenizer))
    return Error{"this model's vocabulary has no images"};
  const auto is_video = [](const PromptMedium& medium) {
    return std::holds_alternative<PromptVideo>(medium);
  };
  if (std::ranges::any_of(media, is_video) && !tokenizer.find(chat::token::kVideo))
    return Error{"this model's vocabulary has no videos"};
  Inputs inputs;
  const chat::Rendered blocks = G4_TRY(write_blocks(prompt, media, inputs));
  const std::optional<TokenId> image = tokenizer.find(chat::token::kImage),
                               video = tokenizer.find(chat::token::kVideo);
  MediaPrompt placed;
  for (const TokenId id : chat::to_tokens(blocks, tokenizer)) {
    if (id != image && id != video) {
      placed.tokens.push_back(id);
      continue;
    }
    // User text never becomes a placeholder, so they are as many as the inputs.
    const auto& input = inputs[placed.images.size()];
    const std::uint64_t begin = placed.tokens.size();
    placed.tokens.insert(placed.tokens.end(), input->soft_tokens, id);
    placed.images.push_back({begin, placed.tokens.size(), input});
  }
  return placed;
}

}  // namespace g4
