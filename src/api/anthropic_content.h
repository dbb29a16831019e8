// The conversation of Anthropic's Messages, in the words of chat/.
//
// What the dialect says otherwise than chat/: neighbours of one role are one turn; the results of
// tools stand in the user's turn behind the calls, one for each call; a turn may hold its words,
// its thoughts and its calls in any order. Pure functions, any thread. Failure: a sentence that
// begins with its place, "messages[2].content[0].type: ...".
#pragma once

#include <boost/json.hpp>
#include <vector>

#include "base/result.h"
#include "chat/message.h"

namespace g4::api {

struct AnthropicTalk {
  std::vector<chat::Message> messages;
  bool continues = false;  // the last one is the beginning of the answer
};

// Of "system" and "messages".
Result<AnthropicTalk> read_anthropic_talk(const boost::json::object& request);

// "tools": [{name, description, input_schema}]; those that Anthropic's own server knows by their
// "type" are skipped.
Result<std::vector<chat::Tool>> read_anthropic_tools(const boost::json::object& request);

}  // namespace g4::api
