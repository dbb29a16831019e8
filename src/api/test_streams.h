// Clients of each dialect, for tests: they put the whole answer together from a stream, as those
// of OpenAI and Anthropic do, and throw where the stream is not what its dialect allows.
#pragma once

#include <boost/json.hpp>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/generation.h"

namespace g4::api {

namespace json = boost::json;

inline void require(bool holds, const std::string& what, const json::value& where = nullptr) {
  if (!holds) throw std::runtime_error(what + ": " + json::serialize(where));
}

inline void require_equal(const json::value& got, const json::value& wanted,
                          const std::string& what) {
  require(got == wanted, what + " is not " + json::serialize(wanted) + " but", got);
}

inline std::string text_of(const json::value& text) { return std::string(text.as_string()); }

// text += more
inline void append_text(json::value& text, const json::value& more) {
  text = text_of(text) + text_of(more);
}

inline void append_all(json::value& list, const json::value& more) {
  for (const json::value& item : more.as_array()) list.as_array().push_back(item);
}

// What streams of chat and of completions have in common: a head that stays, choices that each end
// once, usage.
class ChoiceStream {
 public:
  ChoiceStream(std::string object, std::size_t choices)
      : object_(std::move(object)), choices_(choices) {}

  void add(const std::string& chunk) {
    json::object value = json::parse(chunk).as_object();
    require_equal(value.at("object"), json::value(object_), "object");
    const json::array choices = std::move(value.at("choices").as_array());
    if (const json::value* usage = value.if_contains("usage"); usage && usage->is_object())
      usage_ = *usage;
    value.erase("choices");
    value.erase("usage");
    if (head_.empty()) head_ = value;
    require_equal(value, head_, "head");
    if (choices.empty()) {
      for (const State& state : choices_) require(state.finished, "usage before the end", value);
      return;
    }
    require(choices.size() == 1, "choices", choices);
    const json::object& choice = choices[0].as_object();
    State& state = choices_.at(choice.at("index").to_number<std::size_t>());
    require(!state.finished, "a choice goes on behind its end", choice);
    add_choice(state.whole, choice, !std::exchange(state.begun, true));
    if (choice.at("finish_reason").is_null()) return;
    state.finished = true;
    state.whole["finish_reason"] = choice.at("finish_reason");
    state.whole["stop_reason"] = choice.at("stop_reason");
  }

  // The choices as a whole answer has them.
  json::array choices() const {
    json::array list;
    for (std::size_t i = 0; i < choices_.size(); ++i) {
      require(choices_[i].finished, "a choice has no end", choices_[i].whole);
      json::object whole = choices_[i].whole;
      whole["index"] = i;
      list.push_back(std::move(whole));
    }
    return list;
  }
  const json::value& usage() const { return usage_; }

 protected:
  ~ChoiceStream() = default;
  virtual void add_choice(json::object& whole, const json::object& choice, bool first) const = 0;

  static void add_ids(json::object& whole, const json::object& choice) {
    if (const json::value* ids = choice.if_contains("token_ids"))
      append_all(whole["token_ids"], *ids);
  }

 private:
  struct State {
    json::object whole;
    bool begun = false, finished = false;
  };
  std::string object_;
  json::object head_;
  std::vector<State> choices_;
  json::value usage_;
};

// What a client asked to be told of tokens: of a choice without any, a stream has nothing to tell.
struct TokensTold {
  bool logprobs = false, ids = false;
};

class ChatClient final : public ChoiceStream {
 public:
  ChatClient(std::size_t choices, TokensTold told)
      : ChoiceStream("chat.completion.chunk", choices), told_(told) {}

 private:
  void add_choice(json::object& whole, const json::object& choice, bool first) const override {
    const json::object& delta = choice.at("delta").as_object();
    require(first == delta.contains("role"), "role", choice);
    if (first) {
      whole["message"] = {{"role", delta.at("role")},
                          {"content", ""},
                          {"refusal", nullptr},
                          {"annotations", json::array()}};
      whole["logprobs"] = nullptr;
      if (told_.ids) whole["token_ids"] = json::array();
      if (told_.logprobs) whole["logprobs"] = {{"content", json::array()}, {"refusal", nullptr}};
    }
    json::object& message = whole["message"].as_object();
    if (const auto* text = delta.if_contains("content")) append_text(message["content"], *text);
    if (const auto* thought = delta.if_contains("reasoning_content")) {
      require_equal(delta.at("reasoning"), *thought, "reasoning");
      if (!message.contains("reasoning")) message["reasoning"] = "";
      append_text(message["reasoning"], *thought);
      message["reasoning_content"] = message["reasoning"];
    }
    if (const auto* calls = delta.if_contains("tool_calls"))
      for (const json::value& call : calls->as_array()) add_call(message, call.as_object());
    if (choice.at("logprobs").is_object())
      append_all(whole["logprobs"].as_object()["content"], choice.at("logprobs").at("content"));
    if (const auto* call = delta.if_contains("function_call")) {
      const bool begins = call->as_object().contains("name");
      require(begins != message.contains("function_call"), "name of the function", choice);
      if (begins)
        message["function_call"] = *call;
      else
        append_text(message["function_call"].as_object()["arguments"], call->at("arguments"));
    }
    add_ids(whole, choice);
    if (choice.at("finish_reason").is_null()) return;
    require(delta.empty(), "an end with a delta", choice);
    const bool calls = message.contains("tool_calls") || message.contains("function_call");
    if (message["content"] == "" && calls) message["content"] = nullptr;
  }

