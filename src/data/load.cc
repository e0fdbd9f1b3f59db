// Files and memory to Datasets: readers in front, formats behind, one account of what was bad.
#include <algorithm>

#include "base/file.h"
#include "base/json.h"
#include "data/arrow_rows.h"
#include "data/dataset_impl.h"
#include "data/formats.h"
#include "data/rows.h"
#include "data/utf8.h"

namespace whorl {

namespace data {

namespace {

using base::concat;
using base::invalid;

constexpr size_t sniffed = 100;

void one_of(const std::string& value, const std::vector<std::string>& names, const char* option,
            const std::string& context) {
  if (std::find(names.begin(), names.end(), value) != names.end()) return;
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "\"" : ", \"") + name + "\"";
  invalid("[", context, "] expected option '", option, "' to be one of ", list, "; got \"",
          base::printable(value), "\"", base::did_you_mean(value, names));
}

void check_options(const LoadOptions& options, const std::string& context) {
  std::vector<std::string> formats = format_names();
  formats.insert(formats.begin(), "auto");
  one_of(options.format, formats, "format", context);
  one_of(options.on_bad_row, {"error", "drop"}, "on_bad_row", context);
  one_of(options.alpaca_prompt, {"template", "stanford"}, "alpaca_prompt", context);
  one_of(options.text_unit, {"paragraph", "line", "file"}, "text_unit", context);
  base::check_argument(options.max_line_bytes > 0, "[", context,
                       "] expected option 'max_line_bytes' to be positive, got ", options.max_line_bytes);
  for (const auto& [field, column] : options.columns) {
    one_of(field,
           {"messages", "tools", "prompt", "completion", "instruction", "input", "output", "system",
            "history", "conversations", "text"},
           "columns", context);
    base::check_argument(!column.empty(), "[", context, "] option 'columns': '", field, "' names no column");
  }
}

// Takes rows in file order; holds the first ones back until the format is known.
class Loader {
 public:
  Loader(std::string context, const LoadOptions& options)
      : context_(std::move(context)), options_(options), impl_(std::make_shared<Dataset::Impl>()) {
    check_options(options, context_);
    if (options.format != "auto") impl_->format = options.format, impl_->reason = "given by the caller";
  }

  RowSink sink() {
    return {[this](Value row, std::string source) { row_seen(std::move(row), std::move(source)); },
            [this](std::string source, std::string message) {
              ++impl_->read, problems_.add(std::move(source), std::move(message));
            },
            [this](std::string source, std::string reason) {
              impl_->changes.push_back({std::move(source), "ignored", "load", std::move(reason)});
            }};
  }

  Dataset finish() {
    if (impl_->format.empty()) settle();
    if (options_.on_bad_row == "error" && !problems_.empty())
      problems_.raise(context_, impl_->read, " (on_bad_row=\"drop\" leaves them out)");
    Dataset::Impl::Step step{.name = "load"};
    for (const auto& [source, message] : problems_.found()) {
      impl_->changes.push_back({source, "dropped", "load", message});
      ++step.dropped;
      ++step.reasons["bad row"];
    }
    step.changed = changed_;
    for (const auto& [reason, count] : noted_) step.reasons[reason] = count;
    impl_->steps.push_back(std::move(step));
    return Dataset(std::move(impl_));
  }

 private:
  void row_seen(Value row, std::string source) {
    ++impl_->read;
    try {
      row = apply_columns(std::move(row), options_.columns);
    } catch (const RowError& error) {
      return problems_.add(std::move(source), error.what());
    }
    if (!impl_->format.empty()) return convert(row, source);
    held_.emplace_back(std::move(row), std::move(source));
    if (held_.size() == sniffed) settle();
  }

  // Names the format from the rows held back, and reads them.
  void settle() {
    std::string verdict, place;
    for (const auto& [row, source] : held_) {
      const Detected detected = detect(row);
      if (detected.reason.find("preference") != std::string::npos)
        invalid("[", context_, "] ", source, ": ", detected.reason);
      if (impl_->format.empty() && !detected.format.empty()) {
        impl_->format = detected.format;
        impl_->reason = concat("the first ", held_.size(), held_.size() == 1 ? " row has " : " rows have ",
                               detected.reason);
      }
      if (verdict.empty()) verdict = detected.reason, place = source;
    }
    if (impl_->format.empty() && !held_.empty())
      invalid("[", context_, "] ", place, ": the row is ", verdict);
    if (impl_->format.empty()) impl_->format = "empty", impl_->reason = "there are no rows";
    for (const auto& [row, source] : held_) convert(row, source);
    held_.clear();
  }

  void check_same_format(const Value& row) const {
    const Detected detected = detect(row);
    if (detected.format == impl_->format) return;
    if (detected.reason.find("preference") != std::string::npos) bad_row("the row is ", detected.reason);
    if (!detected.format.empty())
      bad_row("mixed formats: the row has ", detected.reason, " (", detected.format,
              "), the rows before are ", impl_->format);
  }

  void convert(const Value& value, const std::string& source) {
    Notes notes;
    try {
      if (options_.format == "auto") check_same_format(value);
      Row row = to_row(value, impl_->format, options_, notes);
      row.source = source;
      impl_->rows.push_back(std::make_shared<const Row>(std::move(row)));
    } catch (const RowError& error) {
      return problems_.add(source, error.what());
    }
    for (const std::string& note : notes.lines) {
      impl_->changes.push_back({source, "changed", "load", note});
      ++noted_[note];
    }
    changed_ += !notes.lines.empty();
  }

