#include "http/server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <cassert>
#include <future>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/thread_annotations.h"
#include "http/connection.h"

namespace g4 {
namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
namespace {

// Connections beyond the maximum that may wait for their 503; further ones are closed unanswered.
constexpr std::size_t kRefusalsMax = 256;
// Out of file descriptors: waiting helps, trying at once does not.
constexpr std::chrono::milliseconds kAcceptRetryTime{100};

std::string plain_error_body(const HttpRequest&, int status, std::string_view message) {
  const boost::json::value body = {
      {"error",
       {{"message", boost::json::string_view(message.data(), message.size())},
        {"type", status < 500 ? "invalid_request_error" : "server_error"},
        {"param", nullptr},
        {"code", status}}}};
  return boost::json::serialize(body);
}

}  // namespace

class HttpServer::Impl final : public ConnectionHost {
 public:
  Impl(ServerOptions options, Router router)
      : options_(std::move(options)),
        router_(std::move(router)),
        acceptor_(asio::make_strand(io_)),
        retry_(acceptor_.get_executor()) {
    if (!options_.error_body) options_.error_body = plain_error_body;
    assert(options_.threads > 0);
  }

  Status start();
  std::uint16_t port() const { return port_; }
  ServerStats stats() const EXCLUDES(mutex_);
  bool drain(std::chrono::milliseconds grace) EXCLUDES(mutex_);

  const ServerOptions& options() const override { return options_; }
  const Router& router() const override { return router_; }
  bool draining() const override { return draining_.load(std::memory_order_relaxed); }
  void closed(Connection& connection) override EXCLUDES(mutex_);

 private:
  void accept();
  void on_accept(error_code ec, tcp::socket socket) EXCLUDES(mutex_);
  bool wait_until_empty(std::chrono::steady_clock::time_point deadline) EXCLUDES(mutex_);
  std::vector<std::shared_ptr<Connection>> connections() const EXCLUDES(mutex_);

  ServerOptions options_;
  Router router_;
  std::uint16_t port_ = 0;
  std::atomic<bool> draining_ = false;

  mutable Mutex mutex_;
  CondVar empty_;
  std::unordered_map<Connection*, std::shared_ptr<Connection>> connections_ GUARDED_BY(mutex_);
  ServerStats stats_ GUARDED_BY(mutex_);

  asio::io_context io_;
  tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::vector<std::thread> threads_;
};

Status HttpServer::Impl::start() {
  error_code ec;
  const auto address = asio::ip::make_address(options_.address, ec);
  if (ec) return Error{fmt::format("\"{}\" is not an IP address to listen on", options_.address)};
  const tcp::endpoint endpoint(address, options_.port);
  acceptor_.open(endpoint.protocol(), ec);
  if (!ec) acceptor_.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor_.bind(endpoint, ec);
  if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
  if (!ec) port_ = acceptor_.local_endpoint(ec).port();
  if (ec)
    return Error{fmt::format("cannot listen on {} port {}: {}", options_.address, options_.port,
                             ec.message())};
  asio::post(acceptor_.get_executor(), [this] { accept(); });
  for (unsigned i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { io_.run(); });
  return {};
}

void HttpServer::Impl::accept() {
  acceptor_.async_accept(asio::make_strand(io_), [this](error_code ec, tcp::socket socket) {
    on_accept(ec, std::move(socket));
  });
}

void HttpServer::Impl::on_accept(error_code ec, tcp::socket socket) {
  if (!acceptor_.is_open()) return;
  if (ec) {
    spdlog::warn("http: cannot accept a connection: {}", ec.message());
    retry_.expires_after(kAcceptRetryTime);
    retry_.async_wait([this](error_code cancelled) {
      if (!cancelled && acceptor_.is_open()) accept();
    });
    return;
  }
  {
    const auto connection = std::make_shared<Connection>(std::move(socket), *this);
    Lock lock(mutex_);
    ++stats_.connections_total;
    const std::size_t open = connections_.size();
    const bool full = open >= options_.connections_max;
    if (full) ++stats_.connections_refused_total;
    if (open < options_.connections_max + kRefusalsMax) {
      connections_.emplace(connection.get(), connection);
      connection->start(full ? Connection::Admission::kHouseFull : Connection::Admission::kWelcome);
    }
  }
  accept();
}

void HttpServer::Impl::closed(Connection& connection) {
  Lock lock(mutex_);
  connections_.erase(&connection);
  if (connections_.empty()) empty_.notify_all();
}

ServerStats HttpServer::Impl::stats() const {
  Lock lock(mutex_);
  ServerStats stats = stats_;
  stats.connections = connections_.size();
  return stats;
}

std::vector<std::shared_ptr<Connection>> HttpServer::Impl::connections() const {
  Lock lock(mutex_);
  std::vector<std::shared_ptr<Connection>> all;
  for (const auto& [pointer, connection] : connections_) all.push_back(connection);
  return all;
}

bool HttpServer::Impl::wait_until_empty(std::chrono::steady_clock::time_point deadline) {
  Lock lock(mutex_);
  while (!connections_.empty())
    if (empty_.wait_until(mutex_, deadline) == std::cv_status::timeout) return connections_.empty();
  return true;
}

bool HttpServer::Impl::drain(std::chrono::milliseconds grace) {
  if (threads_.empty()) return true;
  draining_ = true;
  const auto deaf = std::make_shared<std::promise<void>>();
  asio::post(acceptor_.get_executor(), [this, deaf] {
    error_code ignored;
    acceptor_.close(ignored);
    retry_.cancel();
    deaf->set_value();
  });
  deaf->get_future().wait();  // so that no connection is added below
  for (const auto& connection : connections()) connection->close_if_idle();
  const bool finished = wait_until_empty(std::chrono::steady_clock::now() + grace);
  for (const auto& connection : connections()) connection->close_now();
  for (std::thread& thread : threads_) thread.join();  // run() ends when nothing is left to do
  threads_.clear();
  return finished;
}

HttpServer::HttpServer(ServerOptions options, Router router)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(router))) {}
HttpServer::~HttpServer() { stop(); }
Status HttpServer::start() { return impl_->start(); }
std::uint16_t HttpServer::port() const { return impl_->port(); }
ServerStats HttpServer::stats() const { return impl_->stats(); }
bool HttpServer::drain(std::chrono::milliseconds grace) { return impl_->drain(grace); }
void HttpServer::stop() { impl_->drain(std::chrono::milliseconds(0)); }

}  // namespace g4
