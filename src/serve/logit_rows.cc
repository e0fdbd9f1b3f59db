#include "serve/logit_rows.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "base/thread_pool.h"

namespace whorl::serve {

namespace {
LogitRows::Form form_of(const StepPlan::Entry& entry) {
  if (entry.sequence->scores_known_tokens()) return LogitRows::Form::scored;
  return entry.sequence->may_be_drawn(entry.logits) ? LogitRows::Form::drawn : LogitRows::Form::whole;
}
}  // namespace

LogitRows::LogitRows(const StepPlan& plan, bool apart) : places(plan.entries.size()) {
  std::vector<Form> forms(places.size(), Form::whole);
  for (size_t i = 0; i < forms.size() && apart; ++i) forms[i] = form_of(plan.entries[i]);
  add(plan, Form::drawn, forms);
  draws.resize(rows.size());
  add(plan, Form::scored, forms);
  add(plan, Form::whole, forms);
  ask(plan);
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
    const auto known = entry.sequence->tokens.begin() + entry.first_logit + 1;
    if (form == Form::scored) targets.insert(targets.end(), known, known + entry.logits);
  }
}

// Side by side where it takes long to say, as what a grammar allows does: threads are not woken for less.
void LogitRows::ask(const StepPlan& plan) {
  const auto one = [&](int64_t i) {
    const StepPlan::Entry& entry = plan.entries[static_cast<size_t>(i)];
    const Place& place = places[static_cast<size_t>(i)];
    if (entry.first_logit < 0 || place.form != Form::drawn) return;
    try {
      for (int64_t row = 0; row < entry.logits; ++row)
        draws[static_cast<size_t>(place.row + row)] = entry.sequence->next_draw(row);
    } catch (...) {
      entry.sequence->error = std::current_exception();
    }
  };
  const auto long_ones = std::count_if(plan.entries.begin(), plan.entries.end(), [](const auto& entry) {
    return entry.first_logit >= 0 && entry.sequence->draws_take_long();
  });
  if (long_ones > 1) return base::ThreadPool::shared()->run(std::ssize(places), one);
  for (int64_t i = 0; i < std::ssize(places) && !draws.empty(); ++i) one(i);
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
