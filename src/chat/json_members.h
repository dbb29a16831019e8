// Members of foreign JSON objects, read with errors that name their place first
// ("messages[2].content: must be a string"), so that a caller may split at the first ": ".
//
// null counts as absent. `path` is the place of the object itself. Pure functions, any thread.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace g4::chat::json_members {

// Schemas of real programs nest more than 32 deep, which is what a parser usually takes. Readers
// and writers recurse, so it must stay far below what the stack of a thread holds.
inline constexpr std::size_t kNestingMax = 128;

// Nested at most kNestingMax deep. Halves of a character that JavaScript has cut in two ("\ud83d"
// alone) are read as U+FFFD. The Error goes on behind a name: "is not valid JSON: ...".
Result<boost::json::value> read_json(std::string_view text);

Error wrong(std::string_view path, std::string_view sentence);
std::string at(std::string_view path, std::size_t index);     // path[index]
std::string in(std::string_view path, std::string_view key);  // path.key

// Null pointer if absent or null.
const boost::json::value* find(const boost::json::object& object, std::string_view key);

Result<const boost::json::object*> as_object(const boost::json::value& value,
                                             std::string_view path);
Result<const boost::json::object*> need_object(const boost::json::object& object,
                                               std::string_view key, std::string_view path);
Result<std::optional<std::string>> optional_string(const boost::json::object& object,
                                                   std::string_view key, std::string_view path);
Result<std::optional<bool>> optional_bool(const boost::json::object& object, std::string_view key,
                                          std::string_view path);
Result<std::string> need_string(const boost::json::object& object, std::string_view key,
                                std::string_view path);
Result<std::string> need_name(const boost::json::object& object, std::string_view path);
// An absent member gives an empty array.
Result<boost::json::array> optional_array(const boost::json::object& object, std::string_view key,
                                          std::string_view path);

}  // namespace g4::chat::json_members