  std::string context_;
  const LoadOptions& options_;
  std::shared_ptr<Dataset::Impl> impl_;
  Problems problems_;
  std::vector<std::pair<Value, std::string>> held_;
  std::map<std::string, int64_t> noted_;
  int64_t changed_ = 0;
};

std::string extension_of(const std::string& path) {
  std::string out = std::filesystem::path(path).extension().string();
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return static_cast<char>(to_lower(static_cast<unsigned char>(c))); });
  return out;
}

using TextReader = void (*)(const std::string&, const std::string&, const LoadOptions&, const RowSink&);

TextReader reader_for(const std::string& path) {
  const std::string extension = extension_of(path);
  if (extension == ".jsonl" || extension == ".ndjson" || extension == ".json") return read_json_array;
  if (extension == ".csv" || extension == ".tsv") return read_csv;
  if (extension == ".txt") return read_text;
  return nullptr;
}

void load_file(const std::string& path, const std::string& name, const std::string& context,
               const LoadOptions& options, const RowSink& sink) {
  const TextReader reader = reader_for(path);
  if (!reader)
    invalid("[", context, "] ", path, ": expected .jsonl, .json, .csv, .tsv, .txt or a folder of these");
  std::string text = base::read_file(*base::FileSystem::real(), path, uint64_t{1} << 40, context);
  try {
    check_encoding(text);
    reader(text, name, options, sink);
  } catch (const RowError& error) {
    invalid("[", context, "] ", name, ": ", error.what());
  }
}

// Files by name, folders within as well; hidden ones are left out, and so is, with a note, what no reader
// knows.
int64_t load_folder(const std::string& path, const std::string& name, const std::string& context,
                    const LoadOptions& options, const RowSink& sink) {
  base::FileSystem& fs = *base::FileSystem::real();
  int64_t files = 0;
  for (const std::string& entry : base::list_directory(fs, path, context)) {
    if (entry[0] == '.') continue;
    const std::string full = base::join(path, entry), shown = name.empty() ? entry : name + "/" + entry;
    if (std::filesystem::is_directory(full)) {
      if (!std::filesystem::is_symlink(full)) files += load_folder(full, shown, context, options, sink);
    } else if (reader_for(full)) {
      load_file(full, shown, context, options, sink);
      ++files;
    } else {
      sink.note(shown, "no .jsonl, .json, .csv, .tsv or .txt");
    }
  }
  return files;
}

std::vector<std::shared_ptr<const Row>> checked(std::vector<Row> rows) {
  Problems problems;
  std::vector<std::shared_ptr<const Row>> out;
  const int64_t count = static_cast<int64_t>(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    Row& row = rows[i];
    if (row.source.empty()) row.source = concat("row ", i + 1);
    try {
      check_strings(row);
      validate(row);
      for (Message& message : row.messages)
        for (ToolCall& call : message.tool_calls)
          if (call.arguments.empty()) call.arguments = "{}";
      out.push_back(std::make_shared<const Row>(std::move(row)));
    } catch (const RowError& error) {
      problems.add(row.source, error.what());
    }
  }
  if (!problems.empty()) problems.raise("Dataset.from_rows", count);
  return out;
}

const char* name_of(RowKind kind) {
  return kind == RowKind::messages ? "messages" : kind == RowKind::text ? "text" : "prompt_completion";
}

}  // namespace

}  // namespace data

Dataset Dataset::load(const std::filesystem::path& path, const LoadOptions& options) {
  const std::string context = "Dataset.load";
  data::Loader loader(context, options);
  if (std::filesystem::is_directory(path)) {
    if (data::load_folder(path.string(), "", context, options, loader.sink()) == 0)
      base::invalid("[", context, "] ", path.string(),
                    ": the folder holds no .jsonl, .json, .csv, .tsv or .txt file");
  } else {
    data::load_file(path.string(), path.filename().string(), context, options, loader.sink());
  }
  return loader.finish();
}

Dataset Dataset::from_jsonl(const std::string& text, const std::string& source, const LoadOptions& options) {
  data::Loader loader("Dataset.from_jsonl", options);
  std::string copy = text;
  try {
    data::check_encoding(copy);
    data::read_jsonl(copy, source, options, loader.sink());
  } catch (const data::RowError& error) {
    base::invalid("[Dataset.from_jsonl] ", source, ": ", error.what());
  }
  return loader.finish();
}

Dataset Dataset::from_arrow(ArrowArrayStream* stream, const LoadOptions& options) {
  data::Loader loader("Dataset.from_arrow", options);
  try {
    data::read_arrow(stream, "arrow", options, loader.sink());
  } catch (const data::RowError& error) {
    base::invalid("[Dataset.from_arrow] ", error.what());
  }
  return loader.finish();
}

Dataset Dataset::from_rows(std::vector<Row> rows) {
  auto impl = std::make_shared<Impl>();
  impl->read = static_cast<int64_t>(rows.size());
  impl->rows = data::checked(std::move(rows));
  impl->format = impl->rows.empty() ? "empty" : data::name_of(data::kind_of(*impl->rows[0]));
  for (const auto& row : impl->rows)
    if (data::name_of(data::kind_of(*row)) != impl->format) impl->format = "mixed";
  impl->reason = "rows given in memory";
  return Dataset(std::move(impl));
}

}  // namespace whorl
