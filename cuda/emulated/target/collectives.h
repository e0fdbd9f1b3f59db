#pragma once
// As much of NCCL as is used, under its own names, for tests: tests/cuda/emulated_nccl.cc does it, over
// memory that processes share. The library has another name, so that NVIDIA's never sees the emulated device.
#include <atomic>
#include <cstddef>

// The emulated device's queue.
struct CUstream_st {
  virtual ~CUstream_st() = default;
  std::atomic<int> pending = 0;  // what is queued and not done
  // Where the bytes of the device's memory are. Throws where they are no allocation's.
  virtual void* memory(const void* device, size_t bytes) const = 0;
};
using cudaStream_t = CUstream_st*;

extern "C" {
typedef struct ncclComm* ncclComm_t;
struct ncclUniqueId {
  char internal[128];
};
struct ncclConfig_t {
  int blocking;
};
#define NCCL_CONFIG_INITIALIZER {1}
enum ncclResult_t { ncclSuccess, ncclSystemError = 2, ncclRemoteError = 6, ncclInProgress = 7 };
enum ncclDataType_t { ncclFloat32 = 7 };
enum ncclRedOp_t { ncclSum };

ncclResult_t ncclGetVersion(int* version);
ncclResult_t ncclGetUniqueId(ncclUniqueId* id);
ncclResult_t ncclCommInitRankConfig(ncclComm_t* comm, int size, ncclUniqueId id, int rank,
                                    ncclConfig_t* config);
ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state);
ncclResult_t ncclCommAbort(ncclComm_t comm);
ncclResult_t ncclGroupStart();
ncclResult_t ncclGroupEnd();
ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream);
const char* ncclGetErrorString(ncclResult_t result);
const char* ncclGetLastError(ncclComm_t comm);
}

namespace whorl::cuda {
inline constexpr char kCollectives[] = "libnccl_emulated.so.2";
}
