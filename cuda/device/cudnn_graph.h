#pragma once
// Attention as a graph of cuDNN's, made for one shape. Its body alone reads NVIDIA's headers of such graphs,
// which are long.
#include <memory>
#include <string>

#include "cuda/packed_attention.h"

namespace whorl::cuda::device {

// What graphs are made for: a device that is there (cuDNN's handle), or the properties of one that is not.
struct GraphDevice {
  void* handle = nullptr;
  std::string properties;  // JSON
  int compute = 0;         // 90 is sm_90
};

// The functions of cuDNN's that graphs call are found in `library`, as dlopen gave it. Once, before the
// first.
void graphs_call(void* library);

class AttentionGraph {
 public:
  // Pointers of `call` are not looked at, but for whether they are there. Null where cuDNN has no plan;
  // `refusal` says what it answered.
  static std::unique_ptr<AttentionGraph> make(const PackedAttention& call, const GraphDevice& device,
                                              std::string& refusal);
  virtual ~AttentionGraph() = default;
  virtual size_t working_bytes() const = 0;
  // On the handle's stream; false where cuDNN refuses, which `refusal` explains.
  virtual bool run(void* handle, const PackedAttention& call, void* working_memory, std::string& refusal) = 0;
};

}  // namespace whorl::cuda::device
