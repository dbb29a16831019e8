// TextServer: the routes of the text service on an HttpServer.
//
// A request goes: http/ -> api/ parses -> service/ generates -> api/ writes -> http/. Keys and
// limits are checked before a body is read. Generation stops when its client leaves. Threads:
// handlers run on the HTTP threads, events on the engine thread; neither waits for the other.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "api/generation.h"
#include "base/result.h"
#include "fetch/media_fetcher.h"
#include "http/server.h"
#include "service/service.h"

namespace g4 {

struct TextServerOptions {
  ServerOptions http;
  std::vector<std::string> api_keys;  // empty: no key is asked for
  MediaFetchPolicy media;             // of https addresses in chat requests
};

class TextServer {
 public:
  // `service` outlives the server.
  TextServer(Service& service, api::ServedModel model, TextServerOptions options);
  ~TextServer();

  Status start();
  std::uint16_t port() const;
  // /ready says 503 from now on; streams that run may finish within `grace`. True if all did.
  bool drain(std::chrono::milliseconds grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace g4
