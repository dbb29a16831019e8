#include "grammar/schema.h"

#include <fmt/format.h>

#include <cmath>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/utf8.h"
#include "grammar/excluded_texts.h"
#include "grammar/formats.h"
#include "grammar/pattern.h"
#include "grammar/schema_conditions.h"
#include "grammar/schema_keywords.h"
#include "grammar/schema_multiples.h"
#include "grammar/schema_overlap.h"
#include "grammar/schema_plain.h"
#include "grammar/schema_references.h"

namespace g4::grammar {
namespace {

namespace json = boost::json;
using Limits = SchemaLimits;

// A place in the schema: steps are joined only when there is something to say about it.
struct Place {
  const Place* parent;
  std::string_view step;

  std::string text() const {
    return parent ? parent->text() + "/" + std::string(utf8_beginning(step, 100))
                  : std::string(step);
  }
};

Error at(const Place& place, std::string_view what) {
  return Error{fmt::format("{}: {}", place.text(), what)};
}

class SchemaWalk {
 public:
  explicit SchemaWalk(const json::value& root) : root_(root), references_(root) {}

  Result<json::object> walk() {
    const Place top{nullptr, "#"};
    json::value out = G4_TRY(schema(root_, top, 0));
    if (out.is_bool() && !out.get_bool()) return at(top, "no value satisfies this schema");
    if (out.is_bool()) out = json::object();
    json::object definitions;
    for (; !waiting_.empty(); waiting_.pop_front()) {
      const Place place{nullptr, waiting_.front().reference};
      definitions[waiting_.front().name] = G4_TRY(schema(*waiting_.front().target, place, 0));
    }
    if (combined_ && !multiples_.is_small())
      return at(top, fmt::format("where schemas are combined (allOf, $ref beside other keywords), "
                                 "all values of multipleOf together may have a common multiple of "
                                 "at most {}",
                                 Limits::kMultipleMax));
    if (!definitions.empty()) out.get_object()["$defs"] = std::move(definitions);
    return std::move(out.get_object());
  }

 private:
  struct Definition {
    const json::value* target;
    std::string name;
    std::string reference;  // as first met, for sentences
  };

  Result<json::value> schema(const json::value& in, const Place& place, std::size_t depth) {
    if (++nodes_ > Limits::kNodesMax)
      return at(place, fmt::format("the schema has more than {} parts", Limits::kNodesMax));
    if (depth > Limits::kDepthMax)
      return at(place, fmt::format("it is nested more than {} deep", Limits::kDepthMax));
    if (in.is_bool()) return in;
    const json::object* object = in.if_object();
    if (!object) return at(place, "a schema is an object, true or false");
    const auto plainer = said_plainly(*object, references_, plain_left_);
    if (plainer) object = &*plainer;
    if (Status status = count_conditions(place, *object); !status) return std::move(status).error();
    json::object out;
    for (const auto& [key, value] : *object) {
      const Place here{&place, key};
      if (Status status = member(here, value, *object, depth, out); !status)
        return std::move(status).error();
    }
    if (counted_ == object) counted_ = nullptr;
    combined_ = combined_ || combines(out);
    if (const char* type = implied_type(out)) out["type"] = type;
    bound_integers(out);
    return json::value(std::move(out));
  }

  // Of the outermost schema that combines others; those within it are counted with it.
  Status count_conditions(const Place& place, const json::object& schema) {
    if (counted_ || !combines(schema)) return {};
    counted_ = &schema;
    if (conditions_on_one_text(schema, references_, conditions_left_) <= Limits::kConditionsMax)
      return {};
    return at(place, fmt::format("more than {} patterns and formats hold for one text together",
                                 Limits::kConditionsMax));
  }

  // Reads one keyword; what it means goes to `out`.
  Status member(const Place& place, const json::value& value, const json::object& siblings,
                std::size_t depth, json::object& out) {
    const std::string_view key = place.step;
    const Keyword action = keyword(key);
    if (action == Keyword::kSilent || !concerns(key, siblings)) return {};
    if (action == Keyword::kOneOf) return one_of(place, value, depth, out);
    if (action == Keyword::kUnevaluated) return unevaluated(place, value, siblings, depth, out);
    if (action == Keyword::kFormat) return format(place, value, siblings, out);
    if (action == Keyword::kPattern) return pattern(place, value, siblings, out);
    if (action == Keyword::kOnlyIfFalse && value.is_bool() && !value.get_bool()) return {};
    Result<json::value> written = meaning(action, place, value, depth);
    if (!written) return std::move(written).error();
    out[key] = *std::move(written);
    return {};
  }

