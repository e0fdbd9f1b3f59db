#pragma once
// In what form each sequence of a step gets its rows of logits: drawn from, scored, or whole. A sequence's
// own wishes decide, whatever the others want.
#include <cstdint>
#include <vector>

#include "model/transformer.h"
#include "serve/scheduler.h"

namespace whorl::serve {

struct LogitRows {
  enum class Form : uint8_t { drawn, scored, whole };
  struct Place {
    Form form = Form::whole;
    int64_t row = 0;  // its first one, in the order of asking
  };
  std::vector<Place> places;  // of each entry of the plan
  std::vector<int32_t> rows;  // of the batch, in that order: those to draw from, to score, and whole ones
  std::vector<ops::Draw> draws;
  std::vector<int32_t> targets;

  // `apart`: whether the transformer gives less than whole rows (Transformer::gives_less_than_rows). What a
  // sequence throws is its own error.
  LogitRows(const StepPlan& plan, bool apart);
  model::LogitsWanted wanted() const { return {draws, targets}; }

 private:
  void add(const StepPlan& plan, Form form, const std::vector<Form>& forms);
  void ask(const StepPlan& plan);
};

// The form in which one row came, of a step that was asked for `rows`.
class GivenLogits {
 public:
  // std::logic_error unless the shapes are those that were asked for.
  GivenLogits(const LogitRows& rows, const model::StepLogits& logits, int64_t vocabulary);

  bool whole(LogitRows::Form form) const { return all_whole_ || form == LogitRows::Form::whole; }
  std::span<const float> row(int64_t row) const;
  int32_t drawn(int64_t row) const;
  Score score(int64_t row) const;
  int64_t numbers() const { return logits_.all.numel(); }  // that the host has

 private:
  const model::StepLogits& logits_;
  int64_t draws_ = 0, few_ = 0, vocabulary_ = 0;
  bool all_whole_ = false;  // whatever was wanted
};

}  // namespace whorl::serve
