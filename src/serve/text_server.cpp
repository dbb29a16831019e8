#include "serve/text_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <ctime>

#include "api/anthropic.h"
#include "api/chat_completions.h"
#include "api/completions.h"
#include "api/server_info.h"
#include "api/tokenization.h"
#include "http/auth.h"
#include "serve/answer.h"
#include "serve/anthropic_routes.h"
#include "serve/ignored.h"
#include "serve/metrics.h"
#include "serve/prepare.h"
#include "serve/responses_routes.h"

namespace g4 {
namespace {

std::vector<api::StreamChunk> unnamed(std::vector<std::string> chunks) {
  std::vector<api::StreamChunk> events;
  for (std::string& chunk : chunks) events.push_back({std::move(chunk)});
  return events;
}

// OpenAI's chat and completions: owns the parsed request that the dialect's writer refers to.
template <class Request, class Writer>
class DialectWriter final : public AnswerWriter {
 public:
  DialectWriter(Request request, const api::ServedModel& model, const Tokenizer& tokenizer,
                std::string id)
      : request_(std::move(request)),
        writer_(request_, model, tokenizer, std::move(id), std::time(nullptr)) {}
  std::size_t choices() const override { return request_.choices(); }
  GenerateRequest choice(std::size_t i) const override { return request_.choice(i); }
  std::string whole(std::span<const api::Choice> choices) override {
    return writer_.whole(choices);
  }
  std::vector<api::StreamChunk> chunks(std::size_t choice, const ServiceEvent& event) override {
    return unnamed(writer_.chunks(choice, event));
  }
  std::vector<api::StreamChunk> last_chunks() override { return unnamed(writer_.last_chunks()); }
  std::vector<api::StreamChunk> failure(const api::ApiError& error) override {
    return {{api::error_body(error)}};
  }
  std::string error_body(const api::ApiError& error) override { return api::error_body(error); }
  bool says_done() const override { return true; }

 private:
  const Request request_;
  Writer writer_;
};

// In the shape of the dialect that the path belongs to.
std::string error_body(const HttpRequest& request, const api::ApiError& error) {
  return api::is_anthropic_path(request.path) ? api::anthropic_error_body(error, request.id)
                                              : api::error_body(error);
}

// Load balancers ask for these, by the names of vLLM, llama-server and SageMaker, and have no key.
constexpr std::string_view kHealthPaths[] = {"/health", "/v1/health", "/ping"};

bool is_open_to_all(std::string_view path) {
  return path == "/ready" || std::ranges::count(kHealthPaths, path) > 0;
}

}  // namespace

struct TextServer::Impl {
  Impl(Service& s, api::ServedModel m, TextServerOptions o)
      : service(s),
        model(std::move(m)),
        keys(std::move(o.api_keys)),
        media(s.tokenizer(), std::move(o.media), {.context_tokens_max = model.context_tokens_max}),
        metrics(model.id, s.limits()) {
    o.http.error_body = [](const HttpRequest& request, int status, std::string_view message) {
      if (status == 404)
        if (auto reason = api::not_offered(request.path))
          return error_body(request, {status, *std::move(reason), std::nullopt, "not_offered"});
      return error_body(request, {status, std::string(message), std::nullopt, ""});
    };
    o.http.admit = [this](const HttpRequest& request) { return refuse_stranger(request); };
    o.http.observe = [this, also = std::move(o.http.observe)](const HttpAccess& access) {
      metrics.count_http(access);
      if (also) also(access);
    };
    Router router = routes();
    metrics.add_routes(router.patterns());
    http = std::make_unique<HttpServer>(std::move(o.http), std::move(router));
  }

  Router routes() {
    Router router;
    for (const std::string_view path : kHealthPaths)
      router.add("GET", path,
                 [](ExchangePtr x) { x->respond(json_response(200, R"({"status":"ok"})")); });
    router.add("GET", "/ready", [this](ExchangePtr x) { ready(*x); });
    router.add("GET", "/metrics", [this](ExchangePtr x) {
      x->respond({200,
                  {{"Content-Type", std::string(kMetricsContentType)}},
                  metrics.text(service.stats(), http->stats())});
    });
    router.add("GET", "/version", [](ExchangePtr x) {
      x->respond(json_response(200, fmt::format(R"({{"version":"{}"}})", G4_VERSION)));
    });
    router.add("GET", "/props", [this](ExchangePtr x) {
      x->respond(json_response(200, api::props(model, service.tokenizer())));
    });
    router.add("GET", "/v1/models", [this](ExchangePtr x) {
      x->respond(json_response(200, api::model_list(model, service.tokenizer())));
    });
    router.add("GET", "/v1/models/{id...}", [this](ExchangePtr x) {
      respond_parsed(*x, api::model_by_id(x->request().param("id"), model, service.tokenizer()));
    });
    router.add("POST", "/v1/completions", [this](ExchangePtr x) { complete(std::move(x)); });
    router.add("POST", "/v1/chat/completions", [this](ExchangePtr x) { chat(std::move(x)); });
    messages.add_to(router);
    responses.add_to(router);
    router.add("POST", "/tokenize", [this](ExchangePtr x) { tokenize(std::move(x)); });
    router.add("POST", "/detokenize", [this](ExchangePtr x) {
      respond_parsed(*x, api::detokenize(x->request().body, model, service.tokenizer()));
    });
    router.add("GET", "/tokenizer_info", [this](ExchangePtr x) {
      x->respond(json_response(200, api::tokenizer_info(service.tokenizer())));
    });
    return router;
  }

