#include "model/read_digest.h"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/hash.h"
#include "base/thread_pool.h"
#include "model/config.h"
#include "model/value_hash.h"
#include "ops/device.h"

namespace whorl::model {

namespace {
// Numbers [begin, end) of a packed matrix, row after row, until this thread asks for others: pages that are
// new for every block would take longer than hashing it.
Tensor numbers(ops::Backend& backend, const ops::PackedWeight& w, int64_t begin, int64_t end) {
  const int64_t width = w.inputs(), first = begin / width, last = (end - 1) / width + 1;
  const DType dtype = w.quantize() == ops::Quantize::none ? w.dtype() : DType::float32;
  thread_local std::vector<std::byte> memory;
  memory.resize(std::max(memory.size(), static_cast<size_t>((last - first) * width) * size_of(dtype)));
  const Tensor rows = Tensor::view(dtype, {last - first, width}, memory.data(), nullptr);
  backend.unpack_rows(w, first, rows);
  return rows.reshape({rows.numel()}).rows(begin - first * width, end - first * width);
}

std::string digest_of(const TensorSlot& slot, ops::Backend& backend) {
  const auto pool = base::ThreadPool::shared();
  if (slot.vector) return value_digest(*pool, unpack(slot, backend));
  const ops::PackedWeight& w = **slot.weight;
  return value_digest(*pool, w.outputs() * w.inputs(), BlockOfValues([&](int64_t begin, int64_t end) {
    return numbers(backend, w, begin, end);
  }));
}

std::string identity_of(const ModelConfig& config) {
  base::Json identity = to_json(config);
  for (const char* key : {"torch_dtype", "initializer_range", "bos_token_id", "eos_token_id"})
    identity.erase(key);
  return base::to_sorted_json(identity);
}

void add(base::Sha256& hash, const TensorSlot& slot, const std::string& digest) {
  hash.update(slot.spec.name).update("\n").update(to_string(slot.spec.shape)).update("\n");
  hash.update(digest);
}
}  // namespace

const std::string& ReadDigest::get() const {
  const std::lock_guard lock(mutex_);
  if (compute_) {
    digest_ = compute_();
    compute_ = nullptr;  // and with it what it kept
  }
  return digest_;
}

std::shared_ptr<const ReadDigest> read_digest(const ModelConfig& config,
                                              std::shared_ptr<ops::Backend> backend, DecoderWeights weights,
                                              std::vector<std::string> known) {
  return std::make_shared<const ReadDigest>([config, backend = std::move(backend),
                                             weights = std::move(weights),
                                             known = std::move(known)]() mutable {
    base::Sha256 hash;
    hash.update(identity_of(config));
    size_t i = 0;
    for (const TensorSlot& slot : tensor_slots(config, weights)) {
      const std::string& given = known[i++];
      add(hash, slot, given.empty() ? digest_of(slot, *backend) : given);
    }
    return hash.hex();
  });
}

std::shared_ptr<const ReadDigest> read_digest(const ModelConfig& config, TensorSource source,
                                              Rounding rounding) {
  return std::make_shared<const ReadDigest>(
      [config, source = std::move(source), rounding = std::move(rounding)] {
        const auto backend = ops::make_backend("cpu");
        base::Sha256 hash;
        hash.update(identity_of(config));
        for (const TensorSpec& spec : tensor_specs(config)) {
          ops::Weight weight;
          Tensor vector;
          const bool one = spec.kind == TensorKind::norm || spec.kind == TensorKind::bias;
          const TensorSlot slot{spec, one ? nullptr : &weight, one ? &vector : nullptr};
          const std::string given = pack_one(config, source, *backend, rounding, slot);
          add(hash, slot, given.empty() ? digest_of(slot, *backend) : given);
        }
        return hash.hex();
      });
}

}  // namespace whorl::model
