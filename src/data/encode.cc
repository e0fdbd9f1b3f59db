// Rows to tokens and masks. The spans come from the chat template's own account of what it rendered.
#include "data/encode.h"

#include <algorithm>

#include "base/check.h"
#include "data/dataset_impl.h"
#include "text/messages_json.h"

namespace whorl {

namespace data {

using text::ByteRange;

namespace {

// The assistant may write markers such as <think> in its content, never a control token that ends the turn
// or begins another: those are spelt out.
void add_special_tokens_within(const std::string& text, const ByteRange& range,
                               const std::vector<std::string>& specials, std::vector<ByteRange>* out) {
  for (size_t i = range.begin; i < range.end; ++i)
    for (const std::string& token : specials)
      if (!token.empty() && i + token.size() <= range.end && text.compare(i, token.size(), token) == 0)
        out->push_back({i, i + token.size()});
}

std::vector<ByteRange> merged(std::vector<ByteRange> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  std::vector<ByteRange> out;
  for (const ByteRange& range : ranges) {
    if (!out.empty() && range.begin <= out.back().end)
      out.back().end = std::max(out.back().end, range.end);
    else if (range.begin < range.end)
      out.push_back(range);
  }
  return out;
}

Rendered render_messages(const text::ModelText& model, const Row& row) {
  if (!model.chat_template)
    base::invalid("[Dataset.encode] ", row.source,
                  ": the row is a conversation, and the model has no chat template");
  const std::string tools = text::tools_json(row.tools);
  text::RenderOptions options;
  options.tools_json = tools;
  const text::RenderedChat chat = model.chat_template->render(text::messages_json(row.messages), options);
  Rendered out{.text = chat.text, .add_special_tokens = false, .append_eos = false};
  for (const text::AssistantSpan& span : chat.assistant)
    if (row.messages.at(span.message_index).train.value_or(true)) out.trained.push_back(span.bytes);
  for (const Message& message : row.messages)
    if (message.role != "assistant" && message.train.value_or(false))
      base::invalid("[Dataset.encode] ", row.source, ": a turn of '", message.role,
                    "' has train = true; only assistant turns have spans that can be trained");
  out.untrusted = chat.untrusted;
  if (model.tokenizer) {
    const std::vector<std::string> specials = model.tokenizer->special_tokens();
    for (const ByteRange& range : chat.assistant_content)
      add_special_tokens_within(chat.text, range, specials, &out.untrusted);
  }
  out.untrusted = merged(std::move(out.untrusted));
  return out;
}

}  // namespace

Rendered render(const text::ModelText& model, const Row& row) {
  switch (kind_of(row)) {
    case RowKind::messages:
      return render_messages(model, row);
    case RowKind::prompt_completion: {
      Rendered out{.text = row.prompt + row.completion};
      out.trained = {{row.prompt.size(), out.text.size()}};
      out.untrusted = {{0, out.text.size()}};
      return out;
    }
    case RowKind::text:
      break;
  }
  return {.text = row.text, .trained = {{0, row.text.size()}}, .untrusted = {{0, row.text.size()}}};
}

EncodedRow tokenize(const text::ModelText& model, const Rendered& rendered) {
  const text::Encoding encoding =
      model.tokenizer->encode_segments(rendered.text, rendered.untrusted, rendered.add_special_tokens);
  EncodedRow out{.ids = encoding.ids, .trained = std::vector<uint8_t>(encoding.ids.size(), 0)};
  size_t span = 0;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const ByteRange& range = encoding.ranges[i];
    if (range.begin >= range.end) continue;  // added by the tokenizer itself
    while (span < rendered.trained.size() && rendered.trained[span].end <= range.begin) ++span;
    out.trained[i] = span < rendered.trained.size() && rendered.trained[span].begin <= range.begin &&
                     range.end <= rendered.trained[span].end;
  }
  if (rendered.append_eos && !model.eos.empty() && (out.ids.empty() || out.ids.back() != model.eos[0])) {
    out.ids.push_back(model.eos[0]);
    out.trained.push_back(1);
  }
  return out;
}

EncodedRow encode_row(const text::ModelText& model, const Row& row) {
  if (!model.tokenizer)
    base::invalid("[Dataset.encode] the model has no tokenizer (", model.no_tokenizer, ")");
  try {
    return tokenize(model, render(model, row));
  } catch (const std::invalid_argument& error) {
    const std::string what = error.what();
    if (what.rfind("[Dataset.encode]", 0) == 0) throw;
    base::invalid("[Dataset.encode] ", row.source, ": ", what);
  }
}

}  // namespace data

EncodedRow Dataset::encode(const Model& model, int64_t row) const {
  return data::encode_row(text::model_text(model), (*this)[row]);
}

Dataset::Preview Dataset::preview(const Model& model, int64_t row) const {
  const Row& wanted = (*this)[row];
  data::Rendered rendered;
  try {
    rendered = data::render(text::model_text(model), wanted);
  } catch (const std::invalid_argument& error) {
    base::invalid("[Dataset.preview] ", wanted.source, ": ", error.what());
  }
  Preview out{.text = std::move(rendered.text), .trained = {}};
  for (const text::ByteRange& range : rendered.trained)
    out.trained.emplace_back(static_cast<int64_t>(range.begin), static_cast<int64_t>(range.end));
  return out;
}

}  // namespace whorl
