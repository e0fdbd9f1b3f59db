#include "ops/staging_backend.h"

namespace whorl::ops {

namespace {
// From a tensor's first element to its last, gaps between rows with it.
int64_t extent(const Tensor& t) {
  if (t.shape().size() < 2 || t.contiguous()) return t.numel();
  return t.numel() == 0 ? 0 : (t.dim(0) - 1) * t.row_stride() + t.dim(1);
}

// `like` over other memory.
Tensor over(const Tensor& like, const Tensor& memory) {
  if (like.shape().size() < 2 || like.contiguous())
    return Tensor::view(memory.dtype(), like.shape(), memory.raw(), std::make_shared<Tensor>(memory));
  const Tensor whole = Tensor::view(memory.dtype(), {like.dim(0), like.row_stride()}, memory.raw(),
                                    std::make_shared<Tensor>(memory));
  return whole.columns(0, like.dim(1));
}
}  // namespace

Tensor StagingBackend::Call::copy(const Tensor& host, DType dtype) {
  if (host.empty()) return {};
  const int64_t n = extent(host);
  Copied& its = copies_[{host.raw(), n}];
  if (its.device.empty()) {
    its.host = Tensor::view(host.dtype(), {n}, host.raw(), nullptr);
    its.device = inner_.allocate(dtype, {n});
    inner_.upload(its.host, its.device);
    if (dtype != host.dtype()) {
      its.rounded = Tensor::zeros(dtype, {n});
      inner_.download(its.device, its.rounded);
    }
  }
  return over(host, its.device);
}

// What nobody wrote stays what it was, bit by bit: gaps between rows are not rounded.
void StagingBackend::Call::bring_back(const Copied& copied) {
  if (copied.rounded.empty()) return inner_.download(copied.device, copied.host);
  const Tensor now = Tensor::zeros(copied.rounded.dtype(), copied.rounded.shape());
  inner_.download(copied.device, now);
  for (int64_t i = 0; i < now.numel(); ++i)
    if (now.data<uint16_t>()[i] != copied.rounded.data<uint16_t>()[i])
      copied.host.data<float>()[i] = bf16_to_float(now.data<uint16_t>()[i]);
}

StagingBackend::Call::~Call() {
  for (const auto& [key, copied] : copies_) bring_back(copied);
}

Tensor StagingBackend::allocate(DType dtype, Shape shape) {
  const Tensor device = inner_->allocate(dtype, shape), host = Tensor::zeros(dtype, std::move(shape));
  inner_->download(device, host);
  return host;
}

void StagingBackend::upload(const Tensor& host, const Tensor& device) {
  Call call(*inner_);
  inner_->upload(host, call(device));
}
void StagingBackend::download(const Tensor& device, const Tensor& host) {
  Call call(*inner_);
  inner_->download(call(device), host);
}
void StagingBackend::fill_zero(const Tensor& x) {
  Call call(*inner_);
  inner_->fill_zero(call(x));
}

void StagingBackend::repack_loras(std::span<const LoraValues> values) {
  Call call(*inner_);
  std::vector<LoraValues> staged(values.begin(), values.end());
  for (LoraValues& one : staged) one.a = call(one.a), one.b = call(one.b);
  inner_->repack_loras(staged);
}

void StagingBackend::linear(const Tensor& x, const PackedWeight& w, const Tensor& bias,
                            std::span<const LoraSegment> segments, const Tensor& s, const Tensor& y) {
  Call call(*inner_, beside(w));
  inner_->linear(call.either(x), w, call(bias), segments, call(s), call.either(y));
}
// Jobs refer to their tensors: four of each are kept here.
struct StagingBackend::StagedJobs {
  std::vector<Tensor> tensors;
  std::vector<LinearJob> jobs;
  StagedJobs(Call& call, std::span<const LinearJob> given) {
    const Tensor none;
    for (const LinearJob& job : given) {
      tensors.push_back(call(job.bias)), tensors.push_back(call(job.s));
      const bool free = !job.residual && job.w.dtype() != DType::float32;
      tensors.push_back(free ? call.either(job.y) : call(job.y));
      tensors.push_back(call(job.residual ? *job.residual : none));
    }
    for (size_t i = 0; i < given.size(); ++i) {
      const Tensor* const its = tensors.data() + 4 * i;
      jobs.push_back(
          {given[i].w, its[0], given[i].segments, its[1], its[2], given[i].residual ? its + 3 : nullptr});
    }
  }
};

void StagingBackend::linears(const Tensor& x, std::span<const LinearJob> jobs) {
  Call call(*inner_, activations_);
  const StagedJobs staged(call, jobs);
  inner_->linears(beside(jobs) == activations_ ? call.either(x) : call(x), staged.jobs);
}
void StagingBackend::norm_linears(const Tensor& x, const Tensor& gain, float epsilon, const Tensor& normed,
                                  const Tensor& rstd, std::span<const LinearJob> jobs) {
  Call call(*inner_, activations_);
  const StagedJobs staged(call, jobs);
  const Tensor between = beside(jobs) == activations_ ? call.activation(normed) : call(normed);
  inner_->norm_linears(call(x), call(gain), epsilon, between, call(rstd), staged.jobs);
}
void StagingBackend::swiglu_linears(const Tensor& gate, const Tensor& up, const Tensor& h,
                                    std::span<const LinearJob> jobs) {
  Call call(*inner_, beside(jobs));
  const StagedJobs staged(call, jobs);
  inner_->swiglu_linears(call.activation(gate), call.activation(up), call.activation(h), staged.jobs);
}
void StagingBackend::linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                                     std::span<const LoraSegment> segments, const Tensor& s,
                                     std::span<const LoraGradient> gradients, const Tensor& dx,
                                     bool accumulate) {
  Call call(*inner_, beside(w));
  std::vector<LoraGradient> staged;
  for (const auto& [da, db] : gradients) staged.push_back({call(da), call(db)});
  inner_->linear_backward(call.either(dy), call.either(x), w, segments, call(s), staged, call.either(dx),
                          accumulate);
}
void StagingBackend::linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                                            const Tensor& dbias) {
  Call call(*inner_, activations_);
  inner_->linear_backward_weight(call.either(dy), call.either(x), call(dw), call(dbias));
}
void StagingBackend::draw(const Tensor& logits, std::span<const Draw> draws, const Tensor& out) {
  Call call(*inner_);
  inner_->draw(call(logits), draws, call(out));
}
void StagingBackend::score(const Tensor& logits, std::span<const int32_t> targets, const Tensor& out) {
  Call call(*inner_);
  inner_->score(call(logits), targets, call(out));
}
void StagingBackend::embedding(std::span<const int32_t> ids, const PackedWeight& table, const Tensor& y) {
  Call call(*inner_);
  inner_->embedding(ids, table, call(y));
}
void StagingBackend::embedding_backward(std::span<const int32_t> ids, const Tensor& dy,
                                        const Tensor& dtable) {
  Call call(*inner_);
  inner_->embedding_backward(ids, call(dy), call(dtable));
}
void StagingBackend::rms_norm(const Tensor& x, const Tensor& gain, float epsilon, int64_t groups,
                              const Tensor& y, const Tensor& rstd) {
  Call call(*inner_, activations_);
  inner_->rms_norm(call(x), call(gain), epsilon, groups, call.activation(y), call(rstd));
}
void StagingBackend::rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain,
                                       const Tensor& rstd, int64_t groups, const Tensor& dx, bool accumulate,
                                       const Tensor& dgain) {
  Call call(*inner_, activations_);
  inner_->rms_norm_backward(call.activation(dy), call.either(x), call(gain), call(rstd), groups,
                            call.either(dx), accumulate, call(dgain));
}
void StagingBackend::add(const Tensor& x, const Tensor& y) {
  Call call(*inner_);
  inner_->add(call(x), call(y));
}
void StagingBackend::rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table,
                          int64_t head_size, bool inverse) {
  Call call(*inner_, activations_);
  inner_->rope(call.either(x), positions, call(table), head_size, inverse);
}
void StagingBackend::ropes(std::span<const Tensor> all, std::span<const int32_t> positions,
                           const Tensor& table, int64_t head_size, bool inverse) {
  Call call(*inner_, activations_);
  std::vector<Tensor> staged;
  for (const Tensor& x : all) staged.push_back(call.either(x));
  inner_->ropes(staged, positions, call(table), head_size, inverse);
}
void StagingBackend::swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) {
  Call call(*inner_, activations_);
  inner_->swiglu(call.activation(gate), call.activation(up), call.activation(h));
}
void StagingBackend::swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up,
                                     const Tensor& h) {
  Call call(*inner_, activations_);
  inner_->swiglu_backward(call.activation(dh), call.activation(gate), call.activation(up),
                          call.activation(h));
}
void StagingBackend::attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows,
                               const AttentionShape& shape, const Tensor& out, const Tensor& lse) {
  Call call(*inner_, activations_);
  inner_->attention(call.activation(q), call.activation(k), call.activation(v), rows, shape,
                    call.activation(out), call(lse));
}
void StagingBackend::attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                                        const Tensor& out, const Tensor& lse, Ragged rows,
                                        const AttentionShape& shape, const Tensor& dq, const Tensor& dk,
                                        const Tensor& dv) {
  Call call(*inner_, activations_);
  inner_->attention_backward(call.activation(dout), call.activation(q), call.activation(k),
                             call.activation(v), call.activation(out), call(lse), rows, shape,
                             call.activation(dq), call.activation(dk), call.activation(dv));
}
void StagingBackend::attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                                     std::span<const PagedSequence> sequences, const AttentionShape& shape,
                                     const PagedCache& cache, const Tensor& out) {
  Call call(*inner_);
  inner_->attention_paged(call(q), call(k), call(v), sequences, shape,
                          {call(cache.keys), call(cache.values), cache.page_size}, call(out));
}
void StagingBackend::rope_attention_paged(const Tensor& q, const Tensor& k, const Tensor& v,
                                          std::span<const int32_t> positions, const Tensor& table,
                                          std::span<const PagedSequence> sequences,
                                          const AttentionShape& shape, const PagedCache& cache,
                                          const Tensor& out, std::span<const LinearJob> jobs) {
  Call call(*inner_);
  const StagedJobs staged(call, jobs);
  inner_->rope_attention_paged(call(q), call(k), call(v), positions, call(table), sequences, shape,
                               {call(cache.keys), call(cache.values), cache.page_size}, call(out),
                               staged.jobs);
}
void StagingBackend::cross_entropy(const Tensor& h, const PackedWeight& head,
                                   std::span<const int32_t> targets, std::span<const float> weights,
                                   const Tensor& losses, const Tensor& dh, const Tensor& dhead) {
  Call call(*inner_, beside(head));
  inner_->cross_entropy(call.activation(h), head, targets, weights, call(losses), call.either(dh),
                        call(dhead));
}
double StagingBackend::sum_squares(const Tensor& x) {
  Call call(*inner_);
  return inner_->sum_squares(call(x));
}
void StagingBackend::adamw(const Tensor& parameter, const Tensor& gradient, const Tensor& m, const Tensor& v,
                           const AdamW& options) {
  Call call(*inner_);
  inner_->adamw(call(parameter), call(gradient), call(m), call(v), options);
}
void StagingBackend::clipped_adamw(std::span<const ClippedUpdate> updates, const Tensor& norms) {
  Call call(*inner_);
  std::vector<ClippedUpdate> staged(updates.begin(), updates.end());
  for (ClippedUpdate& u : staged)
    u.parameter = call(u.parameter), u.gradient = call(u.gradient), u.m = call(u.m), u.v = call(u.v);
  inner_->clipped_adamw(staged, call(norms));
}

}  // namespace whorl::ops
