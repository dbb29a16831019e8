// The routes of the Responses API: /v1/responses and what stands below it.
#pragma once

#include "api/generation.h"
#include "api/responses.h"
#include "http/router.h"
#include "serve/metrics.h"
#include "serve/prepare.h"
#include "serve/response_store.h"
#include "service/service.h"

namespace g4 {

class ResponsesRoutes {
 public:
  // All outlive it; it outlives the server.
  ResponsesRoutes(Service& service, Metrics& metrics, const api::ServedModel& model,
                  const Preparers& preparers)
      : service_(service), metrics_(metrics), model_(model), preparers_(preparers) {}

  void add_to(Router& router);

 private:
  // Reads and prepares the request; `then` gets it, errors are answered here.
  template <class Then>
  void read(ExchangePtr exchange, Then then);
  void create(ExchangePtr exchange);
  void count(ExchangePtr exchange);
  void get(Exchange& exchange) const;
  void erase(Exchange& exchange);
  void cancel(Exchange& exchange) const;
  void list_input(Exchange& exchange) const;

  Service& service_;
  Metrics& metrics_;
  const api::ServedModel& model_;
  const Preparers& preparers_;
  ResponseStore store_;
};

}  // namespace g4
