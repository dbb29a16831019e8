#include "api/known_members.h"

#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <utility>

namespace g4::api {
namespace {

namespace json = boost::json;

constexpr Known kText[] = {{"type"}, {"text"}};

// Of images and videos, in any API.
constexpr Known kMedium[] = {
    {"url"},  {"data"},       {"frames"}, {"format"},     {"detail"}, {"max_soft_tokens"},
    {"page"}, {"num_frames"}, {"fps"},    {"max_frames"}, {"start"},  {"end"}};

// What clients send back of our own answers is known, though it says nothing: annotations, status.
constexpr Known kParts[] = {{"type"},
                            {"text"},
                            {"refusal"},
                            {"annotations"},
                            {"logprobs"},
                            {"image_url", kMedium, {}, kMedium},
                            {"image", kMedium, {}, kMedium},
                            {"video_url", kMedium, {}, kMedium},
                            {"video", kMedium, {}, kMedium},
                            {"input_video", kMedium, {}, kMedium}};

constexpr Known kCall[] = {{"name"}, {"arguments"}};
constexpr Known kCalls[] = {{"id"}, {"type"}, {"index"}, {"function", kCall}};
constexpr Known kToolResponses[] = {{"name"}, {"response"}};
constexpr Known kMessages[] = {{"role"},
                               {"content", kParts},
                               {"annotations"},
                               {"reasoning", {}, "assistant"},
                               {"reasoning_content", {}, "assistant"},
                               {"tool_calls", kCalls, "assistant"},
                               {"function_call", kCall, "assistant"},
                               {"tool_responses", kToolResponses, "assistant"},
                               {"tool_call_id", {}, "tool"},
                               {"name", {}, "tool"},
                               {"name", {}, "function"}};

constexpr Known kFunction[] = {{"name"}, {"description"}, {"parameters"}, {"response"}, {"strict"}};
constexpr Known kTools[] = {{"type"}, {"function", kFunction}};

constexpr Known kName[] = {{"name"}};
constexpr Known kNamed[] = {{"type"}, {"name"}, {"function", kName}};
constexpr Known kAllowed[] = {{"mode"}, {"tools", kNamed}};
constexpr Known kChoice[] = {{"type"},
                             {"name"},
                             {"function", kName},
                             {"mode", {}, "allowed_tools"},
                             {"tools", kNamed, "allowed_tools"},
                             {"allowed_tools", kAllowed, "allowed_tools"}};

constexpr Known kItems[] = {{"type"},
                            {"id"},
                            {"status"},
                            {"role"},
                            {"content", kParts},
                            {"call_id"},
                            {"name", {}, "function_call"},
                            {"arguments", {}, "function_call"},
                            {"output", kParts, "function_call_output"},
                            {"summary", {}, "reasoning"},
                            {"encrypted_content", {}, "reasoning"}};

constexpr Known kSource[] = {{"type"}, {"media_type"}, {"data"}, {"url"}, {"content", kText}};
// Blocks within the results of tools and within search results.
constexpr Known kShown[] = {{"type"},
                            {"text"},
                            {"source", kSource},
                            {"citations"},
                            {"title"},
                            {"context", {}, "document"},
                            {"content", kText, "search_result"},
                            {"detail", {}, "image"},
                            {"max_soft_tokens", {}, "image"},
                            {"page", {}, "image"}};
constexpr Known kBlocks[] = {{"type"},
                             {"text"},
                             {"source", kSource},
                             {"citations"},
                             {"title"},
                             {"context", {}, "document"},
                             {"content", kShown},
                             {"detail", {}, "image"},
                             {"max_soft_tokens", {}, "image"},
                             {"page", {}, "image"},
                             {"thinking", {}, "thinking"},
                             {"signature", {}, "thinking"},
                             {"data", {}, "redacted_thinking"},
                             {"id", {}, "tool_use"},
                             {"name", {}, "tool_use"},
                             {"input", {}, "tool_use"},
                             {"tool_use_id", {}, "tool_result"},
                             {"is_error", {}, "tool_result"}};
constexpr Known kTalk[] = {{"role"}, {"content", kBlocks}};
constexpr Known kAnthropicTool[] = {
    {"type"}, {"name"}, {"description"}, {"input_schema"}, {"strict"}};

class Finder {
 public:
  Finder(std::string path, UnreadFields& unread) : path_(std::move(path)), unread_(unread) {}

  // Tables hold each other a few deep, and so deep this goes.
  void see(const json::value& value, KnownMembers known) {
    if (const json::object* object = value.if_object()) return see(*object, known);
    if (const json::array* list = value.if_array())
      for (std::size_t i = 0; i < list->size(); ++i)
        if (const json::object* object = (*list)[i].if_object())
          within(fmt::format("[{}]", i), [&] { see(*object, known); });
  }

 private:
  template <class Do>
  void within(std::string_view step, Do look) {
    const std::size_t length = path_.size();
    path_ += step;
    look();
    path_.resize(length);
  }

  void see(const json::object& object, KnownMembers table) {
    const std::span<const Known> known(table.first, table.count);
    const std::span<const Known> beside = beside_media(object, known);
    for (const json::key_value_pair& entry : object) {
      const std::string_view key = entry.key();
      const json::value& value = entry.value();
      if (value.is_null()) continue;
      const auto found = std::ranges::find_if(known, [&](const Known& member) {
        return member.name == key && is_of(object, member.of);
      });
      if (found == known.end()) {
        if (std::ranges::find(beside, key, &Known::name) == beside.end()) add(table.first, key);
      } else if (found->inside.count > 0) {
        within(fmt::format(".{}", key), [&] { see(value, found->inside); });
      }
    }
  }

  static bool is_of(const json::object& object, std::string_view kind) {
    if (kind.empty()) return true;
    return std::ranges::any_of(std::initializer_list<std::string_view>{"type", "role"},
                               [&](std::string_view key) {
                                 const json::value* said = object.if_contains(key);
                                 const json::string* text = said ? said->if_string() : nullptr;
                                 return text && *text == kind;
                               });
  }

  static std::span<const Known> beside_media(const json::object& object,
                                             std::span<const Known> known) {
    for (const Known& member : known) {
      if (member.beside.count == 0) continue;
      const json::value* value = object.if_contains(member.name);
      if (value && !value->is_null() && !value->is_object())
        return {member.beside.first, member.beside.count};
    }
    return {};
  }

  void add(const Known* table, std::string_view key) {
    const std::pair like(table, key);
    if (unread_.is_full() || std::ranges::find(named_, like) != named_.end()) {
      ++unread_.count;
    } else {
      named_.push_back(like);
      unread_.add(fmt::format("{}.{}", path_, key));
    }
  }

  std::string path_;
  UnreadFields& unread_;
  std::vector<std::pair<const Known*, std::string_view>> named_;
};

}  // namespace

const KnownMembers kChatMessages(kMessages), kChatTools(kTools), kChatFunctions(kFunction),
    kToolChoice(kChoice);
const KnownMembers kResponseItems(kItems);
const KnownMembers kAnthropicMessages(kTalk), kAnthropicBlocks(kBlocks),
    kAnthropicTools(kAnthropicTool);

void UnreadFields::add(std::string path) {
  ++count;
  if (!is_full()) names.push_back(std::move(path));
}

void find_unread(const json::value& value, std::string path, KnownMembers known,
                 UnreadFields& unread) {
  Finder(std::move(path), unread).see(value, known);
}

}  // namespace g4::api
