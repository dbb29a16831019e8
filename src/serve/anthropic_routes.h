// The routes of Anthropic's Messages: /v1/messages and what stands below it.
#pragma once

#include "api/generation.h"
#include "http/router.h"
#include "serve/media_reader.h"
#include "service/service.h"

namespace g4 {

class AnthropicRoutes {
 public:
  // All outlive it; it outlives the server.
  AnthropicRoutes(Service& service, const api::ServedModel& model, MediaReader& media)
      : service_(service), model_(model), media_(media) {}

  void add_to(Router& router) const;

 private:
  void create(const ExchangePtr& exchange) const;
  void count(const ExchangePtr& exchange) const;

  Service& service_;
  const api::ServedModel& model_;
  MediaReader& media_;
};

}  // namespace g4
