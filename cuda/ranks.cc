// Sums over ranks by NCCL. Its calls never block here (`blocking = 0`): each begins work, and the ranks'
// watch asks whether it is done, so that a rank that is lost ends the others.
#include "base/check.h"
#include "cuda/backend.h"
#include "cuda/nccl.h"

namespace whorl::cuda {

namespace {

class NcclRanks final : public ops::DeviceRanks {
 public:
  NcclRanks(std::shared_ptr<Runtime> runtime, const std::string& folders, const ops::RankCalls& calls)
      : runtime_(std::move(runtime)), nccl_(folders), calls_(calls) {}
  // All sums are made, or not wanted any more; unlike ncclCommDestroy, this waits for no other rank.
  ~NcclRanks() override { leave(); }

  void join() {
    ncclUniqueId id{};
    if (calls_.rank == 0) nccl_.check(nccl_.get_unique_id(&id), nullptr, "a meeting place");
    calls_.broadcast(&id, sizeof id);
    ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
    config.blocking = 0;
    runtime_->queue();
    const char* const what = "the meeting of ranks (WHORL_NCCL=off sums without it)";
    nccl_.check(nccl_.init_rank(&comm_, calls_.size, id, calls_.rank, &config), comm_, what);
    calls_.watch("NCCL's meeting of ranks", [&] { return settled(what); });
  }

  void all_reduce_sum(std::span<const Tensor> tensors) override {
    for (const Tensor& x : tensors)
      base::check_argument(x.dtype() == DType::float32 && x.contiguous(),
                           "[all_reduce_sum] expected contiguous float32, got ", name_of(x.dtype()),
                           x.contiguous() ? "" : " with gaps");
    if (!comm_) base::failed("[all_reduce_sum] the ranks have parted after an error");
    try {
      begin(tensors);
      calls_.watch("sums by NCCL", [&] { return settled("sums") && runtime_->done(); });
    } catch (...) {
      leave();  // or the queue would never end
      throw;
    }
  }

 private:
  // In one group: NCCL makes one piece of work of them. A group that was opened must be closed.
  void begin(std::span<const Tensor> tensors) {
    const auto stream = static_cast<cudaStream_t>(runtime_->queue());
    nccl_.check(nccl_.group_start(), comm_, "sums");
    ncclResult_t result = ncclSuccess;
    for (const Tensor& x : tensors)
      if (result == ncclSuccess || result == ncclInProgress)
        result = nccl_.all_reduce(x.raw(), x.raw(), static_cast<size_t>(x.numel()), ncclFloat32, ncclSum,
                                  comm_, stream);
    const ncclResult_t end = nccl_.group_end();
    nccl_.check(result, comm_, "sums");
    nccl_.check(end, comm_, "sums");
  }

  // Whether what was begun has been queued.
  bool settled(const char* what) const {
    ncclResult_t state = ncclSuccess;
    nccl_.check(nccl_.get_async_error(comm_, &state), comm_, what);
    nccl_.check(state, comm_, what);
    return state == ncclSuccess;
  }

  void leave() noexcept {
    if (comm_) nccl_.abort(comm_);
    comm_ = nullptr;
  }

  std::shared_ptr<Runtime> runtime_;
  Nccl nccl_;
  ops::RankCalls calls_;
  ncclComm_t comm_ = nullptr;
};

}  // namespace

ops::Collective CudaBackend::collective() {
  ops::Collective mine;
  mine.device = runtime_->identity();
  try {
    mine.library = "NCCL " + Nccl(folders_).version();
  } catch (const std::runtime_error& error) {
    mine.why_not = error.what();
  }
  return mine;
}

std::unique_ptr<ops::DeviceRanks> CudaBackend::join_ranks(const ops::RankCalls& calls) {
  auto ranks = std::make_unique<NcclRanks>(runtime_, folders_, calls);
  ranks->join();
  return ranks;
}

}  // namespace whorl::cuda
