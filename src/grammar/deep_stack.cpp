#include "grammar/deep_stack.h"

#include <fmt/format.h>
#include <pthread.h>

#include <cstring>

namespace g4::grammar {
namespace {

constexpr std::size_t kStackBytes = std::size_t{64} << 20;

void* run(void* work) {
  (*static_cast<const std::function<void()>*>(work))();
  return nullptr;
}

}  // namespace

Status on_deep_stack(const std::function<void()>& work) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_t thread{};
  const int failure = ::pthread_create(&thread, &attributes, run,
                                       const_cast<void*>(static_cast<const void*>(&work)));
  pthread_attr_destroy(&attributes);
  if (failure != 0)
    return Error{fmt::format("cannot start a thread for a grammar: {}", std::strerror(failure))};
  ::pthread_join(thread, nullptr);
  return {};
}

}  // namespace g4::grammar
