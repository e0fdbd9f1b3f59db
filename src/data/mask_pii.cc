// Masks, drops or counts rows that hold personal data.
#include <algorithm>

#include "base/check.h"
#include "base/json.h"
#include "base/thread_pool.h"
#include "data/dataset_impl.h"
#include "data/pii.h"
#include "data/value.h"

namespace whorl {

namespace data {

namespace {

using Counts = std::map<std::string, int64_t>;

std::vector<Entity> wanted(const PiiOptions& options) {
  const std::vector<std::string>& names = entity_names();
  const char* context = "[Dataset.mask_pii] ";
  const std::vector<std::string> modes = {"mask", "drop", "report"};
  if (std::find(modes.begin(), modes.end(), options.mode) == modes.end())
    base::invalid(context, "expected mode to be \"mask\", \"drop\" or \"report\", got \"", options.mode, "\"",
                  base::did_you_mean(options.mode, modes));
  std::vector<Entity> out;
  for (const std::string& name : options.entities.empty() ? names : options.entities) {
    const auto found = std::find(names.begin(), names.end(), name);
    if (found == names.end())
      base::invalid(context, "unknown entity \"", name, "\"", base::did_you_mean(name, names),
                    "; known are EMAIL, PHONE, CREDIT_CARD, IBAN, IP_ADDRESS, US_SSN and URL");
    out.push_back(static_cast<Entity>(found - names.begin()));
  }
  return out;
}

class Masker {
 public:
  explicit Masker(const std::vector<Entity>& entities) : entities_(entities) {}

  void mask(std::string* text) {
    const std::vector<PiiSpan> spans = find_pii(*text, entities_);
    if (spans.empty()) return;
    std::string out;
    size_t at = 0;
    for (const PiiSpan& span : spans) {
      out.append(*text, at, span.begin - at);
      out.append(1, '<').append(name_of(span.entity)).append(1, '>');
      at = span.end;
      ++counts_[name_of(span.entity)];
    }
    *text = out + text->substr(at);
  }

  // Strings within JSON text; the text is spelt anew only where something was found.
  void mask_json(std::string* json) {
    Value value;
    ParseProblem problem;
    if (json->empty() || !parse_whole(*json, &value, &problem)) return;
    const Counts before = counts_;
    mask_strings(&value);
    if (counts_ != before) *json = to_text(value);
  }

  void mask_row(Row* row) {
    for (std::string* text : {&row->prompt, &row->completion, &row->text}) mask(text);
    for (Message& message : row->messages) {
      mask(&message.content);
      mask(&message.reasoning_content);
      for (ToolCall& call : message.tool_calls) mask_json(&call.arguments);
    }
    mask_json(&row->extra);
  }

  const Counts& counts() const { return counts_; }

 private:
  void mask_strings(Value* value) {
    if (value->is(Value::Kind::string)) mask(&value->text);
    for (Value& item : value->items) mask_strings(&item);
  }

  const std::vector<Entity>& entities_;
  Counts counts_;
};

std::string reason_of(const char* verb, const Counts& counts) {
  std::string out = verb;
  for (const auto& [entity, count] : counts)
    out += base::concat(out == verb ? " " : ", ", entity, " x", count);
  return out;
}

struct Masked {
  std::shared_ptr<const Row> row;
  Counts counts;
};

std::vector<Masked> mask_all(const Rows& rows, const std::vector<Entity>& entities) {
  std::vector<Masked> out(rows.size());
  base::ThreadPool::shared()->run(static_cast<int64_t>(rows.size()), [&](int64_t i) {
    const size_t place = static_cast<size_t>(i);
    auto row = std::make_shared<Row>(*rows[place]);
    Masker masker(entities);
    masker.mask_row(row.get());
    const bool untouched = masker.counts().empty();
    out[place] = {untouched ? rows[place] : std::shared_ptr<const Row>(std::move(row)), masker.counts()};
  });
  return out;
}

}  // namespace

}  // namespace data

Dataset Dataset::mask_pii(const PiiOptions& options) const {
  const std::vector<data::Entity> entities = data::wanted(options);
  const std::vector<data::Masked> masked = data::mask_all(impl_->rows, entities);
  data::StepBuilder step(*impl_, "mask_pii");
  for (size_t i = 0; i < masked.size(); ++i) {
    const auto& [row, counts] = masked[i];
    if (counts.empty()) {
      step.keep(row);
    } else if (options.mode == "mask") {
      step.change(row, counts, data::reason_of("masked", counts));
    } else if (options.mode == "drop") {
      step.drop(*row, "personal data", data::reason_of("holds", counts));
    } else {
      step.report(*row, counts, data::reason_of("holds", counts));
      step.keep(impl_->rows[i]);
    }
  }
  return Dataset(step.finish());
}

}  // namespace whorl
