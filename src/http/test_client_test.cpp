#include "http/test_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>

#include "http/message.h"

namespace g4::http_test {
namespace {

// The body decoded, and where it ends in `text`; npos while it is not whole.
std::size_t decode_chunks(std::string_view text, std::size_t at, std::string& body) {
  for (;;) {
    const std::size_t line = text.find("\r\n", at);
    if (line == std::string_view::npos) return line;
    const std::size_t bytes = std::stoul(std::string(text.substr(at, line - at)), nullptr, 16);
    if (text.size() < line + 2 + bytes + 2) return std::string_view::npos;
    body += text.substr(line + 2, bytes);
    if (text.substr(line + 2 + bytes, 2) != "\r\n") throw std::runtime_error("bad chunk");
    at = line + 2 + bytes + 2;
    if (bytes == 0) return at;
  }
}

}  // namespace

TestClient::TestClient(std::uint16_t port, int receive_buffer_bytes) {
  fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
  if (receive_buffer_bytes > 0)
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  const int yes = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect");
}

void TestClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void TestClient::end_sending() { ::shutdown(fd_, SHUT_WR); }

void TestClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void TestClient::reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  close();
}

TestClient::Read TestClient::read_some(std::chrono::milliseconds wait) {
  pollfd poll_fd{fd_, POLLIN, 0};
  if (::poll(&poll_fd, 1, static_cast<int>(wait.count())) <= 0) return Read::kTimeout;
  char bytes[16384];
  const ssize_t got = ::recv(fd_, bytes, sizeof bytes, 0);
  if (got == 0) return Read::kEnd;
  if (got < 0) return Read::kReset;
  received_.append(bytes, static_cast<std::size_t>(got));
  return Read::kData;
}

bool TestClient::read_until(std::string_view text, std::chrono::milliseconds wait) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (received_.find(text) == std::string::npos) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || read_some(left) != Read::kData) return false;
  }
  return true;
}

TestClient::Read TestClient::read_all(std::chrono::milliseconds wait) {
  Read last = Read::kData;
  while (last == Read::kData) last = read_some(wait);
  return last;
}

TestClient::Answer TestClient::read_answer() {
  Answer answer;
  if (!read_until("\r\n\r\n")) return answer;
  const std::size_t body_begin = received_.find("\r\n\r\n") + 4;
  answer.head = received_.substr(0, body_begin);
  answer.status = std::stoi(answer.head.substr(9, 3));
  const std::string length = answer.header("content-length");
  std::size_t end = std::string::npos;
  for (;;) {
    answer.body.clear();
    if (!answer.header("transfer-encoding").empty()) {
      end = decode_chunks(received_, body_begin, answer.body);
    } else {
      const std::size_t bytes = length.empty() ? 0 : std::stoul(length);
      end = received_.size() >= body_begin + bytes ? body_begin + bytes : std::string::npos;
      if (end != std::string::npos) answer.body = received_.substr(body_begin, bytes);
    }
    if (end != std::string::npos) break;
    if (read_some() != Read::kData) return answer;
  }
  received_.erase(0, end);
  answer.whole = true;
  return answer;
}

std::string TestClient::Answer::header(std::string_view name) const {
  std::size_t at = head.find("\r\n") + 2;
  while (at < head.size()) {
    const std::size_t end = head.find("\r\n", at);
    const std::size_t colon = head.find(':', at);
    if (colon < end && iequals(std::string_view(head).substr(at, colon - at), name)) {
      return head.substr(colon + 2, end - colon - 2);
    }
    at = end + 2;
  }
  return "";
}

}  // namespace g4::http_test
