#include "fetch/address.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace g4 {
namespace {

using enum AddressReach;

AddressReach reach(const char* text) {
  const auto address = IpAddress::parse(text);
  EXPECT_TRUE(address) << text;
  return address ? reach_of(*address) : kPublic;
}

TEST(Address, PublicOnes) {
  for (const char* text : {"1.1.1.1", "8.8.8.8", "172.15.255.255", "172.32.0.0", "100.63.255.255",
                           "100.128.0.0", "169.253.0.1", "192.167.1.1", "198.17.0.1", "198.20.0.1",
                           "223.255.255.255", "126.255.255.255", "128.0.0.1", "2606:4700::1111",
                           "2a00:1450:4001::200e", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8"})
    EXPECT_EQ(reach(text), kPublic) << text;
}

TEST(Address, PrivateOnes) {
  for (const char* text :
       {"127.0.0.1", "127.255.255.255", "10.0.0.0", "10.255.255.255", "172.16.0.0",
        "172.31.255.255", "192.168.0.1", "100.64.0.1", "100.127.255.255", "198.18.0.1",
        "198.19.255.255", "::1", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1"})
    EXPECT_EQ(reach(text), kPrivate) << text;
}

TEST(Address, ThoseThatAreNeverAsked) {
  for (const char* text : {
           "0.0.0.0",
           "0.1.2.3",
           "169.254.169.254",  // metadata of the clouds
           "169.254.0.1",
           "::ffff:169.254.169.254",
           "192.0.0.192",
           "192.0.2.1",
           "198.51.100.1",
           "203.0.113.1",
           "192.88.99.1",
           "224.0.0.1",
           "239.255.255.255",
           "240.0.0.1",
           "255.255.255.255",
           "::",
           "::7f00:1",  // IPv4-compatible
           "fe80::1",
           "fec0::1",
           "ff02::1",
           "2001:db8::1",
           "2001::1",             // Teredo
           "2002:7f00:1::",       // 6to4 of 127.0.0.1
           "2002:808:808::1",     // and of a public address
           "64:ff9b::127.0.0.1",  // NAT64
           "64:ff9b::10.0.0.1",
           "64:ff9b::169.254.169.254",
           "64:ff9b:1::8.8.8.8",
           "4000::1",
           "100::1",
       })
    EXPECT_EQ(reach(text), kNever) << text;
}

TEST(Address, AsSocketsHaveThem) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x0a090807);
  const auto* as_v4 = reinterpret_cast<const sockaddr*>(&v4);
  EXPECT_EQ(IpAddress::of(as_v4, sizeof v4), IpAddress::parse("10.9.8.7"));
  EXPECT_FALSE(IpAddress::of(as_v4, 4));
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = in6addr_loopback;
  const auto* as_v6 = reinterpret_cast<const sockaddr*>(&v6);
  EXPECT_EQ(IpAddress::of(as_v6, sizeof v6), IpAddress::parse("::1"));
  v6.sin6_family = AF_UNIX;
  EXPECT_FALSE(IpAddress::of(as_v6, sizeof v6));
}

TEST(Address, TextAndBack) {
  for (const char* text : {"10.1.2.3", "::1", "fd00::1:2", "2606:4700::1111"})
    EXPECT_EQ(IpAddress::parse(text)->text(), text);
  EXPECT_EQ(IpAddress::parse("::ffff:10.1.2.3")->text(), "10.1.2.3");
  for (const char* bad : {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "0x7f.0.0.1", "256.1.1.1",
                          "1.2.3.4 ", "[::1]", "fe80::1%lo", "::g", "localhost"})
    EXPECT_FALSE(IpAddress::parse(bad)) << bad;
  EXPECT_FALSE(IpAddress::parse(std::string_view("1.2.3.4\0", 8)));
}

TEST(Network, Contains) {
  const Network odd = *parse_network("10.128.0.0/9");
  EXPECT_TRUE(odd.contains(*IpAddress::parse("10.128.0.0")));
  EXPECT_TRUE(odd.contains(*IpAddress::parse("10.255.1.1")));
  EXPECT_FALSE(odd.contains(*IpAddress::parse("10.127.255.255")));
  EXPECT_FALSE(odd.contains(*IpAddress::parse("11.128.0.0")));
  const Network one = *parse_network("10.1.2.3");
  EXPECT_TRUE(one.contains(*IpAddress::parse("::ffff:10.1.2.3")));
  EXPECT_FALSE(one.contains(*IpAddress::parse("10.1.2.2")));
  EXPECT_FALSE(parse_network("0.0.0.0/0")->contains(*IpAddress::parse("fd00::1")));
}

TEST(Network, OnlyPrivateOnesCanBeAllowed) {
  for (const char* good : {"10.0.0.0/8", "10.1.2.0/24", "10.1.2.3", "127.0.0.1", "fd00:1::/32",
                           "::1", "100.64.0.0/10", "192.168.1.0/24"})
    EXPECT_TRUE(parse_private_network(good)) << good;
  for (const char* bad : {"0.0.0.0/0",
                          "::/0",
                          "10.0.0.0/7",
                          "fc00::/6",
                          "8.8.8.8",
                          "169.254.0.0/16",
                          "169.254.169.254",
                          "224.0.0.1",
                          "::ffff:0.0.0.0/96",
                          "fe80::/10",
                          "::",
                          "10.0.0.0/33",
                          "10.0.0.0/-1",
                          "10.0.0.0/",
                          "10.0.0.0/8x",
                          "10.0.0.0/ 8",
                          "10.0.0/8",
                          "corp",
                          "",
                          "/8",
                          "[::1]"})
    EXPECT_FALSE(parse_private_network(bad)) << bad;
}

}  // namespace
}  // namespace g4
