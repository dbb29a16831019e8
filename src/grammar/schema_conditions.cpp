#include "grammar/schema_conditions.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace g4::grammar {
namespace {

namespace json = boost::json;

// Deeper than any schema that means something; references may lead on and on.
constexpr int kDepthMax = 200;

// A place in an answer: schemas of a.b, wherever they stand, meet there. Hashed, as names may be
// long and places many.
using Place = std::uint64_t;
using Counts = std::unordered_map<Place, std::size_t>;

Place within(Place parent, std::string_view name) {
  return (parent ^ std::hash<std::string_view>()(name)) * 0x9E37'79B9'7F4A'7C15U;
}

class Counter {
 public:
  Counter(const SchemaReferences& references, std::size_t& work_left)
      : references_(references), work_left_(work_left) {}

  void add(const json::object& schema, Place place, Counts& counts) {
    if (depth_ == kDepthMax || !spend(1)) return;
    ++depth_;
    const std::size_t own = own_conditions(schema);
    if (own > 0) counts[place] += own;
    for (const json::value& each : members(schema, "allOf")) add(each, place, counts);
    add_conditional(schema, place, counts);
    for (const char* either : {"anyOf", "oneOf"})
      add_either(members(schema, either), place, counts);
    add_reference(schema, place, counts);
    add_parts(schema, place, counts);
    --depth_;
  }

 private:
  bool spend(std::size_t work) {
    work_left_ -= std::min(work, work_left_);
    return work_left_ > 0;
  }

  std::size_t own_conditions(const json::object& schema) const {
    std::size_t count = schema.contains("pattern") + schema.contains("format");
    if (negations_ > 0) count += schema.contains("const") + schema.contains("enum");
    // Each look-ahead becomes a pattern of its own.
    if (const json::value* pattern = schema.if_contains("pattern"); pattern && pattern->is_string())
      for (std::size_t at = 0; (at = pattern->get_string().find("(?", at)) != json::string::npos;
           ++at)
        count += pattern->get_string().subview(at + 2, 1).find_first_of("=!") == 0;
    return count;
  }

  // What `not` and `if` say becomes a pattern where it is said the other way round.
  void add_conditional(const json::object& schema, Place place, Counts& counts) {
    ++negations_;
    for (const char* negated : {"not", "if"})
      if (const json::value* each = schema.if_contains(negated)) add(*each, place, counts);
    --negations_;
    for (const char* branch : {"then", "else"})
      if (const json::value* each = schema.if_contains(branch)) add(*each, place, counts);
    for (const char* map : {"dependentSchemas", "dependencies"})
      if (const json::value* named = schema.if_contains(map); named && named->is_object())
        for (const auto& member : named->get_object()) add(member.value(), place, counts);
  }

  void add(const json::value& schema, Place place, Counts& counts) {
    if (const json::object* object = schema.if_object()) add(*object, place, counts);
  }

  static const json::array& members(const json::object& schema, const char* key) {
    static const json::array kNone;
    const json::value* list = schema.if_contains(key);
    return list && list->is_array() ? list->get_array() : kNone;
  }

  // Of alternatives one holds: the dearest.
  void add_either(const json::array& alternatives, Place place, Counts& counts) {
    Counts most;
    for (const json::value& each : alternatives) {
      Counts one;
      add(each, place, one);
      if (!spend(one.size())) return;
      for (const auto& [where, count] : one) most[where] = std::max(most[where], count);
    }
    for (const auto& [where, count] : most) counts[where] += count;
  }

  void add_reference(const json::object& schema, Place place, Counts& counts) {
    const json::value* reference = schema.if_contains("$ref");
    if (!reference || !reference->is_string() || !spend(SchemaReferences::kWork)) return;
    const auto target = references_.find_last(reference->get_string());
    if (!target || std::find(open_.begin(), open_.end(), *target) != open_.end()) return;
    open_.push_back(*target);
    add(**target, place, counts);
    open_.pop_back();
  }

  void add_parts(const json::object& schema, Place place, Counts& counts) {
    for (const char* map : {"properties", "patternProperties"})
      if (const json::value* named = schema.if_contains(map); named && named->is_object())
        for (const auto& member : named->get_object())
          add(member.value(), within(place, member.key()), counts);
    for (const char* rest : {"items", "additionalProperties", "additionalItems"})
      if (const json::value* each = schema.if_contains(rest)) add(*each, within(place, ""), counts);
  }

  const SchemaReferences& references_;
  std::size_t& work_left_;
  int depth_ = 0, negations_ = 0;
  std::vector<const json::value*> open_;  // targets of references on the way here
};

}  // namespace

std::size_t conditions_on_one_text(const json::object& schema, const SchemaReferences& references,
                                   std::size_t& work_left) {
  Counts counts;
  Counter(references, work_left).add(schema, Place{1}, counts);
  std::size_t most = 0;
  for (const auto& [place, count] : counts) most = std::max(most, count);
  return most;
}

}  // namespace g4::grammar
