// What went wrong on the wire of other servers with Gemma 4's answers, one test for each report, by
// its number. What was wrong in reading the answers is in chat/known_failures_test.cpp.
#include <gmock/gmock.h>

#include "api/anthropic.h"
#include "api/chat_completions.h"
#include "api/responses.h"
#include "api/test_answers.h"
#include "api/test_streams.h"
#include "chat/test_answer.h"

namespace g4::api {
namespace {

using Reason = Finished::Reason;
using testing::HasSubstr;
using testing::Not;

// One answer, streamed token by token in every dialect of chats; each is the same whole.
struct Streamed {
  explicit Streamed(std::string_view answer, Reason reason = Reason::kStop,
                    std::string_view prompt = "")
      : ids_(chat::to_tokens({chat::pieces(answer)}, chat_tokenizer())),
        prompt_(chat::to_tokens({chat::pieces(prompt)}, chat_tokenizer())),
        reason_(reason) {
    stream_chat();
    stream_messages();
    stream_responses();
  }

  std::vector<std::string> chunks;         // of all dialects
  std::vector<json::object> call_deltas;   // of chat
  json::object chat, messages, responses;  // the choice, the message, the response
  std::string all() const {
    std::string all;
    for (const std::string& chunk : chunks) all += chunk + "\n";
    return all;
  }
  // The types of the blocks of a message, and of the items of a response.
  std::string blocks() const { return types(messages.at("content")); }
  std::string items() const { return types(responses.at("output")); }
  const json::value& call(std::size_t i) const {
    return chat.at("message").at("tool_calls").at(i).at("function");
  }

 private:
  static std::string types(const json::value& list) {
    std::string types;
    for (const json::value& one : list.as_array()) types += text_of(one.at("type")) + " ";
    return types;
  }
  std::vector<ServiceEvent> events(GenerateRequest& request) const {
    request.prompt.insert(request.prompt.end(), prompt_.begin(), prompt_.end());
    return events_of(request, ids_, reason_);
  }

  void stream_chat() {
    auto request = std::get<ChatRequest>(parse_chat(
        R"({"messages": [{"role": "user", "content": "x"}]})", model_, chat_tokenizer()));
    ChatWriter writer(request, model_, chat_tokenizer(), "x", 1);
    ChatClient client(1, {});
    Choice choice;
    for (const ServiceEvent& event : events(request.prompt)) {
      choice.add(event);
      for (const std::string& chunk : writer.chunks(0, event)) {
        client.add(chunk);
        chunks.push_back(chunk);
        const json::value parsed = json::parse(chunk);
        if (const auto* calls =
                parsed.at("choices").at(0).at("delta").as_object().if_contains("tool_calls"))
          for (const json::value& one : calls->as_array()) call_deltas.push_back(one.as_object());
      }
    }
    chat = client.choices().at(0).as_object();
    EXPECT_EQ(chat, json::parse(writer.whole({&choice, 1})).at("choices").at(0));
  }
  void stream_messages() {
    auto request = std::get<MessagesRequest>(
        parse_messages(R"({"max_tokens": 999, "messages": [{"role": "user", "content": "x"}]})",
                       model_, chat_tokenizer()));
    MessagesWriter writer(request, model_, "x");
    AnthropicClient client;
    const auto add = [&](const std::vector<StreamChunk>& more) {
      for (const StreamChunk& chunk : more) {
        client.add(chunk);
        chunks.push_back(chunk.json);
      }
    };
    add(writer.first_chunks());
    for (const ServiceEvent& event : events(request.prompt)) add(writer.chunks(event));
    add(writer.last_chunks());
    messages = client.message();
  }
  void stream_responses() {
    auto request = std::get<ResponsesRequest>(parse_responses(
        R"({"input": "x"})", model_, chat_tokenizer(), [](std::string_view) { return nullptr; }));
    ResponsesWriter writer(request, model_, chat_tokenizer(), "k", 1);
    ResponsesClient client;
    const auto add = [&](const std::vector<StreamChunk>& more) {
      for (const StreamChunk& chunk : more) {
        client.add(chunk);
        chunks.push_back(chunk.json);
      }
    };
    add(writer.first_chunks());
    for (const ServiceEvent& event : events(request.prompt)) add(writer.chunks(event, 2));
    responses = client.response();
  }

