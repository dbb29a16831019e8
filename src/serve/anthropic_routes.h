// The routes of Anthropic's Messages: /v1/messages and what stands below it.
#pragma once

#include "api/generation.h"
#include "http/router.h"
#include "serve/metrics.h"
#include "serve/prepare.h"
#include "service/service.h"

namespace g4 {

class AnthropicRoutes {
 public:
  // All outlive it; it outlives the server.
  AnthropicRoutes(Service& service, Metrics& metrics, const api::ServedModel& model,
                  const Preparers& preparers)
      : service_(service), metrics_(metrics), model_(model), preparers_(preparers) {}

  void add_to(Router& router) const;

 private:
  void create(const ExchangePtr& exchange) const;
  void count(const ExchangePtr& exchange) const;

  Service& service_;
  Metrics& metrics_;
  const api::ServedModel& model_;
  const Preparers& preparers_;
};

}  // namespace g4