  Result<json::value> meaning(Keyword action, const Place& place, const json::value& value,
                              std::size_t depth) {
    switch (action) {
      case Keyword::kType:
        return type(place, value);
      case Keyword::kConst:
        return literal(place, value);
      case Keyword::kEnum:
        return literals(place, value);
      case Keyword::kCount:
        return count(place, value);
      case Keyword::kBound:
        return bound(place, value);
      case Keyword::kMultiple:
        return multiple(place, value);
      case Keyword::kNames:
        return names(place, value);
      case Keyword::kSchema:
        return schema(value, place, depth + 1);
      case Keyword::kItems:
        return value.is_array() ? list(place, value, depth) : schema(value, place, depth + 1);
      case Keyword::kList:
        return list(place, value, depth);
      case Keyword::kMap:
        return map(place, value, depth);
      case Keyword::kReference:
        return reference(place, value);
      default:
        return at(place, why_unsupported(place.step));
    }
  }

  Result<json::value> type(const Place& place, const json::value& value) {
    json::array types;
    if (value.is_string()) types.push_back(value);
    if (const json::array* several = value.if_array()) types = *several;
    std::set<std::string_view> seen;
    json::array out;
    for (const json::value& each : types) {
      if (!each.is_string() || !is_type(each.get_string()))
        return at(place,
                  "a type is null, boolean, integer, number, string, array or object, or a list "
                  "of these");
      if (seen.insert(each.get_string()).second) out.push_back(each);
    }
    if (out.empty()) return at(place, "a type is a text, or a list of texts");
    return out.size() == 1 ? out.front() : json::value(std::move(out));
  }

  Result<json::value> literal(const Place& place, const json::value& value) {
    if (Status status = plain(place, value, 0); !status) return std::move(status).error();
    return value;
  }

  Result<json::value> literals(const Place& place, const json::value& value) {
    const json::array* values = value.if_array();
    if (!values || values->empty()) return at(place, "enum is a list of at least one value");
    for (const json::value& each : *values)
      if (Status status = plain(place, each, 0); !status) return std::move(status).error();
    return value;
  }

  // A value that answers hold as it stands.
  Status plain(const Place& place, const json::value& value, std::size_t depth) {
    if (++literals_ > Limits::kEnumValuesMax)
      return at(place, fmt::format("the schema has more than {} values in enum and const",
                                   Limits::kEnumValuesMax));
    if (depth > Limits::kDepthMax) return at(place, "a value is nested too deeply");
    if (const double* number = value.if_double(); number && !std::isfinite(*number))
      return at(place, "a number is too large");
    if (const json::array* array = value.if_array())
      for (const json::value& each : *array)
        if (Status status = plain(place, each, depth + 1); !status) return status;
    if (const json::object* object = value.if_object())
      for (const auto& each : *object)
        if (Status status = plain(place, each.value(), depth + 1); !status) return status;
    return {};
  }

  // Upper counts beyond the limit are lowered: what is then written is still what was asked for.
  Result<json::value> count(const Place& place, const json::value& value) {
    const double number = value.is_number() ? value.to_number<double>() : -1;
    if (!(number >= 0) || number != std::floor(number))
      return at(place, "a count is a whole number from 0 on");
    if (number > static_cast<double>(Limits::kCountMax)) {
      if (!place.step.starts_with("max"))
        return at(place, fmt::format("counts up to {} are supported", Limits::kCountMax));
      return json::value(Limits::kCountMax);
    }
    return json::value(static_cast<std::uint64_t>(number));
  }

  // Whole numbers without bounds get those of 64 bits: few programs read longer ones.
  static void bound_integers(json::object& out) {
    const auto says = [&](const char* key) { return out.contains(key); };
    if (!is_integer(out) || says("enum") || says("const") || says("multipleOf")) return;
    if (!says("minimum") && !says("exclusiveMinimum")) out["minimum"] = -Limits::kIntegerMax;
    if (!says("maximum") && !says("exclusiveMaximum")) out["maximum"] = Limits::kIntegerMax;
  }

