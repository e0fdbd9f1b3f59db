#pragma once
// Keys and values of a paged cache as the kernels read them (kernels.h, KeySource).
#include "cpu/kernels.h"
#include "ops/backend.h"

namespace whorl::cpu {

// Over a cache that somebody else holds. Several threads may write and read; nobody reads what another
// writes.
class KeyPages {
 public:
  explicit KeyPages(const ops::PagedCache& cache);
  KeySource source(const ops::PagedSequence& sequence) const;
  // Puts the sequence's rows of k and v, [N, G * D] float32, into its pages.
  void write(const ops::PagedSequence& sequence, const Tensor& k, const Tensor& v) const;

 private:
  template <class Body>
  void for_rows(const ops::PagedSequence& sequence, const Tensor& rows, const Body& body) const;

  const ops::PagedCache& cache_;
  int64_t width_, size_;  // numbers of a row, slots of a page
  bool turned_, pairs_;
};

}  // namespace whorl::cpu
