// Items of the Responses API on their way to a conversation: messages, thoughts, calls and their
// results, one after the other as the model made and read them.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "api/stored_response.h"
#include "base/result.h"
#include "chat/message.h"

namespace g4::api {

// The "input" of a request as a list of items that say what they are, and hold no references: a
// text is a message of the user. Errors name the place first: "input[2]: why".
Result<boost::json::array> plain_items(const boost::json::value& input, const FindResponse& find);
// Items that have none get an id.
void name_items(boost::json::array& items, std::string_view key);

// A thought as clients carry it that keep no text of thoughts.
std::string carried_thought(std::string_view thought);

class ItemReader {
 public:
  // Errors name the place first: "path[2].content: why".
  Status add(const boost::json::array& items, std::string_view path);
  // Instructions and system messages at the beginning are one, as the model knows it.
  std::vector<chat::Message> take(std::string_view instructions) &&;

 private:
  // A message with what tools answered to its calls.
  struct Turn {
    chat::Message message;
    std::vector<chat::Message> results;
  };

  Status add(const boost::json::object& item, std::string_view path);
  Status add_message(const boost::json::object& item, std::string_view path);
  Status add_call(const boost::json::object& item, std::string_view path);
  Status add_result(const boost::json::object& item, std::string_view path);
  Status add_thought(const boost::json::object& item, std::string_view path);
  chat::Message& begin_turn(chat::Role role);

  std::vector<Turn> turns_;
  std::map<std::string, std::size_t, std::less<>> callers_;  // turn by the id of its call
  std::string thought_;   // waits for what the model said after it
  bool calling_ = false;  // the last item is a call
};

}  // namespace g4::api
