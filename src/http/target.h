// The request target (RFC 9112, 3.2) as path segments and query. A pure function.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace g4 {

struct Target {
  std::string path;
  std::vector<std::string> segments;  // "/a/b" -> a, b; "/" -> one empty segment
  std::vector<NamedValue> query;
};

// Takes `/path?query`, `http://host/path?query` and `*`. An Error for anything else, for a broken
// percent sign, for a NUL, for text that is not UTF-8, and for `.` and `..` as a segment: clients
// resolve those themselves, and nothing here should have to.
Result<Target> parse_target(std::string_view target);

}  // namespace g4
