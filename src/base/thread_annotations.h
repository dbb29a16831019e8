// Mutex and Lock that clang's -Wthread-safety understands: shared state names its mutex with
// GUARDED_BY, and forgetting to lock does not compile.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define G4_ATTRIBUTE(x) __attribute__((x))
#else
#define G4_ATTRIBUTE(x)
#endif
#define GUARDED_BY(mutex) G4_ATTRIBUTE(guarded_by(mutex))
#define REQUIRES(...) G4_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define EXCLUDES(...) G4_ATTRIBUTE(locks_excluded(__VA_ARGS__))

namespace g4 {

class G4_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  void lock() G4_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void unlock() G4_ATTRIBUTE(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class G4_ATTRIBUTE(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& mutex) G4_ATTRIBUTE(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~Lock() G4_ATTRIBUTE(release_capability()) { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

using CondVar = std::condition_variable_any;  // waits on a Mutex

}  // namespace g4
