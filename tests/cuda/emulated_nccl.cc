// NCCL for the emulated device: ranks are threads or processes of this machine that share memory, sums are
// made in the order of ranks, by a thread of each communicator, as a device would beside its host.
// EMULATED_NCCL_FAULT="1:silent" plants a fault on rank 1, "all:..." on every one: "meeting" and "error"
// fail, "silent" never ends, "leave_out" drops the last tensor of every group.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "target/collectives.h"

namespace {

constexpr int kRanks = 4;
constexpr size_t kChunk = 1 << 14;  // numbers

// Memory that the ranks share; zeros at first.
struct Meeting {
  std::atomic<long> arrived;
  float numbers[kRanks][kChunk];
};

std::atomic<long> groups = 0, sums = 0;
}  // namespace

struct ncclComm {
  int rank = 0, size = 1;
  std::string place;
  Meeting* meeting = nullptr;
  long steps = 0;
  std::atomic<ncclResult_t> state = ncclInProgress;
  std::atomic<bool> ended = false;
  std::thread device;

  bool has_fault(const char* what) const {
    const char* const planted = std::getenv("EMULATED_NCCL_FAULT");
    const std::string one = planted ? planted : "";
    return one == std::to_string(rank) + ":" + what || one == std::string("all:") + what;
  }
  // False where the communicator was aborted meanwhile.
  bool all_arrived() {
    ++meeting->arrived;
    for (++steps; meeting->arrived < steps * size; std::this_thread::sleep_for(std::chrono::microseconds(20)))
      if (ended) return false;
    return true;
  }
  ncclResult_t leave_place() {
    if (rank == 0) shm_unlink(place.c_str());
    return ncclSuccess;
  }
  template <class Work>
  void start(const Work& work) {
    if (device.joinable()) device.join();
    device = std::thread(work);
  }
};

namespace {

struct Sum {
  ncclComm* comm;
  cudaStream_t stream;
  float* numbers;
  size_t count;
};
thread_local std::vector<Sum> group;

void sum(const Sum& job) {
  ncclComm& comm = *job.comm;
  for (size_t begin = 0; begin < job.count; begin += kChunk) {
    const size_t n = std::min(kChunk, job.count - begin);
    std::memcpy(comm.meeting->numbers[comm.rank], job.numbers + begin, n * sizeof(float));
    if (!comm.all_arrived()) return;
    for (size_t i = 0; i < n; ++i) {
      float total = comm.meeting->numbers[0][i];
      for (int rank = 1; rank < comm.size; ++rank) total += comm.meeting->numbers[rank][i];
      job.numbers[begin + i] = total;
    }
    if (!comm.all_arrived()) return;
  }
}

void run(ncclComm& comm, const std::vector<Sum>& jobs) {
  comm.state = comm.has_fault("error") ? ncclRemoteError : ncclSuccess;
  if (comm.state != ncclSuccess || comm.has_fault("silent"))
    while (!comm.ended) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  else
    for (const Sum& job : jobs) sum(job);
  --jobs.front().stream->pending;
}

}  // namespace

extern "C" {

ncclResult_t ncclGetVersion(int* version) {
  *version = EMULATED_NCCL_VERSION;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId* id) {
  static std::atomic<int> count = 0;
  std::snprintf(id->internal, sizeof id->internal, "/whorl_emulated_nccl_%d_%d", getpid(), ++count);
  const int file = shm_open(id->internal, O_CREAT | O_EXCL | O_RDWR, 0600);
  if (file < 0 || ftruncate(file, sizeof(Meeting)) != 0) return ncclSystemError;
  close(file);
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t* made, int size, ncclUniqueId id, int rank,
                                    ncclConfig_t* config) {
  if (config->blocking != 0 || size > kRanks) return ncclSystemError;
  ncclComm* const comm = *made = new ncclComm;
  comm->rank = rank, comm->size = size, comm->place = id.internal;
  const int file = shm_open(id.internal, O_RDWR, 0600);
  void* const memory = mmap(nullptr, sizeof(Meeting), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0) close(file);
  if (memory == MAP_FAILED) return ncclSystemError;
  comm->meeting = static_cast<Meeting*>(memory);
  comm->start([comm] {
    if (comm->has_fault("meeting"))
      comm->state = ncclSystemError;
    else if (comm->all_arrived())
      comm->state = comm->leave_place();  // all have opened it
  });
  return ncclInProgress;
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t* state) {
  *state = comm->state;
  return ncclSuccess;
}

ncclResult_t ncclCommAbort(ncclComm_t comm) {
  comm->ended = true;
  if (comm->device.joinable()) comm->device.join();
  if (comm->meeting) munmap(comm->meeting, sizeof(Meeting));
  const ncclResult_t result = comm->leave_place();
  delete comm;
  return result;
}

ncclResult_t ncclGroupStart() {
  group.clear();
  return ncclSuccess;
}

ncclResult_t ncclAllReduce(const void* from, void* to, size_t count, ncclDataType_t type, ncclRedOp_t op,
                           ncclComm_t comm, cudaStream_t stream) {
  if (from != to || type != ncclFloat32 || op != ncclSum || comm->state != ncclSuccess)
    return ncclSystemError;
  group.push_back({comm, stream, static_cast<float*>(stream->memory(to, count * sizeof(float))), count});
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  if (group.empty()) return ncclSuccess;
  std::vector<Sum> jobs;
  jobs.swap(group);
  ++groups, sums += static_cast<long>(jobs.size());
  ncclComm* const comm = jobs.front().comm;
  if (comm->has_fault("leave_out") && jobs.size() > 1) jobs.pop_back();
  comm->state = ncclInProgress;
  ++jobs.front().stream->pending;
  comm->start([comm, jobs] { run(*comm, jobs); });
  return ncclInProgress;
}

const char* ncclGetErrorString(ncclResult_t result) {
  return result == ncclRemoteError ? "remote error" : "system error";
}
#ifndef PLANTED_nccl_function
const char* ncclGetLastError(ncclComm_t) { return "planted"; }
#endif

// What the test asks: groups, and tensors in them, so far.
void emulated_nccl_counts(long* of_groups, long* of_sums) { *of_groups = groups, *of_sums = sums; }
}
