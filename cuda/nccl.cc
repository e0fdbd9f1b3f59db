#include "cuda/nccl.h"

#include <cstdlib>

#include "base/check.h"
#include "cuda/library.h"

namespace whorl::cuda {

namespace {
constexpr int kOldest = 22700;  // the first release for CUDA 13

std::string dotted(int version) {  // 22809 is 2.28.9
  return base::concat(version / 10000, ".", version / 100 % 100, ".", version % 100);
}

void check_wanted() {
  const char* const given = std::getenv("WHORL_NCCL");
  const std::string word = given ? given : "";
  base::check_argument(word.empty() || word == "off",
                       "[cuda] expected the environment variable WHORL_NCCL to be 'off' or not set, got '",
                       word.substr(0, 40), "'");
  if (!word.empty()) base::failed("WHORL_NCCL is 'off'");
}
}  // namespace

Nccl::Nccl(const std::string& folders) {
  check_wanted();
  const Library library("NVIDIA's NCCL", kCollectives, folders);
  library.find("ncclGetVersion", get_version);
  int version = 0;
  check(get_version(&version), nullptr, "its version");
  version_ = dotted(version);
  if (version < kOldest)
    base::failed("NVIDIA's NCCL (", kCollectives, ") is too old: expected ", dotted(kOldest),
                 " or newer, got ", version_);
  library.find("ncclGetUniqueId", get_unique_id);
  library.find("ncclCommInitRankConfig", init_rank);
  library.find("ncclCommGetAsyncError", get_async_error);
  library.find("ncclCommAbort", abort);
  library.find("ncclGroupStart", group_start);
  library.find("ncclGroupEnd", group_end);
  library.find("ncclAllReduce", all_reduce);
  library.find("ncclGetErrorString", get_error_string);
  library.find("ncclGetLastError", get_last_error);
}

void Nccl::check(ncclResult_t result, ncclComm_t comm, const char* what) const {
  if (result == ncclSuccess || result == ncclInProgress) return;
  const char* const said = get_error_string ? get_error_string(result) : nullptr;
  const char* const last = comm && get_last_error ? get_last_error(comm) : nullptr;
  base::failed("[cuda] NCCL, ", what, ": ", said ? said : "error", " (", static_cast<int>(result),
               last && *last ? base::concat("; ", last) : "", ")");
}

}  // namespace whorl::cuda
