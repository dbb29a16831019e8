// gemma4-decoder: started by media/decoder_client.cpp with a socket as descriptor 0; decodes one
// file, locked in, and ends.
#include <unistd.h>

#include <cstdio>

#include "base/sanitizers.h"
#include "decode/job.h"
#include "decode/sandbox.h"

int main(int, char** argv) {
  if (g4::Status status = g4::decode::start_libraries(argv[0]); !status) {
    std::fprintf(stderr, "gemma4-decoder: %s\n", status.error().message.c_str());
    return 2;
  }
  const auto landlock = g4::decode::enter_sandbox({});
  if (!landlock) {
    std::fprintf(stderr, "gemma4-decoder: %s\n", landlock.error().message.c_str());
    return 3;
  }
  // What libraries say of a file from here on is the file's to choose, and no line for a log.
  if (!g4::kShadowMemory) ::dup2(STDOUT_FILENO, STDERR_FILENO);
  const bool served = g4::decode::serve_one(STDIN_FILENO, *landlock);
  // Straight out: exit handlers of libraries have nothing to save and much to trip over.
  ::_exit(served ? 0 : 1);
}
