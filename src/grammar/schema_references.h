// Where a $ref of a JSON schema leads: to a place of the same document, or nowhere.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/result.h"

namespace g4::grammar {

class SchemaReferences {
 public:
  static constexpr std::size_t kWork =
      16;  // of following one, where budgets count values looked at

  explicit SchemaReferences(const boost::json::value& root);  // which must stay in place

  // "#", "#/$defs/a~1b", "#anchor", and the same behind the document's own $id. Nothing is fetched.
  Result<const boost::json::value*> find(std::string_view reference) const;
  // find(), and on while the place found is itself nothing but a $ref; fails if that never ends.
  Result<const boost::json::value*> find_last(std::string_view reference) const;

 private:
  void note_anchors();

  const boost::json::value& root_;
  std::unordered_map<std::string, const boost::json::value*> anchors_;  // "#name", and $id values
};

}  // namespace g4::grammar
