// One random case through the parsers, streams and writers of every dialect (for property tests).
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "api/anthropic.h"
#include "api/chat_completions.h"
#include "api/completions.h"
#include "api/responses.h"
#include "api/test_answers.h"
#include "api/test_streams.h"

namespace g4::api {

// What is asked beside the conversation.
struct Ask {
  bool thoughts = true, one_call = false, logprobs = false, token_ids = false, include_stop = false,
       continuous_usage = false, tools = false, functions = false;
  std::vector<std::size_t> stop;
  std::size_t opened = 0;  // what the end of the prompt has begun

  // Chat's first form of tools, whose answers hold one call.
  bool as_functions() const { return functions && tools && one_call; }
  std::vector<std::string> stop_strings() const {
    std::vector<std::string> strings;
    for (const std::size_t i : stop) strings.emplace_back(kSomeStops[i]);
    return strings;
  }
};

struct Case {
  std::vector<RandomAnswer> choices;
  Ask ask;
  std::uint32_t seed;  // of cuts and of the order of events
};

inline std::ostream& operator<<(std::ostream& out, const Case& made) {
  for (const RandomAnswer& answer : made.choices) out << "\n" << answer;
  const Ask& ask = made.ask;
  return out << fmt::format(
             "thoughts {} one_call {} logprobs {} token_ids {} include_stop {} continuous {} "
             "tools {} functions {} opened {} stop {} seed {}\n",
             ask.thoughts, ask.one_call, ask.logprobs, ask.token_ids, ask.include_stop,
             ask.continuous_usage, ask.tools, ask.functions, ask.opened,
             json::serialize(json::value_from(ask.stop_strings())), made.seed);
}

// --- What an answer says, in words that belong to no dialect

struct Said {
  std::string text, thought;
  json::array calls;  // {"name", "arguments"}
  std::string cut;    // "length" or "repetition", where the model did not end it itself
  bool operator==(const Said&) const = default;
};

inline std::ostream& operator<<(std::ostream& out, const Said& said) {
  return out << fmt::format(
             "text {}\nthought {}\ncalls {}\ncut {}\n", json::serialize(json::value(said.text)),
             json::serialize(json::value(said.thought)), json::serialize(said.calls), said.cut);
}

inline json::object call(const json::value& name, const json::value& arguments) {
  require(arguments.is_object(), "arguments", arguments);
  return {{"name", name}, {"arguments", arguments}};
}

inline Said said_by(const Choice& choice) {
  Said said;
  for (const AnswerBlock& block : choice.blocks) {
    if (block.kind == AnswerBlock::Kind::kText) said.text += block.text;
    if (block.kind == AnswerBlock::Kind::kThought) said.thought += block.text;
    if (block.kind == AnswerBlock::Kind::kCall) {
      said.calls.push_back(call(json::value(block.name), json::parse(block.text)));
      require(!block.cut || choice.finished->reason != Finished::Reason::kToolCalls,
              "a call that was cut looks finished", json::value(block.text));
    }
  }
  if (choice.finished->reason == Finished::Reason::kLength) said.cut = "length";
  if (choice.finished->reason == Finished::Reason::kRepetition) said.cut = "repetition";
  return said;
}

inline Said said_by_chat(const json::value& choice) {
  const json::object& message = choice.at("message").as_object();
  Said said;
  if (message.at("content").is_string()) said.text = text_of(message.at("content"));
  if (const auto* thought = message.if_contains("reasoning")) said.thought = text_of(*thought);
  if (const auto* calls = message.if_contains("tool_calls"))
    for (const json::value& made : calls->as_array())
      said.calls.push_back(call(made.at("function").at("name"),
                                json::parse(text_of(made.at("function").at("arguments")))));
  if (const auto* made = message.if_contains("function_call"))
    said.calls.push_back(call(made->at("name"), json::parse(text_of(made->at("arguments")))));
  const std::string reason = text_of(choice.at("finish_reason"));
  if (reason == "length" || reason == "repetition") said.cut = reason;
  return said;
}

inline Said said_by_messages(const json::object& message) {
  Said said;
  for (const json::value& block : message.at("content").as_array()) {
    if (block.at("type") == "text") said.text += text_of(block.at("text"));
    if (block.at("type") == "thinking") said.thought += text_of(block.at("thinking"));
    if (block.at("type") == "tool_use")
      said.calls.push_back(call(block.at("name"), block.at("input")));
  }
  const json::value& reason = message.at("stop_reason");
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") said.cut = "length";
  if (reason == "repetition") said.cut = "repetition";
  return said;
}

inline Said said_by_responses(const json::object& response) {
  Said said;
  for (const json::value& item : response.at("output").as_array()) {
    const json::value& type = item.at("type");
    if (type == "function_call") {
      said.calls.push_back(call(item.at("name"), json::parse(text_of(item.at("arguments")))));
    } else {
      (type == "message" ? said.text : said.thought) +=
          text_of(item.at("content").at(0).at("text"));
    }
  }
  if (response.at("status") == "incomplete") {
    said.cut = text_of(response.at("incomplete_details").at("reason"));
    if (said.cut == "max_output_tokens") said.cut = "length";
  }
  return said;
}

inline void require_same(const Said& got, const Said& wanted, const std::string& what) {
  if (got == wanted) return;
  std::ostringstream shown;
  shown << what << " says\n" << got << "and not\n" << wanted;
  throw std::runtime_error(shown.str());
}

// --- One case through every dialect

class Run {
 public:
  Run(const Case& made, Cutting cutting)
      : made_(made), cutting_(cutting), random_(made.seed), model_(chat_model()) {}

