#pragma once
// The emulated device's memory, as tests set it and see it.
#include <cstdlib>
#include <string>

#include "cuda/emulated_models.h"

namespace whorl::testing {

// The most that was taken since this was last asked; what is taken now.
inline size_t peak() { return static_cast<size_t>(counted("memory_peak")); }
inline size_t held() { return peak(), peak(); }

class Variable {  // of the environment, while it lives
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

// Leaves so many bytes free.
class Free : public Variable {
 public:
  explicit Free(size_t bytes) : Variable("WHORL_EMULATED_MEMORY", std::to_string(held() + bytes)) {}
};

}  // namespace whorl::testing
