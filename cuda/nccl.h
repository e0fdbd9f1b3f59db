#pragma once
// NCCL, opened at run time.
#include <string>

#include "target/collectives.h"

namespace whorl::cuda {

class Nccl {
 public:
  // std::runtime_error with one sentence where it cannot be used: nowhere to be found, too old, or not wanted
  // (WHORL_NCCL=off).
  explicit Nccl(const std::string& folders);

  const std::string& version() const { return version_; }  // "2.28.9"
  // std::runtime_error unless `result` is success, or work that has only begun.
  void check(ncclResult_t result, ncclComm_t comm, const char* what) const;

  // The functions that are used, under their own names.
  decltype(&::ncclGetVersion) get_version = nullptr;
  decltype(&::ncclGetUniqueId) get_unique_id = nullptr;
  decltype(&::ncclCommInitRankConfig) init_rank = nullptr;
  decltype(&::ncclCommGetAsyncError) get_async_error = nullptr;
  decltype(&::ncclCommAbort) abort = nullptr;
  decltype(&::ncclGroupStart) group_start = nullptr;
  decltype(&::ncclGroupEnd) group_end = nullptr;
  decltype(&::ncclAllReduce) all_reduce = nullptr;
  decltype(&::ncclGetErrorString) get_error_string = nullptr;
  decltype(&::ncclGetLastError) get_last_error = nullptr;

 private:
  std::string version_;
};

}  // namespace whorl::cuda
