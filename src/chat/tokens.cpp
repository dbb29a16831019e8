// The two questions about a vocabulary: which template is it made for, and the ids of a prompt.
#include "chat/render.h"
#include "chat/writer.h"

namespace g4::chat {

std::vector<TokenId> to_tokens(const Rendered& rendered, const Tokenizer& tokenizer) {
  std::vector<TokenId> ids;
  for (const Piece& piece : rendered.pieces) {
    if (piece.kind == Piece::Kind::kControl) {
      if (const auto id = tokenizer.find(piece.text)) {
        ids.push_back(*id);
        continue;
      }
    }
    // Text; or a control token that this vocabulary lacks, which then can only be spelled.
    const auto run = tokenizer.encode(piece.text, Tokenizer::Special::kText);
    ids.insert(ids.end(), run.begin(), run.end());
  }
  return ids;
}

TemplateKind detect(const Tokenizer& tokenizer, bool has_chat_template) {
  if (!has_chat_template) return TemplateKind::kNone;
  if (tokenizer.find(token::kTurn)) {
    const std::string_view jinja = tokenizer.chat_template();
    const bool small = !jinja.empty() &&
                       jinja.find("<|channel>thought\\n<channel|>") == std::string_view::npos &&
                       jinja.find("<|channel>thought\n<channel|>") == std::string_view::npos;
    return small ? TemplateKind::kGemma4Small : TemplateKind::kGemma4;
  }
  return tokenizer.find(token::kGemma3Turn) ? TemplateKind::kGemma3 : TemplateKind::kNone;
}

}  // namespace g4::chat
