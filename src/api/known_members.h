// Which members this server reads of the objects inside a request: of messages and their parts,
// items, blocks, tools. The rest is ignored, and told to the log with its place.
//
// Their readers (chat/messages_json.h, anthropic_content.h, response_items.h) read the objects
// themselves; these tables stand beside them and say nothing but names. What no table names the
// inside of is not looked into: schemas, arguments of calls, metadata.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace g4::api {

// Members of a request that nothing reads.
struct UnreadFields {
  static constexpr std::size_t kNamesMax = 16;

  void add(std::string path);
  bool is_full() const { return names.size() >= kNamesMax; }

  std::vector<std::string> names;  // the first of them, by path
  std::size_t count = 0;           // of all
};

struct Known;

struct KnownMembers {
  constexpr KnownMembers() = default;
  template <std::size_t kCount>
  constexpr KnownMembers(const Known (&list)[kCount]) : first(list), count(kCount) {}

  const Known* first = nullptr;
  std::size_t count = 0;
};

struct Known {
  std::string_view name;
  KnownMembers inside = {};  // of the object in it, or of each in its list; none: not looked into
  std::string_view of = {};  // only in objects of this type or role; empty: in all
  KnownMembers beside = {};  // what may stand beside it when it is no object
};

extern const KnownMembers kChatMessages, kChatTools, kChatFunctions, kToolChoice;
extern const KnownMembers kResponseItems;
extern const KnownMembers kAnthropicMessages, kAnthropicBlocks, kAnthropicTools;

// What `known` does not name in `value`, an object or a list of objects at `path`. Of members that
// are called alike in objects of one table only the first is named.
void find_unread(const boost::json::value& value, std::string path, KnownMembers known,
                 UnreadFields& unread);

}  // namespace g4::api
