#include "app/interrupt.h"

#include <signal.h>

namespace g4::app {
namespace {

volatile sig_atomic_t pressed_flag = 0;
struct sigaction previous_action{};

}  // namespace

InterruptWatch::InterruptWatch() {
  pressed_flag = 0;
  struct sigaction action{};
  action.sa_handler = [](int) { pressed_flag = 1; };  // no SA_RESTART: a waiting read returns
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_action);
}

InterruptWatch::~InterruptWatch() { sigaction(SIGINT, &previous_action, nullptr); }

bool InterruptWatch::pressed() const { return pressed_flag != 0; }

void InterruptWatch::reset() { pressed_flag = 0; }

}  // namespace g4::app
