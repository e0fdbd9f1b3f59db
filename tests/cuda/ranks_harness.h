#pragma once
// Ranks on emulated devices, each with a backend of its own, which is another device; NCCL lies in the folder
// that a backend is told of when it is made.
#include <stdlib.h>

#include <filesystem>
#include <mutex>

#include "base/log.h"
#include "model/agreement.h"
#include "ops/device.h"
#include "ops/library_folders.h"
#include "ranks/harness.h"

namespace whorl::testing {

// While it lives, backends that are made find NCCL in `folder`.
class NcclIn {
 public:
  explicit NcclIn(const std::string& folder) {
    ops::add_library_folder(std::filesystem::path(WHORL_EMULATED_LIBRARY).parent_path().string());
    ops::first_library_folder(folder);
  }
  ~NcclIn() { ops::first_library_folder(""); }
};

inline std::shared_ptr<ops::Backend> device_with(const std::string& folder) {
  const NcclIn here(folder);
  return ops::make_backend("cuda_emulated");
}

class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) { setenv(name, value.c_str(), 1); }
  ~Variable() { unsetenv(name_); }

 private:
  const char* name_;
};

// What is logged while it lives.
class Listened {
 public:
  Listened() {
    base::set_log_sink([this](base::LogLevel level, std::string_view message) {
      text_ += base::concat(base::name_of(level), ": ", message, "\n");
    });
  }
  ~Listened() { base::set_log_sink({}); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace whorl::testing
