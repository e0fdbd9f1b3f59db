#pragma once
// The ranks of a training run, as its loop sees them; alone, nothing here does anything.
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "ops/device_ranks.h"
#include "ranks/communicator.h"
#include "train/checkpoint.h"
#include "train/learner.h"

namespace whorl::train {

class Together {
 public:
  // Null: this process trains alone. Otherwise `all` must outlive this.
  explicit Together(ranks::Communicator* all = nullptr) : all_(all) {}

  int64_t rank() const { return all_ ? all_->rank() : 0; }
  int64_t size() const { return all_ ? all_->size() : 1; }
  // The one that reads and writes files.
  bool first() const { return rank() == 0; }

  // Whether devices sum gradients themselves: where all ranks can. Rank 0 logs it, and why not.
  void join_devices(ops::Backend& backend, const std::string& context);

  // Sums over ranks, the same bits on all of them; through the host in the order of ranks.
  void sum_gradients(ops::Backend& backend, const std::vector<Learner*>& learners) const;
  void sum(std::vector<double>& numbers) const;
  // Whether it is so on any rank.
  bool any(bool mine) const;
  void barrier() const;
  // std::invalid_argument that names the first rank whose run_identity is not that of rank 0, and where.
  void check_same_run(const std::string& identity, const std::string& context) const;
  // What rank 0 has read from its checkpoint, to all; false where it has found none.
  bool hand_out(bool found, RunPosition& position, const std::vector<std::unique_ptr<Learner>>& learners,
                ops::Backend& backend) const;

 private:
  void broadcast(std::string& text) const;
  void broadcast(ops::Backend& backend, const Tensor& x) const;

  ranks::Communicator* all_;
  std::unique_ptr<ops::DeviceRanks> device_;  // null: gradients pass through the host
};

// Of a run with these options: WORLD_SIZE where it is distributed, else 1. Opens no connection.
int64_t ranks_of_run(const TrainOptions& options, const std::string& context);

// work(ranks): with the other processes of the run where options.distributed, else with null. An error of
// `work` ends the others too.
template <class Work>
auto with_ranks(const TrainOptions& options, const std::string& context, const Work& work) {
  const auto all =
      options.distributed ? ranks::join(ranks::place_from_environment(context), context) : nullptr;
  try {
    return work(all.get());
  } catch (const std::exception& e) {
    if (all) all->fail(e.what());
    throw;
  }
}

}  // namespace whorl::train
