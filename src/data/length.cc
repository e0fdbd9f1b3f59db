// Steps that need the tokens of every row: encoding in parallel, limits of length, the description.
#include <algorithm>

#include "base/check.h"
#include "base/thread_pool.h"
#include "data/dataset_impl.h"
#include "data/encode.h"
#include "data/rows.h"
#include "data/value.h"

namespace whorl {

namespace data {

namespace {

struct Measure {
  int64_t tokens = 0, trained = 0;
  std::string problem = {};
};

// Per row, so the result cannot depend on the number of threads.
std::vector<Measure> measure(const Rows& rows, const text::ModelText& model) {
  if (!model.tokenizer) base::invalid("[Dataset] the model has no tokenizer (", model.no_tokenizer, ")");
  std::vector<Measure> out(rows.size());
  base::ThreadPool::shared()->run(static_cast<int64_t>(rows.size()), [&](int64_t i) {
    const size_t row = static_cast<size_t>(i);
    try {
      const EncodedRow encoded = encode_row(model, *rows[row]);
      out[row].tokens = static_cast<int64_t>(encoded.ids.size());
      out[row].trained = std::count(encoded.trained.begin(), encoded.trained.end(), uint8_t{1});
    } catch (const std::invalid_argument& error) {
      out[row].problem = error.what();
    }
  });
  return out;
}

void raise_problems(const Rows& rows, const std::vector<Measure>& measures, const std::string& context) {
  Problems problems;
  const std::string repeated = "[Dataset.encode] ";
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string message = measures[i].problem;
    if (message.empty()) continue;
    if (message.rfind(repeated, 0) == 0) message.erase(0, repeated.size());
    if (message.rfind(rows[i]->source + ": ", 0) == 0) message.erase(0, rows[i]->source.size() + 2);
    problems.add(rows[i]->source, std::move(message));
  }
  if (!problems.empty()) problems.raise(context, static_cast<int64_t>(rows.size()));
}

Value number(int64_t value) { return Value::number(std::to_string(value)); }

Value steps_value(const Dataset::Impl& impl) {
  Value steps = Value::list();
  for (const Dataset::Impl::Step& step : impl.steps) {
    Value out = Value::object();
    out.add("step", Value::string(step.name));
    out.add("dropped", number(step.dropped));
    out.add("changed", number(step.changed));
    if (step.added) out.add("added", number(step.added));
    Value reasons = Value::object();
    for (const auto& [reason, count] : step.reasons) reasons.add(reason, number(count));
    out.add("reasons", std::move(reasons));
    steps.items.push_back(std::move(out));
  }
  return steps;
}

Value account_value(const Dataset::Impl& impl) {
  Value out = Value::object();
  out.add("read", number(impl.read));
  out.add("kept", number(static_cast<int64_t>(impl.rows.size())));
  out.add("steps", steps_value(impl));
  return out;
}

Value description(const Dataset::Impl& impl) {
  Value out = Value::object();
  out.add("rows", number(static_cast<int64_t>(impl.rows.size())));
  out.add("format", Value::string(impl.format));
  out.add("format_reason", Value::string(impl.reason));
  int64_t messages = 0, with_tools = 0, calls = 0;
  for (const auto& row : impl.rows) {
    messages += static_cast<int64_t>(row->messages.size());
    with_tools += !row->tools.empty();
    for (const Message& message : row->messages) calls += static_cast<int64_t>(message.tool_calls.size());
  }
  out.add("messages", number(messages));
  out.add("rows_with_tools", number(with_tools));
  out.add("tool_calls", number(calls));
  out.add("account", account_value(impl));
  return out;
}

// Counts of rows by length: up to 16, 32, 64, … tokens.
Value histogram(const std::vector<Measure>& measures) {
  Value out = Value::list();
  int64_t longest = 0;
  for (const Measure& m : measures) longest = std::max(longest, m.tokens);
  for (int64_t low = 0, high = 16; low < longest; low = high, high *= 2) {
    int64_t count = 0;
    for (const Measure& m : measures) count += m.tokens > low && m.tokens <= high;
    Value bar = Value::object();
    bar.add("up_to", number(high));
    bar.add("rows", number(count));
    out.items.push_back(std::move(bar));
  }
  return out;
}

Value lengths(const std::vector<Measure>& measures) {
  std::vector<int64_t> sorted;
  for (const Measure& m : measures) sorted.push_back(m.tokens);
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&sorted](double quantile) {  // nearest rank
    return sorted.empty()
               ? 0
               : sorted[std::min(sorted.size() - 1,
                                 static_cast<size_t>(quantile * static_cast<double>(sorted.size())))];
  };
  Value out = Value::object();
  out.add("min", number(at(0)));
  out.add("median", number(at(0.5)));
  out.add("p95", number(at(0.95)));
  out.add("max", number(at(1)));
  out.add("histogram", histogram(measures));
  return out;
}

}  // namespace

}  // namespace data

Dataset Dataset::limit_length(const Model& model, const LengthOptions& options) const {
  const text::ModelText access = text::model_text(model);
  const int64_t longest = options.max_tokens > 0 ? options.max_tokens : access.max_positions;
  base::check_argument(options.min_tokens >= 0 && options.max_tokens >= 0 && options.min_tokens <= longest,
                       "[Dataset.limit_length] expected 0 <= min_tokens <= max_tokens, got ",
                       options.min_tokens, " and ", longest);
  const auto measures = data::measure(impl_->rows, access);
  data::raise_problems(impl_->rows, measures, "Dataset.limit_length");
  data::StepBuilder step(*impl_, "limit_length");
  for (size_t i = 0; i < measures.size(); ++i) {
    const int64_t tokens = measures[i].tokens;
    if (tokens > longest)
      step.drop(*impl_->rows[i], "too long", base::concat(tokens, " tokens, more than ", longest));
    else if (tokens < options.min_tokens)
      step.drop(*impl_->rows[i], "too short",
                base::concat(tokens, " tokens, fewer than ", options.min_tokens));
    else
      step.keep(impl_->rows[i]);
  }
  return Dataset(step.finish());
}

std::string Dataset::account() const { return data::to_text(data::account_value(*impl_)); }

std::string Dataset::describe() const { return data::to_text(data::description(*impl_)); }

std::string Dataset::describe(const Model& model) const {
  const auto measures = data::measure(impl_->rows, text::model_text(model));
  data::raise_problems(impl_->rows, measures, "Dataset.describe");
  int64_t tokens = 0, trained = 0, untrained_rows = 0;
  for (const data::Measure& m : measures)
    tokens += m.tokens, trained += m.trained, untrained_rows += m.trained == 0;
  data::Value out = data::description(*impl_);
  out.add("tokens", data::number(tokens));
  out.add("trained_tokens", data::number(trained));
  const double share = tokens ? static_cast<double>(trained) / static_cast<double>(tokens) : 0;
  out.add("trained_share", data::Value::number(std::to_string(share)));
  out.add("rows_without_trained_token", data::number(untrained_rows));
  out.add("length", data::lengths(measures));
  return data::to_text(out);
}

}  // namespace whorl
