// The routes of the Responses API: /v1/responses and what stands below it.
#pragma once

#include "api/generation.h"
#include "api/responses.h"
#include "http/router.h"
#include "serve/media_reader.h"
#include "serve/response_store.h"
#include "service/service.h"

namespace g4 {

class ResponsesRoutes {
 public:
  // All outlive it; it outlives the server.
  ResponsesRoutes(Service& service, const api::ServedModel& model, MediaReader& media)
      : service_(service), model_(model), media_(media) {}

  void add_to(Router& router);

 private:
  // Reads the request, with its media; `then` gets it, errors are answered here.
  template <class Then>
  void read(ExchangePtr exchange, Then then);
  void create(ExchangePtr exchange);
  void count(ExchangePtr exchange);
  void get(Exchange& exchange) const;
  void erase(Exchange& exchange);
  void list_input(Exchange& exchange) const;

  Service& service_;
  const api::ServedModel& model_;
  MediaReader& media_;
  ResponseStore store_;
};

}  // namespace g4