  // What the choices say in the dialects of chats.
  std::vector<Said> chats() {
    std::vector<Said> said = chat();
    for (std::size_t i = 0; i < said.size(); ++i) {
      Said shown = said[i];
      require_same(responses(i), shown, "Responses");
      if (!made_.ask.thoughts) shown.thought.clear();
      require_same(messages(i), shown, "Messages");
    }
    return said;
  }

  SharedList<chat::Tool> tools() const {
    return parsed(parse_chat(json::serialize(chat_body()), model_, chat_tokenizer()))
        .prompt.chat->tools;
  }

  // The texts of completions, where there are no chats.
  std::vector<std::string> texts() {
    json::object body = common();
    body["prompt"] = "x";
    if (made_.ask.logprobs) body["logprobs"] = 1;
    const auto request = parsed(parse_completion(json::serialize(body), model_, chat_tokenizer()));
    const auto events = events_of_choices(request);
    CompletionWriter streamed(request, model_, chat_tokenizer(), "x", 1);
    CompletionWriter whole(request, model_, chat_tokenizer(), "x", 1);
    CompletionClient client(made_.choices.size(), told());
    const json::value answer = json::parse(whole.whole(follow(events, streamed, client)));
    check(answer, client);
    std::vector<std::string> texts;
    for (const json::value& choice : answer.at("choices").as_array())
      texts.push_back(text_of(choice.at("text")));
    return texts;
  }

  // Chat with its special tokens shown is text.
  void raw_chat() {
    json::object body = chat_body();
    body["skip_special_tokens"] = false;
    chat_answers(body);
  }

 private:
  template <class Request>
  static Request parsed(Parsed<Request> request) {
    if (const auto* error = std::get_if<ApiError>(&request))
      throw std::runtime_error(error->message);
    return std::get<Request>(std::move(request));
  }

  json::object common() const {
    const Ask& ask = made_.ask;
    return {{"n", made_.choices.size()},
            {"max_tokens", 1000},
            {"stop", json::value_from(ask.stop_strings())},
            {"include_stop_str_in_output", ask.include_stop},
            {"return_token_ids", ask.token_ids},
            {"stream_options",
             {{"include_usage", true}, {"continuous_usage_stats", ask.continuous_usage}}}};
  }

