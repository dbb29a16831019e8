// Tries grammars out in a process of their own, `gemma4-grammar-probe`, before this one compiles
// them.
//
// Own rules (schema.h, pattern.h) keep out what is known to hang or crash llguidance; this is for
// what is not known yet. A grammar that takes too long, wants too much memory or crashes costs a
// child of that process. The program is the one beside our own, or what the environment's
// G4_GRAMMAR_PROBE names; it is started when this object is made, holds the vocabulary (150 MB) and
// is started anew if it should die.
//
// Threads: any; calls block. A few grammars are tried at once, the others wait for their turn.
#pragma once

#include <condition_variable>
#include <memory>
#include <optional>
#include <string>

#include "base/child_process.h"
#include "base/result.h"
#include "base/thread_annotations.h"
#include "grammar/grammar_text.h"
#include "grammar/token_table.h"

namespace g4::grammar {

struct GrammarError : Error {
  enum class Fault : std::uint8_t {
    kClient,  // the grammar is not supported, or too dear
    kBusy,    // too many grammars at once; later it may work
    kOurs,    // the probe cannot be had
  };
  Fault fault = Fault::kClient;
};

class Probe {
 public:
  explicit Probe(const TokenTable& table);
  ~Probe();
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  // Nothing: it may be compiled here too.
  std::optional<GrammarError> objection(const GrammarText& text);

 private:
  bool take_turn() EXCLUDES(turns_mutex_);
  void give_turn() EXCLUDES(turns_mutex_);
  std::optional<GrammarError> ask(const GrammarText& text) EXCLUDES(mutex_);
  Result<int> open_conversation() EXCLUDES(mutex_);  // a socket; the caller's to close
  bool is_running() EXCLUDES(mutex_);
  bool lives() REQUIRES(mutex_);
  Status start() REQUIRES(mutex_);
  Status await_ready() REQUIRES(mutex_);

  int table_ = -1;  // descriptor of a file in memory
  Mutex mutex_;
  std::unique_ptr<ChildProcess> process_ GUARDED_BY(mutex_);
  bool ready_ GUARDED_BY(mutex_) = false;

  Mutex turns_mutex_;
  CondVar turn_over_;
  int at_work_ GUARDED_BY(turns_mutex_) = 0;
  int waiting_ GUARDED_BY(turns_mutex_) = 0;
};

}  // namespace g4::grammar
