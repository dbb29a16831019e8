// What the server and its probe process (`gemma4-grammar-probe`) say to each other.
//
//   over the probe's own socket, packets, each of one byte and one descriptor:
//     kVocabulary  a file with the token table; the probe answers kReady, without a descriptor
//     kGrammar     a stream socket for one grammar
//   over that socket: the grammar's length as 4 bytes, its text; back come one byte, kPassed,
//     kRefused or kBusy, and a sentence up to the end of the stream. No answer: the grammar was
//     too dear.
//
// Both ends are one build on one machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "grammar/token_table.h"

namespace g4::grammar {

enum class ProbeWord : std::uint8_t {
  kVocabulary = 'v',
  kReady = 'r',
  kGrammar = 'g',
  kPassed = 'p',
  kRefused = 'n',
  kBusy = 'b',
};

inline constexpr std::uint32_t kGrammarBytesMax = 4u << 20;
inline constexpr std::size_t kSentenceBytesMax = 4096;

struct ProbePacket {
  ProbeWord word;
  int descriptor;  // -1: none; otherwise the receiver's, to be closed
};
bool send_packet(int socket, ProbeWord word, int descriptor);  // may block
std::optional<ProbePacket> receive_packet(int socket);         // blocks; nothing at the end

// The token table as a file's contents, and back.
std::vector<std::byte> write_table(const TokenTable& table);
Result<TokenTable> read_table(std::span<const std::byte> bytes);

}  // namespace g4::grammar
