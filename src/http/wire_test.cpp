// The pure parts: heads of answers, server-sent events, keys.
#include <gmock/gmock.h>

#include <boost/json/parse.hpp>

#include "http/auth.h"
#include "http/message.h"
#include "http/sse.h"

namespace g4 {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(ResponseHead, WholeAndExact) {
  EXPECT_EQ(response_head({.status = 200,
                           .framing = Framing::kLength,
                           .body_bytes = 5,
                           .request_id = "r1",
                           .now_seconds = 784111777},
                          {{"Content-Type", "text/plain"}}),
            "HTTP/1.1 200 OK\r\nServer: gemma4/" G4_VERSION
            "\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nx-request-id: r1\r\nrequest-id: r1\r\n"
            "Content-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
}

TEST(ResponseHead, LeavesOutWhatMustNotBeSent) {
  using namespace std::string_literals;
  const std::string head = response_head({.request_id = "r"}, {{"A", "x\r\nEvil: 1"},
                                                               {"B\r\nEvil", "1"},
                                                               {"C", "nul\0"s},
                                                               {"D", "\x7f"},
                                                               {"", "e"},
                                                               {"F F", "f"},
                                                               {"Content-Length", "99"},
                                                               {"transfer-encoding", "chunked"},
                                                               {"Connection", "upgrade"},
                                                               {"Good", "caf\xc3\xa9\tx"}});
  EXPECT_THAT(head, HasSubstr("Good: caf\xc3\xa9\tx\r\n"));
  for (const char* bad : {"Evil", "99", "chunked", "upgrade", "nul", "\x7f", ": e", "F F"})
    EXPECT_THAT(head, Not(HasSubstr(bad)));
}

TEST(ResponseHead, UnknownStatusHasAReason) { EXPECT_FALSE(reason_phrase(299).empty()); }

TEST(RequestId, MadeOnesAreSaneAndDiffer) {
  const std::string id = make_request_id();
  EXPECT_TRUE(is_sane_request_id(id));
  EXPECT_NE(id, make_request_id());
}

TEST(Sse, LineSeparatorsInJsonAreEscaped) {
  const std::string raw = "{\"t\":\"a\xc2\x85 b\xe2\x80\xa8 c\xe2\x80\xa9 \xe2\x80\xa6 \xc2\xa0\"}";
  const std::string escaped = escape_line_separators(raw);
  EXPECT_EQ(escaped, "{\"t\":\"a\\u0085 b\\u2028 c\\u2029 \xe2\x80\xa6 \xc2\xa0\"}");
  EXPECT_EQ(boost::json::parse(escaped), boost::json::parse(raw));
  EXPECT_EQ(escape_line_separators("\xe2\x80"), "\xe2\x80");
  EXPECT_EQ(sse_data("\"\xe2\x80\xa8\""), "data: \"\\u2028\"\n\n");
}

TEST(Sse, Events) {
  EXPECT_EQ(sse_event("response.created", "{}"), "event: response.created\ndata: {}\n\n");
  EXPECT_EQ(sse_data("{\n}"), "data: {\ndata: }\n\n");  // printed JSON stays one event
  EXPECT_EQ(sse_done(), "data: [DONE]\n\n");
  EXPECT_EQ(sse_comment("keep-alive"), ": keep-alive\n\n");
}

TEST(Sse, TextStartsANewLineAtEverySeparatorSomeClientKnows) {
  EXPECT_EQ(sse_text({"output", "1:0", " a"}), "event: output\nid: 1:0\ndata:  a\n\n");
  EXPECT_EQ(sse_text({"output", "", "\n"}), "event: output\ndata: \ndata: \n\n");
  for (std::string line_end : {"\r\n", "\r", "\n", "\v", "\f", "\x1c", "\x1d", "\x1e", "\xc2\x85",
                               "\xe2\x80\xa8", "\xe2\x80\xa9"})
    EXPECT_EQ(sse_text({"o", "", "a" + line_end + "b"}), "event: o\ndata: a\ndata: b\n\n");
  EXPECT_EQ(sse_text({"o", "", "a\n\r\n\xc3\xa9"}),
            "event: o\ndata: a\ndata: \ndata: \xc3\xa9\n\n");
}

TEST(Auth, KeyIsFoundWhereClientsPutIt) {
  EXPECT_EQ(client_key({{"authorization", "Bearer k1"}}), "k1");
  EXPECT_EQ(client_key({{"Authorization", "bearer  k1 "}}), "k1");
  EXPECT_EQ(client_key({{"Authorization", "Token k2"}}), "k2");
  EXPECT_EQ(client_key({{"X-Api-Key", "k3"}}), "k3");
  EXPECT_EQ(client_key({{"Authorization", "Basic abc"}, {"x-api-key", "k3"}}), "k3");
  EXPECT_EQ(client_key({{"Authorization", "Bearer "}}), std::nullopt);
  EXPECT_EQ(client_key({{"Authorization", "Bearerk"}}), std::nullopt);
  EXPECT_EQ(client_key({}), std::nullopt);
}

TEST(Auth, Equality) {
  EXPECT_TRUE(constant_time_equal("abc", "abc"));
  EXPECT_TRUE(constant_time_equal("", ""));
  EXPECT_FALSE(constant_time_equal("abc", "abd"));
  EXPECT_FALSE(constant_time_equal("abc", "abcd"));
  EXPECT_FALSE(constant_time_equal("", "a"));
}

}  // namespace
}  // namespace g4
