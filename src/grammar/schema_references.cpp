#include "grammar/schema_references.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/utf8.h"
#include "grammar/schema_keywords.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;

constexpr int kChainMax = 100;
constexpr std::size_t kReferenceBytesMax = 500;  // followed again and again, 100 in a row
constexpr std::size_t kAnchorScanMax = 100'000;  // values looked at

std::string_view text_of(const json::value& value) {
  const json::string* text = value.if_string();
  return text ? std::string_view(text->data(), text->size()) : std::string_view{};
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// One step of a pointer: %41 of URLs, then ~1 and ~0 of JSON pointers.
std::string unescape(std::string_view step) {
  std::string bytes;
  for (std::size_t i = 0; i < step.size(); ++i) {
    if (step[i] == '%' && i + 2 < step.size() && hex_digit(step[i + 1]) >= 0 &&
        hex_digit(step[i + 2]) >= 0) {
      bytes += static_cast<char>(hex_digit(step[i + 1]) * 16 + hex_digit(step[i + 2]));
      i += 2;
    } else {
      bytes += step[i];
    }
  }
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool tilde = bytes[i] == '~' && i + 1 < bytes.size();
    if (tilde && (bytes[i + 1] == '0' || bytes[i + 1] == '1'))
      out += bytes[++i] == '0' ? '~' : '/';
    else
      out += bytes[i];
  }
  return out;
}

const json::value* child(const json::value& value, std::string_view step) {
  const std::string name = unescape(step);
  if (const json::object* object = value.if_object()) return object->if_contains(name);
  const json::array* array = value.if_array();
  std::size_t index = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), index);
  if (!array || failure != std::errc{} || end != name.data() + name.size()) return nullptr;
  return index < array->size() ? &(*array)[index] : nullptr;
}

// `pointer` is empty or begins with a slash.
const json::value* follow(const json::value& root, std::string_view pointer) {
  const json::value* at = &root;
  while (at && !pointer.empty()) {
    pointer.remove_prefix(1);
    const std::size_t end = std::min(pointer.find('/'), pointer.size());
    at = child(*at, pointer.substr(0, end));
    pointer.remove_prefix(end);
  }
  return at;
}

// The $ref of a schema that says nothing else; else null.
const json::value* sole_reference(const json::value& schema) {
  const json::object* object = schema.if_object();
  const json::value* reference = object ? object->if_contains("$ref") : nullptr;
  if (!reference || !reference->is_string()) return nullptr;
  const bool sole = std::all_of(object->begin(), object->end(), [](const auto& member) {
    return member.key() == "$ref" || keyword(member.key()) == Keyword::kSilent;
  });
  return sole ? reference : nullptr;
}

std::string anchor_name(std::string_view anchor) { return fmt::format("#{}", anchor); }

}  // namespace

SchemaReferences::SchemaReferences(const json::value& root) : root_(root) { note_anchors(); }

void SchemaReferences::note_anchors() {
  std::vector<const json::value*> open{&root_};
  for (std::size_t looked = 0; !open.empty() && looked < kAnchorScanMax; ++looked) {
    const json::value& value = *open.back();
    open.pop_back();
    if (const json::array* array = value.if_array())
      for (const json::value& item : *array) open.push_back(&item);
    const json::object* object = value.if_object();
    if (!object) continue;
    for (const auto& [key, item] : *object) {
      const std::string_view text = text_of(item);
      if (key == "$anchor" && !text.empty()) anchors_.emplace(anchor_name(text), &value);
      if ((key == "$id" || key == "id") && !text.empty()) {
        std::string name(text);
        if (name.size() > 1 && name.back() == '#') name.pop_back();
        anchors_.emplace(std::move(name), &value);
      }
      open.push_back(&item);
    }
  }
}

Result<const json::value*> SchemaReferences::find(std::string_view reference) const {
  if (reference.size() > kReferenceBytesMax)
    return Error{fmt::format("a $ref has at most {} bytes", kReferenceBytesMax)};
  const std::size_t hash = std::min(reference.find('#'), reference.size());
  const std::string_view document = reference.substr(0, hash);
  const std::string_view fragment =
      hash < reference.size() ? reference.substr(hash + 1) : std::string_view{};
  const json::value* base = &root_;
  if (!document.empty()) {
    const auto found = anchors_.find(std::string(document));
    if (found == anchors_.end())
      return Error{fmt::format("$ref \"{}\" leads to another document; nothing is fetched",
                               utf8_beginning(reference, 200))};
    base = found->second;
  }
  const json::value* target = nullptr;
  if (fragment.empty() || fragment.front() == '/') {
    target = follow(*base, fragment == "/" ? "" : fragment);
  } else if (const auto named = anchors_.find(anchor_name(unescape(fragment)));
             named != anchors_.end()) {
    target = named->second;
  }
  if (!target)
    return Error{fmt::format("$ref \"{}\" leads nowhere", utf8_beginning(reference, 200))};
  return target;
}

Result<const json::value*> SchemaReferences::find_last(std::string_view reference) const {
  for (int step = 0; step < kChainMax; ++step) {
    auto target = find(reference);
    if (!target) return target;
    const json::value* next = sole_reference(**target);
    if (!next) return target;
    reference = text_of(*next);
  }
  return Error{fmt::format("$ref \"{}\" leads through more than {} others, or in a circle",
                           utf8_beginning(reference, 200), kChainMax)};
}

}  // namespace g4::grammar