  std::optional<HttpResponse> refuse_stranger(const HttpRequest& request) const {
    if (keys.empty() || is_open_to_all(request.path)) return std::nullopt;
    const auto given = client_key(request.headers);
    bool known = false;  // every key is compared, so that time does not tell which one is near
    for (const std::string& key : keys) known |= given && constant_time_equal(*given, key);
    if (known) return std::nullopt;
    return json_response(401, error_body(request, {401,
                                                   given ? "this API key is not known here"
                                                         : "an API key is required: send it as "
                                                           "\"Authorization: Bearer KEY\"",
                                                   std::nullopt, "invalid_api_key"}));
  }

  void ready(Exchange& exchange) const {
    const EngineStats stats = service.stats();
    const bool open = !draining.load();
    exchange.respond(json_response(
        open ? 200 : 503, fmt::format(R"({{"status":"{}","running":{},"waiting":{}}})",
                                      open ? "ready" : "draining", stats.running, stats.waiting)));
  }

  template <class Writer, class Request>
  void generate(ExchangePtr exchange, api::Parsed<Request> parsed, std::string_view id_prefix) {
    if (auto* error = std::get_if<api::ApiError>(&parsed)) return respond_error(*exchange, *error);
    auto& request = std::get<Request>(parsed);
    log_unread(exchange->request(), request.unread);
    const Delivery delivery = request.stream ? Delivery::kStream : Delivery::kWhole;
    auto writer = std::make_unique<DialectWriter<Request, Writer>>(
        std::move(request), model, service.tokenizer(),
        fmt::format("{}{}", id_prefix, exchange->request().id));
    answer(service, metrics, std::move(exchange), std::move(writer), delivery);
  }

  void complete(ExchangePtr exchange) {
    auto parsed = api::parse_completion(exchange->request().body, model, service.tokenizer());
    if (auto* error = std::get_if<api::ApiError>(&parsed)) return respond_error(*exchange, *error);
    compile_grammars(grammars, std::move(std::get<api::CompletionRequest>(parsed)),
                     [this, exchange](api::Parsed<api::CompletionRequest> request) {
                       generate<api::CompletionWriter>(exchange, std::move(request), "cmpl-");
                     });
  }

  void chat(ExchangePtr exchange) {
    auto parsed = api::parse_chat(exchange->request().body, model, service.tokenizer());
    if (auto* error = std::get_if<api::ApiError>(&parsed)) return respond_error(*exchange, *error);
    prepare(preparers, std::move(std::get<api::ChatRequest>(parsed)),
            [this, exchange](api::Parsed<api::ChatRequest> prepared) {
              generate<api::ChatWriter>(exchange, std::move(prepared), "chatcmpl-");
            });
  }

  void tokenize(ExchangePtr exchange) {
    auto parsed = api::parse_tokenize(exchange->request().body, model, service.tokenizer());
    if (auto* error = std::get_if<api::ApiError>(&parsed)) return respond_error(*exchange, *error);
    log_unread(exchange->request(), std::get<api::TokenizeRequest>(parsed).unread);
    see_media(media, std::move(std::get<api::TokenizeRequest>(parsed)),
              [this, exchange](api::Parsed<api::TokenizeRequest> seen) {
                if (auto* error = std::get_if<api::ApiError>(&seen))
                  return respond_error(*exchange, *error);
                exchange->respond(
                    json_response(200, api::tokenize_answer(std::get<api::TokenizeRequest>(seen),
                                                            model, service.tokenizer())));
              });
  }

  Service& service;
  const api::ServedModel model;
  const std::vector<std::string> keys;
  std::atomic<bool> draining = false;
  MediaReader media;
  Metrics metrics;
  GrammarCompiler grammars{service.tokenizer()};
  const Preparers preparers{grammars, media};
  const AnthropicRoutes messages{service, metrics, model, preparers};
  ResponsesRoutes responses{service, metrics, model, preparers};
  std::unique_ptr<HttpServer> http;  // last: its threads use what is above
};

TextServer::TextServer(Service& service, api::ServedModel model, TextServerOptions options)
    : impl_(std::make_unique<Impl>(service, std::move(model), std::move(options))) {}

TextServer::~TextServer() {
  if (!impl_->draining) drain(std::chrono::milliseconds(0));
}

Status TextServer::start() { return impl_->http->start(); }

std::uint16_t TextServer::port() const { return impl_->http->port(); }

bool TextServer::drain(std::chrono::milliseconds grace) {
  impl_->draining = true;
  const bool all = impl_->http->drain(grace);
  impl_->grammars.finish();  // before the media, which its requests go on to
  impl_->media.finish();
  // What was broken off is being cancelled; its sinks use what this server owns.
  impl_->service.drain();
  return all;
}

}  // namespace g4
