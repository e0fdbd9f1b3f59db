#include "model/rank_sums.h"

#include "base/check.h"
#include "base/log.h"
#include "model/agreement.h"

namespace whorl::model {

RankSums::RankSums(std::shared_ptr<ranks::Communicator> all, ops::Backend& backend,
                   const std::string& context)
    : all_(std::move(all)), backend_(backend) {
  base::check_argument(backend.activation_dtype() == DType::float32, context,
                       " tensor_parallel_size needs a backend with float32 activations, got ",
                       name_of(backend.activation_dtype()));
  const Agreement agreed = agree(*all_, backend.collective(), "activations");
  if (!agreed.sentence.empty() && all_->rank() == 0) base::log(agreed.level, context, " ", agreed.sentence);
  if (agreed.on_devices) device_ = backend.join_ranks(calls_of(*all_));
}

void RankSums::operator()(const Tensor& x) {
  if (device_) return device_->all_reduce_sum({&x, 1});
  if (backend_.on_host()) return all_->all_reduce_sum(x);
  const Tensor host = Tensor::zeros(DType::float32, x.shape());
  backend_.download(x, host);
  all_->all_reduce_sum(host);
  backend_.upload(host, x);
}

}  // namespace whorl::model
