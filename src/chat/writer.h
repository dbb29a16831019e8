// Collects pieces; neighbouring plain text becomes one piece.
#pragma once

#include <string>
#include <string_view>

#include "chat/render.h"

namespace g4::chat {

// The control tokens that templates write, by their role in the format.
namespace token {
inline constexpr std::string_view kBos = "<bos>";
inline constexpr std::string_view kTurn = "<|turn>";
inline constexpr std::string_view kTurnEnd = "<turn|>";
inline constexpr std::string_view kThink = "<|think|>";
inline constexpr std::string_view kChannel = "<|channel>";
inline constexpr std::string_view kChannelEnd = "<channel|>";
inline constexpr std::string_view kTool = "<|tool>";
inline constexpr std::string_view kToolEnd = "<tool|>";
inline constexpr std::string_view kToolCall = "<|tool_call>";
inline constexpr std::string_view kToolCallEnd = "<tool_call|>";
inline constexpr std::string_view kToolResponse = "<|tool_response>";
inline constexpr std::string_view kToolResponseEnd = "<tool_response|>";
inline constexpr std::string_view kQuote = "<|\"|>";
inline constexpr std::string_view kImage = "<|image|>";
inline constexpr std::string_view kAudio = "<|audio|>";
inline constexpr std::string_view kVideo = "<|video|>";
inline constexpr std::string_view kGemma3Turn = "<start_of_turn>";
inline constexpr std::string_view kGemma3TurnEnd = "<end_of_turn>";
inline constexpr std::string_view kGemma3Image = "<start_of_image>";
}  // namespace token

class Writer {
 public:
  void control(std::string_view spelling) {
    rendered_.pieces.push_back({Piece::Kind::kControl, std::string(spelling)});
  }
  void text(std::string_view text) {
    if (text.empty()) return;
    auto& pieces = rendered_.pieces;
    if (!pieces.empty() && pieces.back().kind == Piece::Kind::kText) {
      pieces.back().text += text;
    } else {
      pieces.push_back({Piece::Kind::kText, std::string(text)});
    }
  }
  void quoted(std::string_view words) {
    control(token::kQuote);
    text(words);
    control(token::kQuote);
  }
  bool blank() const { return rendered_.pieces.empty(); }
  void append(const Writer& other) {
    for (const Piece& piece : other.rendered_.pieces)
      piece.kind == Piece::Kind::kText ? text(piece.text) : control(piece.text);
  }
  Rendered take() && { return std::move(rendered_); }

 private:
  Rendered rendered_;
};

}  // namespace g4::chat
