#pragma once
// Encoded rows as a trainer wants them: checked, cut to what the loss can see, and counted.
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "whorl/dataset.h"
#include "whorl/trainer.h"

namespace whorl::train {

struct TrainRows {
  std::vector<EncodedRow> rows;
  // Tokens that go through the model: all before the last trained one. What comes after it changes no loss.
  std::vector<int64_t> inputs;
  int64_t tokens = 0, trained_tokens = 0;  // of the kept rows as they were given
  int64_t dropped_rows = 0, truncated_rows = 0;
  std::string digest;  // SHA-256 over ids and masks

  // Targets that row `i` has: its first token is never predicted.
  int64_t trained(int64_t i) const;
};

struct RowPolicy {
  int64_t max_length = 0;
  std::string on_masked_row, on_long_row;
};

// `encode(i)` gives row i, `source(i)` its name for messages. Throws std::invalid_argument when nothing is
// left to learn.
TrainRows collect_rows(int64_t count, const std::function<EncodedRow(int64_t)>& encode,
                       const std::function<std::string(int64_t)>& source, const RowPolicy& policy,
                       const std::string& context);

TrainRows encode_rows(const Dataset& data, const Model& model, const TrainOptions& options,
                      const std::string& context);

int64_t row_length(const TrainOptions& options, const ModelConfig& config);  // max_length, default filled in

}  // namespace whorl::train
