// Conversation to prompt, equal byte for byte to what the published Jinja templates print.
//
// A prompt is a list of pieces: control tokens of the template, and plain text. All that users
// supply (content, names, schemas, arguments) is plain text, so "<|turn>" typed by a user never
// becomes a control token. Plain pieces between two control tokens are one piece, because merges
// of the tokenizer run across their seams.
// Threads: pure functions. Failure: a sentence where the template itself raises.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "chat/message.h"
#include "text/tokenizer.h"

namespace g4::chat {

enum class TemplateKind : std::uint8_t {
  kNone,         // a base model: no template, render() fails
  kGemma3,       // user/model turns only; tools and thinking are ignored
  kGemma4Small,  // E2B, E4B: as kGemma4, without the empty thought when thinking is off
  kGemma4,       // 12B, 26B-A4B, 31B: Google's canonical template of 2026-07-09
};

struct Piece {
  enum class Kind : std::uint8_t { kControl, kText };
  Kind kind;
  std::string text;  // spelling of one control token, or text
};

struct Rendered {
  std::vector<Piece> pieces;  // begins with the control token <bos>
  std::string text() const;   // all pieces joined
};

Result<Rendered> render(TemplateKind kind, std::span<const Message> messages,
                        std::span<const Tool> tools, const ChatOptions& options);

// Ids of the pieces. Equal to encoding text() with special tokens parsed, unless a plain piece
// holds the spelling of one.
std::vector<TokenId> to_tokens(const Rendered& rendered, const Tokenizer& tokenizer);

// Which template the vocabulary was made for. Base checkpoints share the vocabulary, so the caller
// says whether the checkpoint carries a chat template (its text, or a file beside it).
TemplateKind detect(const Tokenizer& tokenizer, bool has_chat_template);

bool supports_tools(TemplateKind kind);
bool supports_thinking(TemplateKind kind);

}  // namespace g4::chat
