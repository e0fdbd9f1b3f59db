#pragma once
// cuDNN, opened at run time: NVIDIA's libraries are never part of Whorl's wheel. Attention is what is asked
// of it.
#include <cuda_runtime.h>
#include <cudnn.h>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cuda/device/cudnn_graph.h"
#include "cuda/runtime.h"

namespace whorl::cuda::device {

// The functions that are used here, under their own names; graphs find theirs themselves.
struct CudnnFunctions {
  decltype(&::cudnnGetVersion) version;
  decltype(&::cudnnCreate) create;
  decltype(&::cudnnDestroy) destroy;
  decltype(&::cudnnSetStream) set_stream;
  decltype(&::cudnnGetErrorString) error_string;
};

class Cudnn {
 public:
  // On the calling thread's device, whose compute capability is `compute` (90 is 9.0). std::runtime_error
  // where the library is nowhere to be found, or is too old.
  Cudnn(const std::string& folders, int compute);
  ~Cudnn();
  Cudnn(const Cudnn&) = delete;
  Cudnn& operator=(const Cudnn&) = delete;

  // Runtime::attend on `stream`, with working memory of the runtime's. What each shape of graph answers is
  // asked for once.
  bool attend(Runtime& runtime, const PackedAttention& call, cudaStream_t stream);

 private:
  // Everything that a graph depends on.
  using Key = std::vector<int64_t>;
  static Key key_of(const PackedAttention& call);
  AttentionGraph* graph_of(const PackedAttention& call);  // with the lock held; null where there is none
  void check(cudnnStatus_t status, const char* what) const;

  CudnnFunctions call_{};
  cudnnHandle_t handle_ = nullptr;
  int compute_;
  std::mutex mutex_;
  std::map<Key, std::unique_ptr<AttentionGraph>> graphs_;
};

}  // namespace whorl::cuda::device
