// gemma4 serve MODEL: the HTTP service, until SIGINT or SIGTERM.
#include <fmt/format.h>
#include <malloc.h>
#include <semaphore.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <ctime>

#include "app/commands.h"
#include "app/options.h"
#include "app/session.h"
#include "base/log.h"
#include "base/progress.h"
#include "fetch/http_client.h"
#include "serve/text_server.h"

namespace g4::app {
namespace {

struct ServeArguments {
  ModelArguments model;
  SamplingArguments sampling;
  std::string address = "127.0.0.1";
  std::uint16_t port = 8000;
  std::string name;
  std::vector<std::string> api_keys;
  std::string cors_origin;
  std::vector<std::string> media_hosts, media_private;
  std::string media_ca;
  std::uint32_t drain_seconds = 30;
  std::string log_level = "info";
  bool log_json = false;
};

// gemma3-270m.gguf -> gemma3-270m; a folder's own name.
std::string served_name(const ServeArguments& arguments, const Session& session) {
  if (!arguments.name.empty()) return arguments.name;
  const std::filesystem::path path =
      std::filesystem::weakly_canonical(session.model().path).lexically_normal();
  return path.extension() == ".gguf" ? path.stem().string() : path.filename().string();
}

std::string_view outcome_text(HttpAccess::Outcome outcome) {
  switch (outcome) {
    case HttpAccess::Outcome::kAnswered:
      return "answered";
    case HttpAccess::Outcome::kClientGone:
      return "client gone";
    case HttpAccess::Outcome::kAborted:
      return "aborted";
  }
  return "";
}

// Method, path and numbers; never the address's query, headers or bodies.
void log_access(const HttpAccess& access) {
  constexpr std::size_t kShown = 200;
  const std::string_view target = access.request.target;
  spdlog::info("{} {} {} in {:.1f} ms, {} bytes, {}", access.request.method,
               target.substr(0, std::min(target.find('?'), kShown)), access.status,
               static_cast<double>(access.time.count()) / 1000, access.bytes,
               outcome_text(access.outcome));
}

Result<MediaFetchPolicy> media_policy(const ServeArguments& arguments) {
  MediaFetchPolicy policy;
  for (const std::string& host : arguments.media_hosts) {
    Result<HostPattern> pattern = parse_host_pattern(host);
    if (!pattern) return Error{fmt::format("--media-host: {}", pattern.error().message)};
    policy.hosts.push_back(*std::move(pattern));
  }
  for (const std::string& text : arguments.media_private) {
    Result<Network> network = parse_private_network(text);
    if (!network) return Error{fmt::format("--media-private: {}", network.error().message)};
    policy.private_networks.push_back(*network);
  }
  if (arguments.media_ca.empty()) return policy;
  policy.authorities_pem = G4_TRY(read_text_file(arguments.media_ca));
  if (Status status = check_authorities(policy.authorities_pem); !status)
    return Error{fmt::format("--media-ca {}: {}", arguments.media_ca, status.error().message)};
  return policy;
}

Result<TextServerOptions> server_options(const ServeArguments& arguments) {
  TextServerOptions options;
  options.http.address = arguments.address;
  options.http.port = arguments.port;
  options.http.cors_allowed_origin = arguments.cors_origin;
  options.http.observe = log_access;
  options.api_keys = arguments.api_keys;
  options.media = G4_TRY(media_policy(arguments));
  if (const char* key = std::getenv("G4_API_KEY"); key != nullptr && *key != '\0')
    options.api_keys.emplace_back(key);
  return options;
}

// SIGINT and SIGTERM. While the server serves, the first one asks it to drain; before that (nothing
// is accepted yet) and after it (told twice) they end the program at once. A handler of our own is
// needed even for that: the first process of a container ignores signals that have none.
sem_t stop_asked;
std::atomic<bool> serving = false;
static_assert(std::atomic<bool>::is_always_lock_free);

void on_stop_signal(int signal) {
  if (!serving.exchange(false)) _exit(128 + signal);
  sem_post(&stop_asked);
}

void watch_stop_signals() {
  sem_init(&stop_asked, 0, 0);
  struct sigaction action{};
  action.sa_handler = on_stop_signal;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (const int signal : {SIGINT, SIGTERM}) sigaction(signal, &action, nullptr);
}

void wait_for_stop_signal() {
  while (sem_wait(&stop_asked) != 0) {
  }
}

// malloc would keep what large bodies and pictures were, for each thread as much as the largest.
void give_freed_memory_back() {
  constexpr int kBytes = 256 * 1024;
  mallopt(M_MMAP_THRESHOLD, kBytes);
  mallopt(M_TRIM_THRESHOLD, kBytes);
}

Result<int> run(const ServeArguments& arguments) {
  give_freed_memory_back();
  set_up_log(parse_log_level(arguments.log_level).value_or(LogLevel::kInfo),
             arguments.log_json ? LogFormat::kJson : LogFormat::kText);
  watch_stop_signals();
  const TextServerOptions options = G4_TRY(server_options(arguments));  // before the long load
  const std::unique_ptr<Session> session = G4_TRY(Session::open(arguments.model));
  const api::ServedModel model{
      .id = served_name(arguments, *session),
      .created = std::time(nullptr),
      .context_tokens_max = session->model().memory.context_tokens,
      .defaults = to_sampling(arguments.sampling, session->model().defaults),
      .chat_template = session->chat_template(),
      .sees_images = session->model().vision.has_value(),
      .parallel = session->model().memory.parallel,
      .context_tokens_trained = session->model().config.context_tokens_max,
      .hidden = session->model().config.hidden};
  if (Status status = validate(model.defaults, session->tokenizer().size()); !status)
    return status.error();
  const MemoryPlan& memory = session->model().memory;
  spdlog::info(
      "{}, {}: contexts of {} tokens, {} at once ({} of full length in {} of KV), chat template {}",
      session->model().config.description(), session->model().backend_name, memory.context_tokens,
      memory.parallel, memory.full_length_sequences(), format_bytes(memory.kv_bytes),
      template_name(session->chat_template()));
  TextServer server(session->service(), model, options);
  serving = true;
  if (Status status = server.start(); !status) return status.error();
  if (options.api_keys.empty() && !arguments.address.starts_with("127.") &&
      arguments.address != "::1")
    spdlog::warn("listening on {} without --api-key: everyone who reaches it can use the model",
                 arguments.address);
  const bool v6 = arguments.address.find(':') != std::string::npos;
  fmt::print("{} is served at http://{}{}{}:{}\n", model.id, v6 ? "[" : "", arguments.address,
             v6 ? "]" : "", server.port());
  std::fflush(stdout);

  wait_for_stop_signal();
  spdlog::info(
      "stopping: answers that run may finish within {} s; a second signal ends them at once",
      arguments.drain_seconds);
  const bool all = server.drain(std::chrono::seconds(arguments.drain_seconds));
  spdlog::info(all ? "all answers were finished" : "some answers were broken off");
  return 0;
}

}  // namespace

void add_serve_command(CLI::App& app, Run& chosen) {
  const auto arguments = std::make_shared<ServeArguments>();
  arguments->model.parallel = 8;
  CLI::App* command = app.add_subcommand("serve", "Serve a model over HTTP");
  add_model_options(*command, arguments->model);
  command
      ->add_option("--queue", arguments->model.queue, "Requests that may wait; more are told 429")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_option("--address", arguments->address, "IP address to listen on")
      ->check(CLI::ValidIPV4 | CLI::Validator(
                                   [](std::string& text) {
                                     return text.find(':') == std::string::npos ? "no IP address"
                                                                                : "";
                                   },
                                   "IP"))
      ->capture_default_str();
  command->add_option("--port", arguments->port, "Port (0: any free one, which is printed)")
      ->capture_default_str();
  command->add_option("--name", arguments->name, "Name of the model in the APIs");
  command
      ->add_option("--api-key", arguments->api_keys,
                   "Key that clients must send (may be repeated; also $G4_API_KEY)")
      ->allow_extra_args(false);
  command->add_option("--cors-origin", arguments->cors_origin, "Origin whose pages may ask, or *");
  command
      ->add_option("--media-host", arguments->media_hosts,
                   "Host that https: images and videos of requests are fetched from: "
                   "example.com, *.example.com, *, each with :port if not 443 (may be repeated; "
                   "none: nothing is fetched)")
      ->allow_extra_args(false);
  command
      ->add_option("--media-private", arguments->media_private,
                   "Private network, e.g. 10.1.0.0/16, where hosts named by --media-host may be "
                   "(may be repeated)")
      ->allow_extra_args(false);
  command->add_option("--media-ca", arguments->media_ca,
                      "PEM file of certificates to trust besides the system's when fetching");
  command->add_option("--drain-seconds", arguments->drain_seconds, "Time for answers to finish")
      ->capture_default_str();
  command->add_option("--log-level", arguments->log_level, "debug, info, warning, error or off")
      ->check(CLI::IsMember({"debug", "info", "warning", "error", "off"}))
      ->capture_default_str();
  command->add_flag("--log-json", arguments->log_json, "Log lines are JSON objects");
  add_sampling_options(*command, arguments->sampling);
  command->callback([arguments, &chosen] {
    chosen = [arguments] {
      const Result<int> code = run(*arguments);
      return code ? *code : fail(code.error());
    };
  });
}

}  // namespace g4::app
