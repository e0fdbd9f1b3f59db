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
    return Tensor::view(like.dtype(), like.shape(), memory.raw(), std::make_shared<Tensor>(memory));
  const Tensor whole = Tensor::view(like.dtype(), {like.dim(0), like.row_stride()}, memory.raw(),
                                    std::make_shared<Tensor>(memory));
  return whole.columns(0, like.dim(1));
}
}  // namespace

Tensor StagingBackend::Call::operator()(const Tensor& host) {
  if (host.empty()) return {};
  const int64_t n = extent(host);
  auto& [outside, inside] = copies_[{host.raw(), n}];
  if (inside.empty()) {
    outside = Tensor::view(host.dtype(), {n}, host.raw(), nullptr);
    inside = inner_.allocate(host.dtype(), {n});
    inner_.upload(outside, inside);
  }
  return over(host, inside);
}

StagingBackend::Call::~Call() {
  for (const auto& [key, copy] : copies_) inner_.download(copy.second, copy.first);
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
  Call call(*inner_);
  inner_->linear(call(x), w, call(bias), segments, call(s), call(y));
}
// Jobs refer to their tensors: four of each are kept here.
struct StagingBackend::StagedJobs {
  std::vector<Tensor> tensors;
  std::vector<LinearJob> jobs;
  StagedJobs(Call& call, std::span<const LinearJob> given) {
    const Tensor none;
    for (const LinearJob& job : given)
      for (const Tensor& t : {job.bias, job.s, job.y, job.residual ? *job.residual : none})
        tensors.push_back(call(t));
    for (size_t i = 0; i < given.size(); ++i) {
      const Tensor* const its = tensors.data() + 4 * i;
      jobs.push_back(
          {given[i].w, its[0], given[i].segments, its[1], its[2], given[i].residual ? its + 3 : nullptr});
    }
  }
};

void StagingBackend::linears(const Tensor& x, std::span<const LinearJob> jobs) {
  Call call(*inner_);
  const StagedJobs staged(call, jobs);
  inner_->linears(call(x), staged.jobs);
}
void StagingBackend::norm_linears(const Tensor& x, const Tensor& gain, float epsilon, const Tensor& normed,
                                  const Tensor& rstd, std::span<const LinearJob> jobs) {
  Call call(*inner_);
  const StagedJobs staged(call, jobs);
  inner_->norm_linears(call(x), call(gain), epsilon, call(normed), call(rstd), staged.jobs);
}
void StagingBackend::swiglu_linears(const Tensor& gate, const Tensor& up, const Tensor& h,
                                    std::span<const LinearJob> jobs) {
  Call call(*inner_);
  const StagedJobs staged(call, jobs);
  inner_->swiglu_linears(call(gate), call(up), call(h), staged.jobs);
}
void StagingBackend::linear_backward(const Tensor& dy, const Tensor& x, const PackedWeight& w,
                                     std::span<const LoraSegment> segments, const Tensor& s,
                                     std::span<const LoraGradient> gradients, const Tensor& dx,
                                     bool accumulate) {
  Call call(*inner_);
  std::vector<LoraGradient> staged;
  for (const auto& [da, db] : gradients) staged.push_back({call(da), call(db)});
  inner_->linear_backward(call(dy), call(x), w, segments, call(s), staged, call(dx), accumulate);
}
void StagingBackend::linear_backward_weight(const Tensor& dy, const Tensor& x, const Tensor& dw,
                                            const Tensor& dbias) {
  Call call(*inner_);
  inner_->linear_backward_weight(call(dy), call(x), call(dw), call(dbias));
}
void StagingBackend::largest(const Tensor& logits, const Tensor& out) {
  Call call(*inner_);
  inner_->largest(call(logits), call(out));
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
  Call call(*inner_);
  inner_->rms_norm(call(x), call(gain), epsilon, groups, call(y), call(rstd));
}
void StagingBackend::rms_norm_backward(const Tensor& dy, const Tensor& x, const Tensor& gain,
                                       const Tensor& rstd, int64_t groups, const Tensor& dx, bool accumulate,
                                       const Tensor& dgain) {
  Call call(*inner_);
  inner_->rms_norm_backward(call(dy), call(x), call(gain), call(rstd), groups, call(dx), accumulate,
                            call(dgain));
}
void StagingBackend::add(const Tensor& x, const Tensor& y) {
  Call call(*inner_);
  inner_->add(call(x), call(y));
}
void StagingBackend::rope(const Tensor& x, std::span<const int32_t> positions, const Tensor& table,
                          int64_t head_size, bool inverse) {
  Call call(*inner_);
  inner_->rope(call(x), positions, call(table), head_size, inverse);
}
void StagingBackend::ropes(std::span<const Tensor> all, std::span<const int32_t> positions,
                           const Tensor& table, int64_t head_size, bool inverse) {
  Call call(*inner_);
  std::vector<Tensor> staged;
  for (const Tensor& x : all) staged.push_back(call(x));
  inner_->ropes(staged, positions, call(table), head_size, inverse);
}
void StagingBackend::swiglu(const Tensor& gate, const Tensor& up, const Tensor& h) {
  Call call(*inner_);
  inner_->swiglu(call(gate), call(up), call(h));
}
void StagingBackend::swiglu_backward(const Tensor& dh, const Tensor& gate, const Tensor& up,
                                     const Tensor& h) {
  Call call(*inner_);
  inner_->swiglu_backward(call(dh), call(gate), call(up), call(h));
}
void StagingBackend::attention(const Tensor& q, const Tensor& k, const Tensor& v, Ragged rows,
                               const AttentionShape& shape, const Tensor& out, const Tensor& lse) {
  Call call(*inner_);
  inner_->attention(call(q), call(k), call(v), rows, shape, call(out), call(lse));
}
void StagingBackend::attention_backward(const Tensor& dout, const Tensor& q, const Tensor& k, const Tensor& v,
                                        const Tensor& out, const Tensor& lse, Ragged rows,
                                        const AttentionShape& shape, const Tensor& dq, const Tensor& dk,
                                        const Tensor& dv) {
  Call call(*inner_);
  inner_->attention_backward(call(dout), call(q), call(k), call(v), call(out), call(lse), rows, shape,
                             call(dq), call(dk), call(dv));
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
  Call call(*inner_);
  inner_->cross_entropy(call(h), head, targets, weights, call(losses), call(dh), call(dhead));
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
