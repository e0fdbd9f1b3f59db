#include "serve/logit_rows.h"

#include <cstring>
#include <stdexcept>

namespace whorl::serve {

namespace {
LogitRows::Form form_of(const Sequence& sequence) {
  if (sequence.scores_known_tokens()) return LogitRows::Form::scored;
  return sequence.next_draw(0) ? LogitRows::Form::drawn : LogitRows::Form::whole;
}
}  // namespace

LogitRows::LogitRows(const StepPlan& plan) : places(plan.entries.size()) {
  std::vector<Form> forms;
  for (const StepPlan::Entry& entry : plan.entries) forms.push_back(form_of(*entry.sequence));
  for (const Form form : {Form::drawn, Form::scored, Form::whole}) add(plan, form, forms);
}

void LogitRows::add(const StepPlan& plan, Form form, const std::vector<Form>& forms) {
  auto next = plan.logit_rows.begin();  // entries have theirs one after another
  for (size_t i = 0; i < forms.size(); ++i) {
    const StepPlan::Entry& entry = plan.entries[i];
    const auto first = next;
    next += entry.first_logit < 0 ? 0 : entry.logits;
    if (forms[i] != form || first == next) continue;
    places[i] = {form, std::ssize(rows)};
    rows.insert(rows.end(), first, next);
    want(entry, form);
  }
}

void LogitRows::want(const StepPlan::Entry& entry, Form form) {
  const Sequence& sequence = *entry.sequence;
  if (form == Form::drawn)
    for (int64_t i = 0; i < entry.logits; ++i) draws.push_back(*sequence.next_draw(i));
  const auto known = sequence.tokens.begin() + entry.first_logit + 1;
  if (form == Form::scored) targets.insert(targets.end(), known, known + entry.logits);
}

GivenLogits::GivenLogits(const LogitRows& rows, const model::StepLogits& logits, int64_t vocabulary)
    : logits_(logits),
      draws_(std::ssize(rows.draws)),
      few_(draws_ + std::ssize(rows.targets)),
      vocabulary_(vocabulary),
      all_whole_(logits.drawn.empty() && logits.scores.empty()) {
  const int64_t whole = std::ssize(rows.rows) - (all_whole_ ? 0 : few_);
  const auto has = [](const Tensor& t, const Shape& shape) {
    return shape[0] == 0 ? t.empty() || t.dim(0) == 0 : !t.empty() && t.shape() == shape;
  };
  const bool right = has(logits.all, {whole, vocabulary}) &&
                     (all_whole_ || (has(logits.drawn, {draws_, 1}) &&
                                     has(logits.scores, {few_ - draws_, ops::Backend::kScoreWords})));
  if (!right) throw std::logic_error("[InferenceEngine] the model returned logits of another shape");
}

std::span<const float> GivenLogits::row(int64_t row) const {
  const int64_t at = all_whole_ ? row : row - few_;
  return {logits_.all.data<float>() + at * vocabulary_, static_cast<size_t>(vocabulary_)};
}

int32_t GivenLogits::drawn(int64_t row) const {
  return logits_.drawn.data<int32_t>()[row * logits_.drawn.row_stride()];
}

Score GivenLogits::score(int64_t row) const {
  const int32_t* const words = logits_.scores.data<int32_t>() + (row - draws_) * logits_.scores.row_stride();
  Score out;
  out.best = words[0];
  std::memcpy(&out.largest, words + 1, sizeof out.largest);
  std::memcpy(&out.logit, words + 2, sizeof out.logit);
  std::memcpy(&out.sum_exp, words + 3, sizeof out.sum_exp);
  return out;
}

}  // namespace whorl::serve