  // The id, the type and the name come once, with the index of the next call.
  static void add_call(json::object& message, const json::object& call) {
    if (!message.contains("tool_calls")) message["tool_calls"] = json::array();
    json::array& calls = message["tool_calls"].as_array();
    const json::object& function = call.at("function").as_object();
    if (call.contains("id")) {
      require(call.at("index") == calls.size(), "index of a call", call);
      json::object begun = call;
      begun.erase("index");
      calls.push_back(std::move(begun));
      return;
    }
    require(call.at("index") == calls.size() - 1, "index of a call", call);
    require(!call.contains("type") && !function.contains("name"), "named twice", call);
    append_text(calls.back().at("function").as_object()["arguments"], function.at("arguments"));
  }

  TokensTold told_;
};

class CompletionClient final : public ChoiceStream {
 public:
  CompletionClient(std::size_t choices, TokensTold told)
      : ChoiceStream("text_completion", choices), told_(told) {}

 private:
  void add_choice(json::object& whole, const json::object& choice, bool first) const override {
    if (first) {
      whole["text"] = "";
      whole["logprobs"] = nullptr;
      if (told_.ids) whole["token_ids"] = json::array();
      if (told_.logprobs)
        whole["logprobs"] = {{"tokens", json::array()},
                             {"token_logprobs", json::array()},
                             {"top_logprobs", json::array()},
                             {"text_offset", json::array()}};
    }
    append_text(whole["text"], choice.at("text"));
    if (const auto* scores = choice.at("logprobs").if_object())
      for (const auto& [key, list] : *scores) append_all(whole["logprobs"].as_object()[key], list);
    add_ids(whole, choice);
    if (const auto* ids = choice.if_contains("prompt_token_ids")) whole["prompt_token_ids"] = *ids;
  }

  TokensTold told_;
};

class AnthropicClient {
 public:
  void add(const StreamChunk& chunk) {
    const json::value value = json::parse(chunk.json);
    const std::string type = text_of(value.at("type"));
    require(chunk.event == type, "name of the event", value);
    require(!stopped_ && begun_ == (type != "message_start"), "out of order", value);
    if (type == "message_start") {
      begun_ = true;
      message_ = value.at("message").as_object();
      require_equal(message_.at("content"), json::array(), "content");
      require_equal(message_.at("stop_reason"), nullptr, "stop_reason");
    } else if (type == "message_delta") {
      require(!open_ && !ended_, "the end comes too early", value);
      ended_ = true;
      message_["usage"] = value.at("usage");
      for (const auto& [key, member] : value.at("delta").as_object()) message_[key] = member;
    } else if (type == "message_stop") {
      require(ended_, "no message_delta", value);
      stopped_ = true;
    } else if (type != "ping") {
      add_to_block(type, value.as_object());
    }
  }

  const json::object& message() const {
    require(stopped_, "no message_stop");
    return message_;
  }

 private:
  void add_to_block(const std::string& type, const json::object& value) {
    json::array& content = message_["content"].as_array();
    const bool starts = type == "content_block_start";
    require(!ended_ && open_ != starts, "out of order", value);
    if (starts) {
      content.push_back(value.at("content_block"));
      input_.clear();
    }
    open_ = type != "content_block_stop";
    require(value.at("index") == content.size() - 1, "index", value);
    json::object& block = content.back().as_object();
    if (type == "content_block_delta") {
      add_delta(block, value.at("delta").as_object());
    } else if (type == "content_block_stop") {
      if (!input_.empty()) block["input"] = json::parse(input_);
    } else {
      require(starts, "unknown event", value);
    }
  }

