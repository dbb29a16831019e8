// Any JSON as {"messages": ..., "tools": ...}: reading and rendering it never crashes, and what
// is rendered keeps the promises of render.h.
#include <cstdint>
#include <cstdlib>

#include "chat/json_members.h"
#include "chat/messages_json.h"
#include "chat/render.h"

namespace {

using namespace g4::chat;

void check(const Rendered& rendered) {
  const auto& pieces = rendered.pieces;
  if (pieces.empty() || pieces.front().text != "<bos>") std::abort();
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const bool text = pieces[i].kind == Piece::Kind::kText;
    if (pieces[i].text.empty()) std::abort();
    if (text && i > 0 && pieces[i - 1].kind == Piece::Kind::kText) std::abort();
    bytes += pieces[i].text.size();
  }
  if (rendered.text().size() != bytes) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value = json_members::read_json({reinterpret_cast<const char*>(data), size});
  if (!value || !value->is_object()) return 0;
  const auto field = [&](std::string_view name) {
    const auto* found = value->get_object().if_contains(name);
    return found == nullptr ? boost::json::value() : *found;
  };
  const auto messages = messages_from_json(field("messages"), "messages");
  const auto tools = tools_from_json(field("tools"), "tools");
  if (!messages || !tools) return 0;
  for (const auto kind :
       {TemplateKind::kGemma4, TemplateKind::kGemma4Small, TemplateKind::kGemma3}) {
    for (unsigned bits = 0; bits < 16; ++bits) {
      const ChatOptions options{.thinking = (bits & 1) != 0,
                                .preserve_thinking = (bits & 2) != 0,
                                .add_generation_prompt = (bits & 4) != 0,
                                .continue_final = (bits & 8) != 0};
      if (const auto rendered = render(kind, *messages, *tools, options)) check(*rendered);
    }
  }
  return 0;
}
