#include "cuda/emulated/fiber.h"

#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdint>

#include "base/check.h"

namespace whorl::cuda::emulated {

namespace {
constexpr size_t kStack = 128 << 10;
}

Fiber::Fiber() {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  bytes_ = kStack + page;
  memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory_ == MAP_FAILED) base::failed("[emulation] no memory for a stack");
  mprotect(memory_, page, PROT_NONE);  // what runs over its end stops there
}

Fiber::~Fiber() { munmap(memory_, bytes_); }

void Fiber::enter(unsigned low, unsigned high) {
  reinterpret_cast<Fiber*>(static_cast<uintptr_t>(high) << 32 | low)->loop();
}

void Fiber::loop() {
  for (;;) {
    (*body_)();
    body_ = nullptr;
    pause();
  }
}

void Fiber::start(const std::function<void()>& body) {
  body_ = &body;
  resume();
}

// Only the first entry needs a context; afterwards both sides jump, which costs no system call.
void Fiber::resume() {
  if (_setjmp(outside_) != 0) return;
  if (entered_) _longjmp(inside_, 1);
  entered_ = true;
  ucontext_t context;
  getcontext(&context);
  context.uc_stack.ss_sp = memory_;
  context.uc_stack.ss_size = bytes_;
  context.uc_link = nullptr;
  const auto self = reinterpret_cast<uintptr_t>(this);
  makecontext(&context, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self),
              static_cast<unsigned>(self >> 32));
  setcontext(&context);
}

void Fiber::pause() {
  if (_setjmp(inside_) == 0) _longjmp(outside_, 1);
}

}  // namespace whorl::cuda::emulated
