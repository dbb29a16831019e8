// Fields: typed reads of a request's JSON object. The first failure sticks, and reads go on with
// fallbacks, so that a parser is a straight list of reads and one check at its end.
//
// null counts as absent. Errors name the field's path. What no read asked for is harmless, since
// what would change the answer is refused by name; it is told to the log (unread()).
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "api/api_error.h"

namespace g4::api {

template <class T>
using Parsed = std::variant<T, ApiError>;

// Members of a request that nothing reads.
struct UnreadFields {
  std::vector<std::string> names;  // the first of them, by path
  std::size_t count = 0;           // of all
};

class Fields {
 public:
  explicit Fields(const boost::json::object& object, std::string prefix = "")
      : object_(object), prefix_(std::move(prefix)), read_(object.size()) {}

  const boost::json::value* find(std::string_view key);
  std::optional<double> number(std::string_view key, double low, double high);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high);
  bool boolean(std::string_view key, bool otherwise);
  std::optional<std::string> string(std::string_view key);
  // A list of whole numbers in [low, high].
  std::optional<std::vector<std::int64_t>> integers(std::string_view key, std::int64_t low,
                                                    std::int64_t high);
  // A string or a list of strings.
  std::vector<std::string> strings(std::string_view key, std::size_t count_max);
  // Fields that would change the answer but are not supported: refused by name if present.
  void refuse(std::initializer_list<std::string_view> keys, std::string_view reason);

  // Of an object in this one: its error becomes this one's, and so do its unread members.
  void take(const Fields& inner);
  // Others read these.
  void leave(std::initializer_list<std::string_view> keys);
  UnreadFields unread() const;

  void fail(std::string_view key, std::string message);
  std::string path(std::string_view key) const { return prefix_ + std::string(key); }
  const std::optional<ApiError>& error() const { return error_; }

 private:
  const boost::json::object& object_;
  std::string prefix_;
  std::vector<bool> read_;  // of each member
  UnreadFields inner_unread_;
  std::optional<ApiError> error_;
};

// The body as a JSON object, nested at most 32 deep, with finite numbers only. Halves of a
// character that JavaScript has cut in two ("\ud83d" alone) are read as U+FFFD.
Parsed<boost::json::object> parse_object(std::string_view body);

// Serialised for the wire.
std::string to_json(const boost::json::value& value);

}  // namespace g4::api
