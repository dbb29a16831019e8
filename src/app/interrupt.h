// Ctrl-C as a question ("was it pressed?") instead of the end of the program.
#pragma once

namespace g4::app {

// While one exists SIGINT only sets a flag. One at a time.
class InterruptWatch {
 public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;

  bool pressed() const;
  void reset();
};

}  // namespace g4::app
