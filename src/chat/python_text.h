// How Python and Jinja turn values into text: the templates rely on it, so the renderer must agree.
//
// Strings are UTF-8; an invalid byte counts as one character that has no properties.
// Known limits: lower() ignores the rule of the final sigma and upper() leaves characters alone
// whose capital form is longer ("ß"); repr() escapes control and format characters but not every
// unassigned code point. Integers beyond 64 bits arrive as doubles (the JSON parser's doing).
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace g4::chat {

std::string_view strip(std::string_view text);  // str.strip(): Unicode white space, both ends
std::string lower(std::string_view text);
std::string upper(std::string_view text);

std::string to_str(const boost::json::value& value);  // str(): "None", "True", "1e+20", "['a']"
std::string repr(const boost::json::value& value);    // as inside a list
bool truthy(const boost::json::value& value);         // if value

// value[key], or null pointer where Jinja finds nothing (also if value is no mapping).
const boost::json::value* member(const boost::json::value& value, std::string_view key);

// Jinja's dictsort: by lower-cased key, equal keys in the order of the object.
using Entry = std::pair<std::string_view, const boost::json::value*>;
std::vector<Entry> dictsort(const boost::json::object& object);

// What `for item in value` yields, each as str(item): elements, keys, or characters. `what` names
// the value in the error for numbers, booleans and null.
Result<std::vector<std::string>> iterate(const boost::json::value& value, std::string_view what);

}  // namespace g4::chat