  static bool is_integer(const json::object& out) {
    const json::value* type = out.if_contains("type");
    if (!type) return false;
    if (const json::string* name = type->if_string()) return *name == "integer";
    bool integer = false;
    for (const json::value& name : type->get_array()) {
      if (name.get_string() == "number") return false;
      integer = integer || name.get_string() == "integer";
    }
    return integer;
  }

  Result<json::value> bound(const Place& place, const json::value& value) {
    if (value.is_bool() && place.step.starts_with("exclusive")) return value;  // draft 4
    if (!value.is_number() || !std::isfinite(value.to_number<double>()))
      return at(place, "a bound is a number");
    // Generators write the ends of 64 bits and beyond, where llguidance cannot count. Bounds that
    // far out are drawn in: what is then written is still what was asked for.
    const double number = value.to_number<double>(), most = Limits::kIntegerMax;
    if (std::abs(number) <= most) return value;
    const bool upper = place.step.ends_with("aximum");
    if (upper != (number > 0)) return at(place, "bounds of up to 63 bits are supported");
    return json::value(upper ? Limits::kIntegerMax : -Limits::kIntegerMax);
  }

  Result<json::value> multiple(const Place& place, const json::value& value) {
    const double number = value.is_number() ? value.to_number<double>() : 0;
    if (!(number > 0) || !std::isfinite(number)) return at(place, "multipleOf is a number above 0");
    const auto scaled = decimal(number);
    multiple_work_ += scaled ? scaled->digits : 0;
    if (!scaled || multiple_work_ > Limits::kMultipleWorkMax)
      return at(place, fmt::format("multipleOf is supported up to {}, with at most nine digits "
                                   "behind the point; all of a schema together may come to {}",
                                   Limits::kMultipleMax, Limits::kMultipleWorkMax));
    multiples_.add(*scaled);
    return value;
  }

  static Status pattern(const Place& place, const json::value& value, const json::object& siblings,
                        json::object& out) {
    if (!value.is_string()) return at(place, "a pattern is a text");
    const std::string_view text = value.get_string();
    const auto parts = without_look_ahead(text);
    if (!parts) return add_pattern(place, text, siblings, out);
    for (const std::string& part : *parts)
      if (Status status = add_pattern(place, part, siblings, out); !status) return status;
    return {};
  }

  // One stands by itself, more are combined by allOf.
  static Status add_pattern(const Place& place, std::string_view text, const json::object& siblings,
                            json::object& out) {
    auto written = schema_pattern(text);
    if (!written) return at(place, written.error().message);
    json::object another{{"pattern", *std::move(written)}};
    if (!out.contains("pattern")) {
      out["pattern"] = std::move(another["pattern"]);
      return {};
    }
    if (const json::value* type = siblings.if_contains("type")) another["type"] = *type;
    require(std::move(another), out);
    return {};
  }

  static Status format(const Place& place, const json::value& value, const json::object& siblings,
                       json::object& out) {
    if (!value.is_string()) return at(place, "a format is a text");
    const std::string_view name = value.get_string();
    if (format_named(name) == Format::kEnforced) out["format"] = value;
    if (format_named(name) == Format::kByPattern)
      return add_pattern(place, fmt::format("^(?:{})$", format_pattern(name)), siblings, out);
    return {};
  }

  Result<json::value> names(const Place& place, const json::value& value) {
    const json::array* list = value.if_array();
    if (!list) return at(place, "this is a list of names");
    std::set<std::string_view> seen;
    json::array out;
    for (const json::value& each : *list) {
      if (!each.is_string()) return at(place, "a name is a text");
      if (seen.insert(each.get_string()).second) out.push_back(each);
    }
    if (Status status = add_properties(place, out.size()); !status)
      return std::move(status).error();
    return json::value(std::move(out));
  }

  Status add_properties(const Place& place, std::size_t count) {
    properties_ += count;
    if (properties_ > 2 * Limits::kPropertiesMax)  // most are named twice, if required
      return at(place,
                fmt::format("the schema has more than {} properties", Limits::kPropertiesMax));
    return {};
  }

