// Router: method and path to handler.
//
// Patterns: `/v1/models/{id}` takes one segment (which may hold slashes sent as %2F);
// `/assets/{rest...}` takes one or more segments, joined by slashes. Where several patterns take a
// path, a literal segment beats {name}, and {name} beats {rest...}, from the left. HEAD is answered
// by the GET route.
// Threads: add() before the server starts; find() from any thread after that.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.h"
#include "http/message.h"

namespace g4 {

// Called on a server thread: must not block for long, must not throw. Answers now, or keeps the
// exchange and answers later from any thread. Dropping the exchange unanswered answers 500.
using HttpHandler = std::function<void(ExchangePtr)>;

class Router {
 public:
  // Asserts that the pattern is well formed and new.
  void add(std::string_view method, std::string_view pattern, HttpHandler handler);

  struct Match {
    const HttpHandler* handler = nullptr;  // null: `status` says why
    std::string_view pattern;              // of the route, for metrics; empty if none
    std::vector<NamedValue> params;
    int status = 200;   // 404, 405
    std::string allow;  // with 405, the methods of this path
  };
  std::vector<std::string_view> patterns() const;  // some more than once: of several methods
  Match find(std::string_view method, const std::vector<std::string>& segments) const;

 private:
  struct Route {
    std::string method;
    std::string pattern;
    std::vector<std::string> segments;
    std::string rank;  // smaller is more special
    HttpHandler handler;
  };
  std::vector<Route> routes_;  // by rank
};

}  // namespace g4
