// A raw socket on 127.0.0.1 for the tests of this room: sends any bytes, reads what comes.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace g4::http_test {

class TestClient {
 public:
  explicit TestClient(std::uint16_t port, int receive_buffer_bytes = 0);
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  void send(std::string_view bytes);  // may find the peer gone
  void end_sending();                 // half-close
  void close();
  void reset();  // close with RST

  enum class Read { kData, kEnd, kReset, kTimeout };
  // One recv(), appended to received().
  Read read_some(std::chrono::milliseconds wait = std::chrono::seconds(5));
  // Until `text` has been received; false at the end, a reset, or after `wait`.
  bool read_until(std::string_view text, std::chrono::milliseconds wait = std::chrono::seconds(5));
  // All up to the end; kEnd or kReset or kTimeout.
  Read read_all(std::chrono::milliseconds wait = std::chrono::seconds(5));
  // One whole answer with Content-Length or chunked (its body decoded); removed from received().
  struct Answer {
    bool whole = false;
    int status = 0;
    std::string head;
    std::string body;
    std::string header(std::string_view name) const;  // "" if absent
  };
  Answer read_answer();

  const std::string& received() const { return received_; }
  void forget() { received_.clear(); }

 private:
  int fd_ = -1;
  std::string received_;
};

}  // namespace g4::http_test
