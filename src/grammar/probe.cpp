#include "grammar/probe.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "grammar/probe_protocol.h"

namespace g4::grammar {
namespace {

constexpr int kAtOnce = 2;
constexpr int kWaitingMax = 32;
constexpr std::chrono::seconds kTurnMax{20};
constexpr std::chrono::seconds kStartMax{60};   // it makes a trie of the vocabulary first
constexpr std::chrono::seconds kAnswerMax{12};  // a child ends itself before that
constexpr std::chrono::seconds kSendMax{5};

GrammarError too_dear() {
  return {{"the grammar takes too much time or memory; fewer or simpler parts may do"},
          GrammarError::Fault::kClient};
}
GrammarError we_failed(std::string sentence) {
  return {{std::move(sentence)}, GrammarError::Fault::kOurs};
}
GrammarError busy() {
  return {{"too many new grammars are being checked; try again later"}, GrammarError::Fault::kBusy};
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() { ::close(number_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }

 private:
  int number_;
};

// The table as a file in memory; -1 if there is no room for one.
int file_of(const TokenTable& table) {
  const int file = ::memfd_create("g4-vocabulary", MFD_CLOEXEC);
  if (file < 0) return -1;
  const std::vector<std::byte> bytes = write_table(table);
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t n = ::write(file, bytes.data() + written, bytes.size() - written);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      ::close(file);
      return -1;
    }
    written += static_cast<std::size_t>(n);
  }
  return file;
}

// One byte and a sentence; nothing if the other end went without a word, or takes too long.
std::optional<std::string> converse(int socket, const std::string& lark) {
  const Deadline until = std::chrono::steady_clock::now() + kAnswerMax;
  const auto bytes = static_cast<std::uint32_t>(lark.size());
  // What fails here leaves no answer either.
  (void)(send_all(socket, std::as_bytes(std::span(&bytes, 1)), until) &&
         send_all(socket, std::as_bytes(std::span(lark)), until));
  std::string answer(1 + kSentenceBytesMax + 1, ' ');
  const auto got = receive_rest(socket, std::as_writable_bytes(std::span(answer)), until);
  if (!got || *got == 0) return {};
  answer.resize(*got);
  return answer;
}

std::optional<GrammarError> objection_of(const std::string& answer) {
  const auto word = static_cast<ProbeWord>(answer.front());
  if (word == ProbeWord::kPassed) return {};
  if (word == ProbeWord::kBusy) return busy();
  return GrammarError{{answer.substr(1)}, GrammarError::Fault::kClient};
}

// A process closes its sockets before it can be waited for.
bool has_hung_up(int socket) {
  pollfd entry{socket, 0, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLHUP | POLLERR)) != 0;
}

void limit_waiting(int socket) {
  const timeval send{kSendMax.count(), 0}, receive{kStartMax.count(), 0};
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &send, sizeof(send));
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &receive, sizeof(receive));
}

}  // namespace

Probe::Probe(const TokenTable& table) : table_(file_of(table)) {
  const Lock lock(mutex_);
  (void)start();  // if it fails, the first grammar meets the error and says so
}

Probe::~Probe() {
  if (table_ >= 0) ::close(table_);
}

std::optional<GrammarError> Probe::objection(const GrammarText& text) {
  if (!take_turn()) return busy();
  std::optional<GrammarError> objection = ask(text);
  give_turn();
  return objection;
}

bool Probe::take_turn() {
  const auto until = std::chrono::steady_clock::now() + kTurnMax;
  const Lock lock(turns_mutex_);
  if (waiting_ >= kWaitingMax) return false;
  ++waiting_;
  while (at_work_ >= kAtOnce &&
         turn_over_.wait_until(turns_mutex_, until) != std::cv_status::timeout) {
  }
  --waiting_;
  if (at_work_ >= kAtOnce) return false;
  ++at_work_;
  return true;
}

void Probe::give_turn() {
  const Lock lock(turns_mutex_);
  --at_work_;
  turn_over_.notify_one();
}

std::optional<GrammarError> Probe::ask(const GrammarText& text) {
  for (int tries = 0; tries < 2; ++tries) {  // the probe may have died unseen, and is started anew
    auto opened = open_conversation();
    if (!opened) return we_failed(opened.error().message);
    const Descriptor socket(*opened);
    const std::optional<std::string> answer = converse(socket.get(), text.lark());
    if (answer) return objection_of(*answer);
    if (is_running()) return too_dear();
  }
  return we_failed("the grammar probe has ended");
}

bool Probe::is_running() {
  const Lock lock(mutex_);
  return lives();
}

bool Probe::lives() { return process_ && process_->running() && !has_hung_up(process_->socket()); }

Result<int> Probe::open_conversation() {
  const Lock lock(mutex_);
  if (!lives())
    if (Status status = start(); !status) return std::move(status).error();
  if (Status status = await_ready(); !status) return std::move(status).error();
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return Error{fmt::format("cannot make a socket: {}", std::strerror(errno))};
  const bool sent = send_packet(process_->socket(), ProbeWord::kGrammar, ends[1]);
  ::close(ends[1]);
  if (!sent) process_.reset();  // what is read from the socket then ends at once
  return ends[0];
}

Status Probe::start() {
  ready_ = false;
  process_.reset();
  if (table_ < 0) return Error{"there is no memory for the grammar probe"};
  auto started = ChildProcess::start(program_beside("gemma4-grammar-probe", "G4_GRAMMAR_PROBE"),
                                     ChildProcess::Socket::kPackets);
  if (!started) return Error{"no grammar probe: " + started.error().message};
  process_ = *std::move(started);
  limit_waiting(process_->socket());
  if (!send_packet(process_->socket(), ProbeWord::kVocabulary, table_))
    return Error{"the grammar probe does not listen"};
  return {};
}

Status Probe::await_ready() {
  if (ready_) return {};
  const auto packet = receive_packet(process_->socket());
  ready_ = packet && packet->word == ProbeWord::kReady;
  if (ready_) return {};
  process_.reset();
  return Error{"the grammar probe did not start"};
}

}  // namespace g4::grammar