  const ServedModel model_ = chat_model();
  const std::vector<TokenId> ids_, prompt_;
  const Reason reason_;
};

// The second of two calls was lost, or the first one's end.
TEST(KnownWireFailures, Vllm41967And42006And42237) {
  const Streamed got(
      R"(<|tool_call>call:f{a:<|"|>x.rs<|"|>}<tool_call|><|tool_call>call:g{b:2}<tool_call|>)");
  EXPECT_EQ(got.call(0).at("arguments"), R"({"a":"x.rs"})");
  EXPECT_EQ(got.call(1).at("arguments"), R"({"b":2})");
  EXPECT_EQ(got.blocks(), "tool_use tool_use ");
  EXPECT_EQ(got.items(), "function_call function_call ");
}

// Clients that check each chunk: id, type and name come with the first of a call, and a name that
// is all of a chunk, or a call without arguments, is none the less told.
TEST(KnownWireFailures, Vllm42696And45449) {
  for (const char* answer :
       {"<|tool_call>call:f{a:1}<tool_call|>", "<|tool_call>call:f{}<tool_call|>",
        "<|tool_call>call:f<tool_call|>"}) {
    const Streamed got(answer);
    ASSERT_FALSE(got.call_deltas.empty()) << answer;
    for (const json::object& delta : got.call_deltas) {
      const bool first = &delta == &got.call_deltas.front();
      EXPECT_EQ(delta.at("index"), 0);
      EXPECT_EQ(delta.contains("id"), first);
      EXPECT_EQ(delta.contains("type"), first);
      EXPECT_EQ(delta.at("function").as_object().contains("name"), first);
      EXPECT_TRUE(delta.at("function").at("arguments").is_string());
    }
  }
}

// A stop token before the end of the call, or again and again behind it: "stop" or "length", and
// the tokens in the content.
TEST(KnownWireFailures, Ollama15306And15370AndFreeToken201) {
  for (const char* answer :
       {"<|tool_call>call:f{a:1}", "<|tool_call>call:f{a:1}<tool_call|>",
        "<|tool_call>call:f{a:1}<tool_call|><|tool_response><|tool_response>"}) {
    const Streamed got(answer);
    EXPECT_EQ(got.chat.at("finish_reason"), "tool_calls") << answer;
    EXPECT_EQ(got.chat.at("message").at("content"), nullptr);
    EXPECT_EQ(got.messages.at("stop_reason"), "tool_use");
    EXPECT_EQ(got.responses.at("status"), "completed");
    EXPECT_THAT(got.all(), Not(HasSubstr("tool_response")));
  }
}

// An answer of thoughts and words: the thoughts leaked, or the content was missing.
TEST(KnownWireFailures, LmStudio2013AndMlxLm1352AndNewelle427AndHermesWebui607AndVllmMlx380) {
  const Streamed got("<|channel>thought\nHm.\n<channel|>Hello");
  EXPECT_EQ(got.chat.at("message").at("content"), "Hello");
  EXPECT_EQ(got.chat.at("message").at("reasoning_content"), "Hm.");
  EXPECT_EQ(got.blocks(), "thinking text ");
  EXPECT_EQ(got.items(), "reasoning message ");
  for (const char* leak : {"channel", "thought", "\"th\"", "\"tho"})
    EXPECT_THAT(got.all(), Not(HasSubstr(leak)));
}

// The prompt has opened the thought, behind the results of a tool.
TEST(KnownWireFailures, Omlx2533AndVllm39885And45834) {
  const Streamed got("So it is.\n<channel|>Yes.", Reason::kStop, "<|channel>thought\n");
  EXPECT_EQ(got.chat.at("message").at("reasoning"), "So it is.");
  EXPECT_EQ(got.chat.at("message").at("content"), "Yes.");
  EXPECT_EQ(got.blocks(), "thinking text ");
  EXPECT_EQ(got.items(), "reasoning message ");
}

// A thought that never ends: streamed and whole agree, and nothing pretends to be the answer.
TEST(KnownWireFailures, Vllm49717) {
  const Streamed got("<|channel>thought\nParis", Reason::kLength);
  EXPECT_EQ(got.chat.at("message").at("content"), "");
  EXPECT_EQ(got.chat.at("message").at("reasoning"), "Paris");
  EXPECT_EQ(got.chat.at("finish_reason"), "length");
  EXPECT_EQ(got.blocks(), "thinking ");
  EXPECT_EQ(got.responses.at("status"), "incomplete");
}

// Empty thoughts, from the model or the prompt, show nowhere.
TEST(KnownWireFailures, DockerModelRunner1039AndOllama15553) {
  for (const Streamed& got : {Streamed("<|channel>thought\n<channel|>Paris"),
                              Streamed("Paris", Reason::kStop, "<|channel>thought\n<channel|>")}) {
    EXPECT_EQ(got.chat.at("message").at("content"), "Paris");
    EXPECT_THAT(got.all(), Not(HasSubstr("reasoning_content")));
    EXPECT_EQ(got.blocks(), "text ");
    EXPECT_EQ(got.items(), "message ");
  }
}

// Clients ran calls that the length limit had cut.
TEST(KnownWireFailures, Ollama17564AndDynamo13791) {
  const Streamed got("Now.\n<|tool_call>call:sh{c:<|\"|>rm -rf /home", Reason::kLength);
  EXPECT_EQ(got.chat.at("finish_reason"), "length");
  EXPECT_EQ(got.chat.at("message").at("content"), "Now.");
  EXPECT_EQ(got.call(0).at("arguments"), R"({"c":"rm -rf /home"})");
  EXPECT_EQ(got.messages.at("stop_reason"), "model_context_window_exceeded");
  EXPECT_EQ(got.responses.at("output").at(1).at("status"), "incomplete");
  EXPECT_THAT(got.all(), Not(HasSubstr("function_call_arguments.done")));
}

// Numbers, booleans and strings that were sent again as they grew.
TEST(KnownWireFailures, Vllm42300And38946And39089And42047And44522) {
  const Streamed got(
      R"(<|tool_call>call:f{n:108.25,e:1.5e-3,t:true,s:<|"|>Buy "milk" é🦙<|"|>,l:[{a:null}]}<tool_call|>)");
  EXPECT_EQ(got.call(0).at("arguments"),
            R"({"n":108.25,"e":1.5e-3,"t":true,"s":"Buy \"milk\" é🦙","l":[{"a":null}]})");
  EXPECT_EQ(got.messages.at("content").at(0).at("input"),
            json::parse(text_of(got.call(0).at("arguments"))));
}

}  // namespace
}  // namespace g4::api