  Result<json::value> list(const Place& place, const json::value& value, std::size_t depth) {
    const json::array* schemas = value.if_array();
    if (!schemas || (schemas->empty() && place.step != "prefixItems"))
      return at(place, "this is a list of schemas");
    json::array out;
    for (std::size_t i = 0; i < schemas->size(); ++i) {
      const std::string index = std::to_string(i);
      const Place here{&place, index};
      out.push_back(G4_TRY(schema((*schemas)[i], here, depth + 1)));
    }
    return json::value(std::move(out));
  }

  Status one_of(const Place& place, const json::value& value, std::size_t depth,
                json::object& out) {
    auto written = list(place, value, depth);
    if (!written) return std::move(written).error();
    if (!all_apart(value.get_array(), references_, comparisons_left_))
      return at(place,
                "oneOf is supported if no value can satisfy two of its schemas, shown by their "
                "types, constants or required properties; anyOf has no such limit");
    // One schema may hold both words, each of which is one condition.
    if (out.contains("anyOf"))
      require(json::object{{"anyOf", *std::move(written)}}, out);
    else
      out["anyOf"] = *std::move(written);
    return {};
  }

  Status unevaluated(const Place& place, const json::value& value, const json::object& siblings,
                     std::size_t depth, json::object& out) {
    const bool items = place.step == "unevaluatedItems";
    const char* additional = items ? "items" : "additionalProperties";
    if (value.is_bool() && value.get_bool()) return {};
    if (siblings.contains(additional)) return {};  // which evaluates all
    for (const char* applicator : {"allOf", "anyOf", "oneOf", "$ref"})
      if (siblings.contains(applicator))
        return at(place, fmt::format("this keyword is not supported beside {}", applicator));
    auto written = schema(value, place, depth + 1);
    if (!written) return std::move(written).error();
    out[additional] = *std::move(written);
    return {};
  }

  Result<json::value> map(const Place& place, const json::value& value, std::size_t depth) {
    const json::object* members = value.if_object();
    if (!members) return at(place, "this is an object of schemas by name");
    if (Status status = add_properties(place, members->size()); !status)
      return std::move(status).error();
    const bool by_pattern = place.step == "patternProperties";
    if (members->size() > Limits::kMembersMax)
      return at(place, fmt::format("an object has more than {} properties", Limits::kMembersMax));
    json::object out;
    for (const auto& [key, each] : *members) {
      const Place here{&place, key};
      std::string name(key);
      if (by_pattern) {
        auto written = schema_pattern(key);
        if (!written) return at(here, written.error().message);
        name = *std::move(written);
        if (out.contains(name)) return at(here, "another pattern means the same");
      }
      out[name] = G4_TRY(schema(each, here, depth + 1));
    }
    return json::value(std::move(out));
  }

  Result<json::value> reference(const Place& place, const json::value& value) {
    if (!value.is_string()) return at(place, "$ref is a text");
    const std::string text(value.get_string());
    auto target = references_.find_last(text);
    if (!target) return at(place, target.error().message);
    if (*target == &root_) return json::value("#");
    std::string& name = names_[*target];
    if (name.empty()) {
      if (names_.size() > Limits::kDefinitionsMax)
        return at(place, fmt::format("the schema refers to more than {} definitions",
                                     Limits::kDefinitionsMax));
      name = fmt::format("d{}", names_.size());
      waiting_.push_back({*target, name, std::string(utf8_beginning(text, 200))});
    }
    return json::value("#/$defs/" + name);
  }

  const json::value& root_;
  SchemaReferences references_;
  std::deque<Definition> waiting_;
  std::unordered_map<const json::value*, std::string> names_;
  std::size_t nodes_ = 0, literals_ = 0, properties_ = 0;
  std::uint64_t multiple_work_ = 0;
  const json::object* counted_ = nullptr;  // the schema within which we are, see count_conditions
  std::size_t conditions_left_ = Limits::kPartsToCountMax;
  std::size_t comparisons_left_ = Limits::kComparisonsMax;
  std::size_t plain_left_ = Limits::kPlainWorkMax;
  CommonMultiple multiples_;
  bool combined_ = false;
};

}  // namespace

Result<json::object> check_schema(const json::value& schema) {
  json::object out = G4_TRY(SchemaWalk(schema).walk());
  if (const std::size_t bytes = json::serialize(out).size(); bytes > Limits::kBytesMax)
    return Error{fmt::format("#: the schema has {} bytes; at most {} are supported", bytes,
                             Limits::kBytesMax)};
  return out;
}

}  // namespace g4::grammar
