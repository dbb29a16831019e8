#include "grammar/probe_protocol.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace g4::grammar {
namespace {

// Room for one descriptor beside a packet's byte.
union Control {
  cmsghdr header;
  std::array<char, CMSG_SPACE(sizeof(int))> bytes;
};

template <class T>
void put(std::span<std::byte>& out, std::span<const T> values) {
  if (values.empty()) return;  // memcpy takes no null, not even for nothing
  std::memcpy(out.data(), values.data(), values.size_bytes());
  out = out.subspan(values.size_bytes());
}

template <class T>
bool take(std::span<const std::byte>& in, std::span<T> values) {
  if (in.size() < values.size_bytes()) return false;
  if (values.empty()) return true;
  std::memcpy(values.data(), in.data(), values.size_bytes());
  in = in.subspan(values.size_bytes());
  return true;
}

}  // namespace

bool send_packet(int socket, ProbeWord word, int descriptor) {
  iovec data{&word, sizeof(word)};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  if (descriptor >= 0) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(header), &descriptor, sizeof(int));
  }
  ssize_t n;
  while ((n = ::sendmsg(socket, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR) {
  }
  return n == sizeof(word);
}

std::optional<ProbePacket> receive_packet(int socket) {
  ProbePacket packet{ProbeWord::kReady, -1};
  iovec data{&packet.word, sizeof(packet.word)};
  Control control{};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  ssize_t n;
  while ((n = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR) {
  }
  if (n != sizeof(packet.word)) return {};
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_type == SCM_RIGHTS)
    std::memcpy(&packet.descriptor, CMSG_DATA(header), sizeof(int));
  return packet;
}

std::vector<std::byte> write_table(const TokenTable& table) {
  const std::array<std::uint64_t, 3> sizes{table.lengths.size(), table.bytes.size(),
                                           table.stops.size()};
  std::vector<std::byte> out(sizeof(sizes) + sizes[0] * sizeof(std::uint32_t) + sizes[1] +
                             sizes[2] * sizeof(TokenId));
  std::span<std::byte> rest(out);
  put(rest, std::span<const std::uint64_t>(sizes));
  put(rest, std::span<const std::uint32_t>(table.lengths));
  put(rest, std::span<const TokenId>(table.stops));
  put(rest, std::span<const char>(table.bytes));
  return out;
}

Result<TokenTable> read_table(std::span<const std::byte> bytes) {
  std::array<std::uint64_t, 3> sizes{};
  TokenTable table;
  const std::uint64_t all = bytes.size();
  const auto fits = [&] {
    if (!take(bytes, std::span<std::uint64_t>(sizes))) return false;
    for (const std::uint64_t size : sizes)
      if (size > all) return false;
    table.lengths.resize(sizes[0]);
    table.bytes.resize(sizes[1]);
    table.stops.resize(sizes[2]);
    return take(bytes, std::span<std::uint32_t>(table.lengths)) &&
           take(bytes, std::span<TokenId>(table.stops)) &&
           take(bytes, std::span<char>(table.bytes)) && bytes.empty();
  };
  if (!fits()) return Error{"the probe got half a vocabulary"};
  return table;
}

}  // namespace g4::grammar
