#pragma once
// Memory for the logits of steps, lent and given back: fresh memory of this size costs as much as a layer.
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "tensor/tensor.h"

namespace whorl::model {

class LogitsPool {
 public:
  // `allocate` makes a matrix of so many rows.
  explicit LogitsPool(std::function<Tensor(int64_t)> allocate)
      : allocate_(std::move(allocate)), free_(std::make_shared<Free>()) {}

  // Rows that steps of at most so many hold at a time: those that are not kept beside one that is.
  static int64_t most_rows(int64_t rows) { return rows + (rows > kMostRows ? kMostRows : 0); }

  // [rows, V]; what is in it is whatever was there. Its memory comes back when nobody holds the tensor any
  // more, from any thread and also after the pool's end. Many rows are never kept.
  Tensor take(int64_t rows) const {
    if (rows > kMostRows) return allocate_(rows);
    Tensor whole = free_->take(rows);
    if (whole.empty()) whole = allocate_(rows);
    Shape shape = whole.shape();
    shape[0] = rows;
    const auto give_back = [free = free_](Tensor* t) {
      free->give_back(std::move(*t));
      delete t;
    };
    std::shared_ptr<Tensor> owner(new Tensor(whole), give_back);
    return Tensor::view(whole.dtype(), std::move(shape), whole.raw(), std::move(owner));
  }

 private:
  struct Free {
    std::mutex mutex;
    std::vector<Tensor> tensors;

    Tensor take(int64_t rows) {
      const std::lock_guard lock(mutex);
      Tensor out;
      if (tensors.empty()) return out;
      out = std::move(tensors.back());
      tensors.pop_back();
      return out.dim(0) >= rows ? out : Tensor();  // one that is too small makes room for a larger one
    }
    void give_back(Tensor t) {
      const std::lock_guard lock(mutex);
      if (tensors.size() < kKept) tensors.push_back(std::move(t));
    }
  };

  static constexpr int64_t kMostRows = 64;
  static constexpr size_t kKept = 4;
  std::function<Tensor(int64_t)> allocate_;
  std::shared_ptr<Free> free_;
};

}  // namespace whorl::model
