#pragma once
// A function with a stack of its own, which stops in the middle and goes on later.
#include <csetjmp>
#include <cstddef>
#include <functional>
#include <memory>

namespace whorl::cuda::emulated {

// A fiber runs one body after another, so that its stack is made once. One operating-system thread each.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs `body` (in the caller's hands until it is done) until it pauses or ends.
  void start(const std::function<void()>& body);
  void resume();
  void pause();  // from within the body
  bool done() const { return body_ == nullptr; }

 private:
  static void enter(unsigned low, unsigned high);
  void loop();
  void* memory_ = nullptr;
  size_t bytes_ = 0;
  bool entered_ = false;
  const std::function<void()>* body_ = nullptr;
  std::jmp_buf inside_, outside_;
};

}  // namespace whorl::cuda::emulated