  void add_delta(json::object& block, const json::object& delta) {
    const std::string type = text_of(delta.at("type")), kind = text_of(block.at("type"));
    const auto append = [&](const char* of, const char* key) {
      require(kind == of, "delta of another block", delta);
      append_text(block[key], delta.at(key));
    };
    if (type == "text_delta") {
      append("text", "text");
    } else if (type == "thinking_delta") {
      append("thinking", "thinking");
    } else if (type == "signature_delta") {
      append("thinking", "signature");
    } else {
      require(type == "input_json_delta" && kind == "tool_use", "unknown delta", delta);
      input_ += text_of(delta.at("partial_json"));
    }
  }

  json::object message_;
  std::string input_;
  bool begun_ = false, open_ = false, ended_ = false, stopped_ = false;
};

// Each item is added, told and done before the next. One that was cut off is never done: of a call
// the client learns at the end of the response.
class ResponsesClient {
 public:
  void add(const StreamChunk& chunk) {
    const json::object event = json::parse(chunk.json).as_object();
    const std::string type = text_of(event.at("type"));
    require(chunk.event == type, "name of the event", event);
    require(event.at("sequence_number") == sequence_, "sequence_number", event);
    require((sequence_ == 0) == (type == "response.created"), "out of order", event);
    require((sequence_ == 1) == (type == "response.in_progress"), "out of order", event);
    require(response_.empty(), "behind the end", event);
    ++sequence_;
    if (const auto* response = event.if_contains("response")) {
      if (sequence_ > 2) end(type, response->as_object());
    } else if (type == "response.output_item.added") {
      require(!open_, "an item within an item", event);
      require(event.at("output_index") == output_.size(), "output_index", event);
      require_equal(event.at("item").at("status"), "in_progress", "status");
      output_.push_back(event.at("item"));
      told_.clear();
      open_ = true;
    } else {
      require(open_ && event.at("output_index") == output_.size() - 1, "of no open item", event);
      add_to_item(type, event, output_.back().as_object());
    }
  }

  const json::object& response() const {
    require(!response_.empty(), "the response has no end");
    return response_;
  }

 private:
  void add_to_item(const std::string& type, const json::object& event, json::object& item) {
    if (type == "response.output_item.done") {
      json::object done = event.at("item").as_object();
      item["status"] = done.at("status");
      if (const auto* carried = done.if_contains("encrypted_content"))
        item["encrypted_content"] = *carried;
      require_equal(done, item, "the item that is done");
      require(item.at("type") != "function_call" || item.at("status") == "completed",
              "a call that was cut off is done", event);
      open_ = false;
      return;
    }
    require_equal(event.at("item_id"), item.at("id"), "item_id");
    if (item.at("type") == "function_call") return add_arguments(type, event, item);
    require_equal(event.at("content_index"), 0, "content_index");
    json::array& content = item["content"].as_array();
    if (type == "response.content_part.added") {
      require(content.empty(), "a second part", event);
      content.push_back(event.at("part"));
      return;
    }
    require(!content.empty(), "a part that was not added", event);
    json::object& part = content[0].as_object();
    const std::string kind = text_of(part.at("type"));
    if (type == "response.content_part.done") {
      require_equal(event.at("part"), part, "the part that is done");
    } else if (type == "response." + kind + ".delta") {
      append_text(part["text"], event.at("delta"));
      if (const auto* tokens = event.if_contains("logprobs"))
        for (const json::value& token : tokens->as_array()) told_.push_back(token);
    } else {
      require(type == "response." + kind + ".done", "unknown event", event);
      require_equal(event.at("text"), part.at("text"), "the text that is done");
      if (kind == "output_text") take_logprobs(part, event.at("logprobs").as_array());
    }
  }

  // The tokens of white space at the end come after the last delta.
  void take_logprobs(json::object& part, const json::array& all) const {
    require(all.size() >= told_.size(), "logprobs", all);
    for (std::size_t i = 0; i < told_.size(); ++i) require_equal(all[i], told_[i], "logprobs");
    part["logprobs"] = all;
  }

  static void add_arguments(const std::string& type, const json::object& event,
                            json::object& item) {
    if (type == "response.function_call_arguments.delta")
      return append_text(item["arguments"], event.at("delta"));
    require(type == "response.function_call_arguments.done", "unknown event", event);
    require_equal(event.at("arguments"), item.at("arguments"), "arguments");
    require_equal(event.at("name"), item.at("name"), "name");
  }

  void end(const std::string& type, const json::object& response) {
    if (open_) {
      require_equal(output_.back().at("type"), "function_call", "the item that was cut off");
      output_.back().as_object()["status"] = "incomplete";
    }
    require_equal(response.at("output"), output_, "output");
    require(type == "response." + text_of(response.at("status")), "status", response);
    response_ = response;
  }

  json::object response_;
  json::array output_;
  json::array told_;  // tokens of deltas of the open item
  std::size_t sequence_ = 0;
  bool open_ = false;
};

}  // namespace g4::api
