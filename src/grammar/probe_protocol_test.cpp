#include "grammar/probe_protocol.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace g4::grammar {
namespace {

TEST(ProbeProtocol, ATableComesBackAsItWas) {
  const TokenTable table{"abc\xFF<eos>", {1, 2, 0, 6}, {3}};
  const auto bytes = write_table(table);
  const auto again = read_table(bytes);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->bytes, table.bytes);
  EXPECT_EQ(again->lengths, table.lengths);
  EXPECT_EQ(again->stops, table.stops);
}

TEST(ProbeProtocol, ATableMayBeEmpty) {
  const auto empty = read_table(write_table({}));
  ASSERT_TRUE(empty);
  EXPECT_TRUE(empty->bytes.empty() && empty->lengths.empty() && empty->stops.empty());
}

TEST(ProbeProtocol, HalfATableIsNone) {
  auto bytes = write_table({"abc", {1, 2}, {1}});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(read_table(std::span(bytes).first(size))) << size;
  bytes.push_back(std::byte{0});
  EXPECT_FALSE(read_table(bytes));
  bytes.pop_back();
  for (std::size_t i = 0; i < 24; ++i) {  // the sizes
    auto wrong = bytes;
    wrong[i] ^= std::byte{0x80};
    EXPECT_FALSE(read_table(wrong)) << i;
  }
}

TEST(ProbeProtocol, PacketsCarryADescriptorOrNone) {
  std::array<int, 2> ends{}, carried{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, carried.data()), 0);
  ASSERT_TRUE(send_packet(ends[0], ProbeWord::kGrammar, carried[1]));
  ASSERT_TRUE(send_packet(ends[0], ProbeWord::kReady, -1));
  ::close(carried[1]);
  const auto first = receive_packet(ends[1]), second = receive_packet(ends[1]);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->word, ProbeWord::kGrammar);
  ASSERT_GE(first->descriptor, 0);
  EXPECT_NE(::fcntl(first->descriptor, F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_EQ(::write(first->descriptor, "x", 1), 1);
  char got = 0;
  EXPECT_EQ(::read(carried[0], &got, 1), 1);
  EXPECT_EQ(got, 'x');
  EXPECT_EQ(second->word, ProbeWord::kReady);
  EXPECT_EQ(second->descriptor, -1);
  ::close(ends[0]);
  EXPECT_FALSE(receive_packet(ends[1]));
  for (const int descriptor : {ends[1], carried[0], first->descriptor}) ::close(descriptor);
}

}  // namespace
}  // namespace g4::grammar
