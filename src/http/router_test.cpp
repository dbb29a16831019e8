#include "http/router.h"

#include <gmock/gmock.h>

#include "http/target.h"

namespace g4 {
namespace {

using testing::IsEmpty;
using testing::UnorderedElementsAre;

class RouterTest : public testing::Test {
 protected:
  void add(std::string_view method, std::string_view pattern) {
    router_.add(method, pattern, [](ExchangePtr) {});
  }
  Router::Match find(std::string_view method, std::string_view path) {
    return router_.find(method, parse_target(path)->segments);
  }
  // "pattern name=value ..." or the status.
  std::string found(std::string_view method, std::string_view path) {
    const Router::Match match = find(method, path);
    if (match.handler == nullptr) return std::to_string(match.status);
    std::string text(match.pattern);
    for (const NamedValue& param : match.params) {
      text += ' ';
      text += param.name;
      text += '=';
      text += param.value;
    }
    return text;
  }
  Router router_;
};

TEST_F(RouterTest, NamesItsPatterns) {
  add("GET", "/v1/{rest...}");
  add("POST", "/v1/models");
  EXPECT_THAT(router_.patterns(), UnorderedElementsAre("/v1/{rest...}", "/v1/models"));
}

TEST_F(RouterTest, SpecialBeatsGeneral) {
  add("GET", "/v1/{rest...}");  // the order of adding plays no part
  add("GET", "/v1/models/{id}");
  add("GET", "/v1/models/default");
  add("GET", "/v1/models/{owner}/{name}");
  add("GET", "/");
  EXPECT_EQ(found("GET", "/v1/models/default"), "/v1/models/default");
  EXPECT_EQ(found("GET", "/v1/models/gemma"), "/v1/models/{id} id=gemma");
  EXPECT_EQ(found("GET", "/v1/models/google%2Fgemma"), "/v1/models/{id} id=google/gemma");
  EXPECT_EQ(found("GET", "/v1/models/google/gemma"),
            "/v1/models/{owner}/{name} owner=google name=gemma");
  EXPECT_EQ(found("GET", "/v1/models/a/b/c"), "/v1/{rest...} rest=models/a/b/c");
  EXPECT_EQ(found("GET", "/v1/x"), "/v1/{rest...} rest=x");
  EXPECT_EQ(found("GET", "/"), "/");
  EXPECT_EQ(found("GET", "/v1"), "404");
}

TEST_F(RouterTest, ParametersAreNeverEmpty) {
  add("GET", "/v1/models/{id}");
  EXPECT_EQ(found("GET", "/v1/models/"), "404");
  EXPECT_EQ(found("GET", "/v1/models//"), "404");
}

TEST_F(RouterTest, MethodNotAllowedListsWhatIs) {
  add("GET", "/a/{id}");
  add("DELETE", "/a/{id}");
  add("POST", "/a/special");
  const Router::Match match = find("PUT", "/a/special");
  EXPECT_EQ(match.status, 405);
  EXPECT_EQ(match.allow, "POST, GET, HEAD, DELETE");
  EXPECT_EQ(found("GET", "/a/special"), "/a/{id} id=special");
  EXPECT_EQ(found("HEAD", "/a/1"), "/a/{id} id=1");
  EXPECT_EQ(found("get", "/a/1"), "405");  // methods are case-sensitive
}

TEST_F(RouterTest, EmptyRouterFindsNothing) {
  const Router::Match match = find("GET", "/");
  EXPECT_EQ(match.status, 404);
  EXPECT_THAT(match.allow, IsEmpty());
}

}  // namespace
}  // namespace g4