  json::object chat_body() const {
    json::object body = common();
    body["messages"] = json::parse(R"([{"role": "user", "content": "x"}])");
    body["include_reasoning"] = made_.ask.thoughts;
    body["logprobs"] = made_.ask.logprobs;
    body["parallel_tool_calls"] = !made_.ask.one_call;
    if (made_.ask.as_functions())
      body["functions"] = json::parse(R"([{"name": "f", "parameters": {"type": "object",
          "properties": {"a": {"type": "string"}}}}])");
    else if (made_.ask.tools)
      body["tools"] = json::parse(R"([{"type": "function", "function": {"name": "f", "parameters":
          {"type": "object", "properties": {"a": {"type": "string"}}}}}])");
    return body;
  }

  TokensTold told() const { return {made_.ask.logprobs, made_.ask.token_ids}; }

  void open_prompt(GenerateRequest& prompt) const {
    static constexpr std::string_view kOpened[][2] = {{"", ""},
                                                      {"<|channel>", "thought\nSo"},
                                                      {"<channel|>", "So "},
                                                      {"<|tool_call>", "call:f{a"}};
    const auto& [mark, words] = kOpened[made_.ask.opened];
    if (mark.empty()) return;
    prompt.prompt.push_back(*chat_tokenizer().find(mark));
    const auto ids = chat_tokenizer().encode(words, Tokenizer::Special::kText);
    prompt.prompt.insert(prompt.prompt.end(), ids.begin(), ids.end());
  }

  std::vector<ServiceEvent> events(const GenerateRequest& request, std::size_t choice) {
    const RandomAnswer& answer = made_.choices[choice];
    std::vector<ServiceEvent> made =
        events_of(request, tokens_of(answer, cutting_, random_), answer.end);
    join_some(made, random_);
    return made;
  }

  // Of all choices, in any order.
  template <class Request>
  std::vector<std::pair<std::size_t, ServiceEvent>> events_of_choices(const Request& request) {
    std::vector<std::vector<ServiceEvent>> of;
    std::vector<std::size_t> turns;
    for (std::size_t i = 0; i < made_.choices.size(); ++i) {
      of.push_back(events(request.choice(i), i));
      turns.insert(turns.end(), of.back().size(), i);
    }
    std::shuffle(turns.begin(), turns.end(), random_);
    std::vector<std::size_t> at(of.size());
    std::vector<std::pair<std::size_t, ServiceEvent>> all;
    for (const std::size_t i : turns) all.emplace_back(i, std::move(of[i][at[i]++]));
    return all;
  }

  template <class Writer, class Client>
  std::vector<Choice> follow(const std::vector<std::pair<std::size_t, ServiceEvent>>& events,
                             Writer& writer, Client& client) const {
    std::vector<Choice> choices(made_.choices.size());
    for (const auto& [i, event] : events) {
      const bool first = choices[i].tokens.empty();
      choices[i].add(event);
      const std::vector<std::string> chunks = writer.chunks(i, event);
      for (const std::string& chunk : chunks) client.add(chunk);
      if (made_.ask.continuous_usage && !first && !chunks.empty())
        check_usage(client.usage().as_object(), choices);
    }
    for (const std::string& chunk : writer.last_chunks()) client.add(chunk);
    return choices;
  }

  // In the middle of a stream.
  static void check_usage(const json::object& usage, const std::vector<Choice>& choices) {
    std::uint64_t tokens = 0, thoughts = 0;
    for (const Choice& choice : choices) {
      tokens += choice.finished ? choice.finished->output_tokens : choice.tokens.size();
      thoughts += static_cast<std::uint64_t>(
          std::ranges::count(choice.parts, chat::OutputParser::Part::kThought));
    }
    require_equal(usage.at("completion_tokens"), json::value(tokens), "usage so far");
    const json::value* details = usage.if_contains("completion_tokens_details");
    require_equal(details ? details->at("reasoning_tokens") : json::value(0), json::value(thoughts),
                  "thoughts so far");
  }

  static void check(const json::value& answer, const ChoiceStream& client) {
    require_equal(client.choices(), answer.at("choices"), "the stream");
    require_equal(client.usage(), answer.at("usage"), "usage");
  }

  std::pair<json::value, std::vector<Choice>> chat_answers(const json::object& body) {
    auto request = parsed(parse_chat(json::serialize(body), model_, chat_tokenizer()));
    open_prompt(request.prompt);
    ChatWriter streamed(request, model_, chat_tokenizer(), "x", 1);
    ChatWriter whole(request, model_, chat_tokenizer(), "x", 1);
    ChatClient client(made_.choices.size(), told());
    std::vector<Choice> choices = follow(events_of_choices(request), streamed, client);
    json::value answer = json::parse(whole.whole(choices));
    check(answer, client);
    return {std::move(answer), std::move(choices)};
  }

  std::vector<Said> chat() {
    const auto [answer, choices] = chat_answers(chat_body());
    std::vector<Said> all;
    for (std::size_t i = 0; i < choices.size(); ++i) {
      all.push_back(said_by(choices[i]));
      Said shown = all.back();
      if (!made_.ask.thoughts) shown.thought.clear();
      require_same(said_by_chat(answer.at("choices").at(i)), shown, "chat");
      const json::value& reason = answer.at("choices").at(i).at("finish_reason");
      require_equal(reason == (made_.ask.as_functions() ? "function_call" : "tool_calls"),
                    choices[i].finished->reason == Finished::Reason::kToolCalls, "tool_calls");
    }
    return all;
  }

  Said messages(std::size_t choice) {
    const Ask& ask = made_.ask;
    json::object body{
        {"max_tokens", 1000},
        {"messages", json::parse(R"([{"role": "user", "content": "x"}])")},
        {"stop_sequences", json::value_from(ask.stop_strings())},
        {"tool_choice", {{"type", "auto"}, {"disable_parallel_tool_use", ask.one_call}}}};
    if (!ask.thoughts) body["thinking"] = {{"type", "adaptive"}, {"display", "omitted"}};
    if (ask.tools)
      body["tools"] = json::parse(R"([{"name": "f", "input_schema": {"type": "object",
          "properties": {"a": {"type": "string"}}}}])");
    auto request = parsed(parse_messages(json::serialize(body), model_, chat_tokenizer()));
    request.prompt.include_stop_string = ask.include_stop;
    open_prompt(request.prompt);
    MessagesWriter writer(request, model_, "x");
    AnthropicClient client;
    Choice whole;
    const auto add = [&](const std::vector<StreamChunk>& chunks) {
      for (const StreamChunk& chunk : chunks) client.add(chunk);
    };
    add(writer.first_chunks());
    for (const ServiceEvent& event : events(request.prompt, choice)) {
      whole.add(event);
      add(writer.chunks(event));
    }
    add(writer.last_chunks());
    require_equal(client.message(), json::parse(writer.whole(whole)), "the stream");
    const json::value& reason = client.message().at("stop_reason");
    require_equal(reason == "tool_use", whole.finished->reason == Finished::Reason::kToolCalls,
                  "tool_use");
    require_equal(reason == "stop_sequence", whole.finished->stop_string.has_value(),
                  "stop_sequence");
    return said_by_messages(client.message());
  }

  static std::size_t scores_of(const json::object& response) {
    std::size_t scores = 0;
    for (const json::value& item : response.at("output").as_array())
      if (item.at("type") == "message")
        scores += item.at("content").at(0).at("logprobs").as_array().size();
    return scores;
  }

  Said responses(std::size_t choice) {
    const Ask& ask = made_.ask;
    json::object body{{"input", "x"}, {"parallel_tool_calls", !ask.one_call}};
    body["stop"] = json::value_from(ask.stop_strings());
    body["include_stop_str_in_output"] = ask.include_stop;
    json::array include;
    if (ask.logprobs) include.emplace_back("message.output_text.logprobs");
    if (ask.token_ids) include.emplace_back("reasoning.encrypted_content");
    body["include"] = std::move(include);
    if (ask.tools)
      body["tools"] = json::parse(R"([{"type": "function", "name": "f", "parameters": {"type":
          "object", "properties": {"a": {"type": "string"}}}}])");
    auto request = parsed(parse_responses(json::serialize(body), model_, chat_tokenizer(),
                                          [](std::string_view) { return nullptr; }));
    open_prompt(request.prompt);
    ResponsesWriter streamed(request, model_, chat_tokenizer(), "k", 1);
    ResponsesWriter writer(request, model_, chat_tokenizer(), "k", 1);
    ResponsesClient client;
    Choice whole;
    for (const StreamChunk& chunk : streamed.first_chunks()) client.add(chunk);
    for (const ServiceEvent& event : events(request.prompt, choice)) {
      whole.add(event);
      for (const StreamChunk& chunk : streamed.chunks(event, 2)) client.add(chunk);
    }
    require_equal(client.response(), json::parse(writer.whole(whole, 2)), "the stream");
    const bool sure = ask.logprobs && ask.stop.empty() && ask.opened == 0;
    if (sure && is_valid(made_.choices[choice]))
      require_equal(json::value(scores_of(client.response())),
                    json::value(whole.text_tokens().size()), "scores of the text");
    return said_by_responses(client.response());
  }

  const Case& made_;
  const Cutting cutting_;
  std::mt19937 random_;
  const ServedModel model_;
};

}  // namespace g4::api
