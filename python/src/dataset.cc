#include <whorl/dataset.h>

#include <optional>

#include "compute.h"
#include "fields.h"
#include "module.h"

namespace whorl::python {

template <>
Fields<LoadOptions> fields_of<LoadOptions>() {
  using L = LoadOptions;
  return {field("format", &L::format,
                "\"auto\", \"messages\", \"prompt_completion\", \"alpaca\", \"sharegpt\" or \"text\""),
          field("on_bad_row", &L::on_bad_row,
                "\"error\" lists every bad row; \"drop\" leaves them out and counts them"),
          field("alpaca_prompt", &L::alpaca_prompt, "\"template\" or \"stanford\" (the original preamble)"),
          field("max_line_bytes", &L::max_line_bytes, "a longer line is an error")};
}

template <>
Fields<Row> fields_of<Row>() {
  return {
      custom<Row>(
          "messages", "list[Message | dict]", "the conversation; empty for text and prompt/completion rows",
          [](const Row& self) { return self.messages; },
          [](Row& self, py::handle value) { self.messages = messages_from("Row", value); }),
      custom<Row>(
          "tools", "list[Tool | dict]", "what the assistant may call",
          [](const Row& self) { return self.tools; },
          [](Row& self, py::handle value) { self.tools = tools_from("Row", value); }),
      field("prompt", &Row::prompt, "prompt/completion rows"),
      field("completion", &Row::completion, "prompt/completion rows"),
      field("text", &Row::text, "text rows"),
      field("source", &Row::source, "where it came from: \"tickets.jsonl:17\""),
      json_field("extra", &Row::extra, "columns that the format does not use, as a JSON object")};
}

template <>
Fields<PiiOptions> fields_of<PiiOptions>() {
  return {field("entities", &PiiOptions::entities,
                "empty = all: EMAIL, PHONE, CREDIT_CARD, IBAN, IP_ADDRESS, US_SSN, URL"),
          field("mode", &PiiOptions::mode,
                "\"mask\" writes <EMAIL>; \"drop\" leaves the row out; \"report\" counts only")};
}

template <>
Fields<DeduplicateOptions> fields_of<DeduplicateOptions>() {
  using D = DeduplicateOptions;
  return {field("exact", &D::exact, "equal after folding white space and case"),
          field("near", &D::near, "MinHash over word shingles; candidates are verified"),
          field("threshold", &D::threshold, "Jaccard similarity at or above which rows are the same"),
          field("shingle_words", &D::shingle_words, "longer: stricter on word order"),
          field("permutations", &D::permutations, "more: surer, slower"),
          field("field", &D::field, "\"all\", \"prompt\" (user and system turns) or \"completion\""),
          field("seed", &D::seed, "of the permutations")};
}

template <>
Fields<LengthOptions> fields_of<LengthOptions>() {
  return {field("min_tokens", &LengthOptions::min_tokens, "shorter rows go"),
          field("max_tokens", &LengthOptions::max_tokens,
                "longer rows go; 0 = the model's max_position_embeddings")};
}

template <>
Fields<RowChange> fields_of<RowChange>() {
  return {field("source", &RowChange::source, "the row"),
          field("action", &RowChange::action, "\"dropped\" or \"changed\""),
          field("step", &RowChange::step, "\"load\", \"deduplicate\", \"mask_pii\", \"limit_length\", …"),
          field("reason", &RowChange::reason, "\"exact duplicate of tickets.jsonl:3\"")};
}

template <>
Fields<EncodedRow> fields_of<EncodedRow>() {
  return {
      field("ids", &EncodedRow::ids, "token ids"),
      custom<EncodedRow>(
          "trained", "list[bool]", "trained[i]: the loss falls on predicting ids[i]",
          [](const EncodedRow& self) { return std::vector<bool>(self.trained.begin(), self.trained.end()); },
          [](EncodedRow&, py::handle) {})};
}

template <>
Fields<Dataset::Preview> fields_of<Dataset::Preview>() {
  return {
      field("text", &Dataset::Preview::text, "the rendered row"),
      custom<Dataset::Preview>(
          "trained", "list[tuple[int, int]]", "what will be learnt, as byte ranges of the UTF-8 text",
          [](const Dataset::Preview& self) { return self.trained; }, [](Dataset::Preview&, py::handle) {})};
}

namespace {

using Class = py::class_<Dataset>;

int64_t checked_row(const Dataset& self, int64_t i) {
  const int64_t at = i < 0 ? i + self.size() : i;
  if (at < 0 || at >= self.size()) {
    throw py::index_error("[Dataset] row " + std::to_string(i) + " of " + std::to_string(self.size()));
  }
  return at;
}

Dataset from_rows(const py::iterable& rows) {
  std::vector<Row> made;
  for (auto row : rows) {
    if (!py::isinstance<Row>(row)) {
      throw py::type_error("[Dataset.from_rows] expected Row, got " + described(row) +
                           "; for dicts use Dataset.from_list");
    }
    made.push_back(row.cast<Row>());
  }
  return compute([&] { return Dataset::from_rows(std::move(made)); });
}

// Rows as dicts travel as JSONL, so that they meet the same checks as a file.
Dataset from_list(const py::iterable& rows, const std::string& source, const py::object& options,
                  const py::kwargs& keywords) {
  const auto chosen = options_from<LoadOptions>("Dataset.from_list", options, keywords);
  const auto dumps = py::module_::import("json").attr("dumps");
  std::string text;
  for (auto row : rows) {
    text += dumps(plain(py::reinterpret_borrow<py::object>(row)), py::arg("ensure_ascii") = false)
                .cast<std::string>();
    text += '\n';
  }
  return compute([&] { return Dataset::from_jsonl(text, source, chosen); });
}

Dataset from_arrow(const py::object& table, const py::object& options, const py::kwargs& keywords) {
  const auto chosen = options_from<LoadOptions>("Dataset.from_arrow", options, keywords);
  const auto capsule = py::module_::import("whorl._arrow").attr("stream")(table).cast<py::capsule>();
  auto* stream = static_cast<ArrowArrayStream*>(capsule.get_pointer<void>());
  // The stream may belong to Python code, which takes the lock again by itself.
  return compute([&] { return Dataset::from_arrow(stream, chosen); });
}

void bind_sources(Class& c) {
  OwnSignatures own;
  const auto load_doc =
      call_doc<LoadOptions>("load(path: os.PathLike | str", "Dataset",
                            "Reads .jsonl, .json (an array), .csv, .txt, or a folder of these. Errors name "
                            "file, line and field (ValueError).\n\n"
                            ">>> data = whorl.Dataset.load(\"tickets.jsonl\", on_bad_row=\"drop\")");
  c.def_static(
      "load",
      [](const std::filesystem::path& path, const py::object& options, const py::kwargs& keywords) {
        const auto chosen = options_from<LoadOptions>("Dataset.load", options, keywords);
        return compute([&] { return Dataset::load(path, chosen); });
      },
      py::arg("path"), py::kw_only(), py::arg("options") = py::none(), load_doc.c_str());
  c.def_static(
      "from_rows", &from_rows, py::arg("rows"),
      "from_rows(rows: collections.abc.Iterable[Row]) -> Dataset\n\nA dataset of Row objects as they are.");
  const auto list_doc = call_doc<LoadOptions>(
      "from_list(rows: collections.abc.Iterable[dict], source: str = 'memory'", "Dataset",
      "A dataset of dicts, in any of the formats that a file may have.\n\n"
      ">>> data = whorl.Dataset.from_list([{\"prompt\": \"2 + 2 =\", \"completion\": \" 4\"}])");
  c.def_static("from_list", &from_list, py::arg("rows"), py::arg("source") = "memory", py::kw_only(),
               py::arg("options") = py::none(), list_doc.c_str());
  const auto jsonl_doc =
      call_doc<LoadOptions>("from_jsonl(text: str, source: str = 'memory'", "Dataset",
                            "Rows as JSON objects, one a line, named `source` in messages.");
  c.def_static(
      "from_jsonl",
      [](const std::string& text, const std::string& source, const py::object& options,
         const py::kwargs& keywords) {
        const auto chosen = options_from<LoadOptions>("Dataset.from_jsonl", options, keywords);
        return compute([&] { return Dataset::from_jsonl(text, source, chosen); });
      },
      py::arg("text"), py::arg("source") = "memory", py::kw_only(), py::arg("options") = py::none(),
      jsonl_doc.c_str());
  const auto arrow_doc =
      call_doc<LoadOptions>("from_arrow(table: typing.Any", "Dataset",
                            "Any object with __arrow_c_stream__: pyarrow tables and readers, polars and "
                            "pandas data frames, Hugging Face\n"
                            "datasets, DuckDB results.\n\n>>> data = "
                            "whorl.Dataset.from_arrow(pandas.read_parquet(\"tickets.parquet\"))");
  c.def_static("from_arrow", &from_arrow, py::arg("table"), py::kw_only(), py::arg("options") = py::none(),
               arrow_doc.c_str());
}

template <class O>
void step(Class& c, const char* name, Dataset (Dataset::*work)(const O&) const, const char* body) {
  OwnSignatures own;
  const auto doc = call_doc<O>(std::string(name) + "(self", "Dataset", body);
  c.def(
      name,
      [work, where = std::string("Dataset.") + name](const Dataset& self, const py::object& options,
                                                     const py::kwargs& keywords) {
        const auto chosen = options_from<O>(where, options, keywords);
        return compute([&] { return (self.*work)(chosen); });
      },
      py::kw_only(), py::arg("options") = py::none(), doc.c_str());
}

void bind_steps(Class& c) {
  step<DeduplicateOptions>(c, "deduplicate", &Dataset::deduplicate,
                           "Without exact and near duplicates; the first of each stays.\n\n>>> data = "
                           "data.deduplicate(threshold=0.7)");
  step<PiiOptions>(
      c, "mask_pii", &Dataset::mask_pii,
      "With personal data masked, dropped or counted.\n\n>>> data = data.mask_pii(entities=[\"EMAIL\"])");
  {
    OwnSignatures own;
    const auto doc =
        call_doc<LengthOptions>("limit_length(self, model: Model", "Dataset",
                                "Without rows whose rendered length in tokens is outside the limits.");
    c.def(
        "limit_length",
        [](const Dataset& self, const Model& model, const py::object& options, const py::kwargs& keywords) {
          const auto chosen = options_from<LengthOptions>("Dataset.limit_length", options, keywords);
          return compute([&] { return self.limit_length(model, chosen); });
        },
        py::arg("model"), py::kw_only(), py::arg("options") = py::none(), doc.c_str());
  }
  c.def(
      "shuffle",
      [](const Dataset& self, uint64_t seed) { return compute([&] { return self.shuffle(seed); }); },
      py::arg("seed"), "The rows in an order drawn by `seed`.");
  c.def(
      "split",
      [](const Dataset& self, double fraction, uint64_t seed, const std::string& group_by) {
        return compute([&] { return self.split(fraction, seed, group_by); });
      },
      py::arg("fraction"), py::kw_only(), py::arg("seed") = 0, py::arg("group_by") = "",
      "Two parts: `train` with round(fraction * len) rows and `valid` with the rest. group_by: a key of "
      "Row.extra whose\n"
      "equal values stay together.\n\n>>> train, valid = data.split(0.9, seed=1)");
  c.def(
      "select",
      [](const Dataset& self, const std::vector<int64_t>& rows) {
        return compute([&] { return self.select(rows); });
      },
      py::arg("rows"), "The rows with these indices, in this order.");
  c.def(
      "take", [](const Dataset& self, int64_t n) { return compute([&] { return self.take(n); }); },
      py::arg("n"), "The first n rows.");
  c.def(
      "concat",
      [](const Dataset& self, const Dataset& other) { return compute([&] { return self.concat(other); }); },
      py::arg("other"), "These rows, then those of `other`; `a + b` is the same.");
  c.def(
      "__add__",
      [](const Dataset& self, const Dataset& other) { return compute([&] { return self.concat(other); }); },
      py::is_operator());
}

void bind_rows(Class& c) {
  c.def("__len__", &Dataset::size);
  c.def(
      "__getitem__", [](const Dataset& self, int64_t i) { return Row(self[checked_row(self, i)]); },
      py::arg("i"));
  c.def(
      "__getitem__",
      [](const Dataset& self, const py::slice& slice) {
        const auto range = slice.attr("indices")(self.size()).cast<std::tuple<int64_t, int64_t, int64_t>>();
        const auto [start, stop, stride] = range;
        std::vector<int64_t> rows;
        for (int64_t i = start; stride > 0 ? i < stop : i > stop; i += stride) rows.push_back(i);
        return compute([&] { return self.select(rows); });
      },
      py::arg("rows"));
  c.def(
      "encode",
      [](const Dataset& self, const Model& model, int64_t row) {
        const auto at = checked_row(self, row);
        return compute([&] { return self.encode(model, at); });
      },
      py::arg("model"), py::arg("row"),
      "A row as the trainer sees it: token ids, and which of them are learnt.\n\n>>> data.encode(model, "
      "0).ids");
  c.def(
      "preview",
      [](const Dataset& self, const Model& model, int64_t row) {
        const auto at = checked_row(self, row);
        return compute([&] { return self.preview(model, at); });
      },
      py::arg("model"), py::arg("row"), "A row's rendered text with the byte ranges that will be learnt.");
  c.def(
      "describe",
      [](const Dataset& self, const std::optional<Model>& model) {
        return json_loads(compute([&] { return model ? self.describe(*model) : self.describe(); }));
      },
      py::arg("model") = py::none(),
      "Counts, format and account; with a model also tokens, the share that is trained, and a histogram of "
      "lengths.");
  c.def(
      "account", [](const Dataset& self) { return json_loads(compute([&] { return self.account(); })); },
      "Rows kept, dropped and changed, per step and reason.\n\n>>> data.account()[\"kept\"]");
  c.def(
      "save",
      [](const Dataset& self, const std::filesystem::path& path) { compute([&] { self.save(path); }); },
      py::arg("jsonl"), "Writes the canonical rows, one JSON object a line.");
}

}  // namespace

void bind_dataset(py::module_& m) {
  bind_options<LoadOptions>(m, "LoadOptions", "How rows are read.");
  bind_options<Row>(m, "Row", "One row of data.");
  bind_options<PiiOptions>(m, "PiiOptions", "Which personal data, and what happens to it.");
  bind_options<DeduplicateOptions>(m, "DeduplicateOptions", "When two rows are the same.");
  bind_options<LengthOptions>(m, "LengthOptions", "How long a rendered row may be, in tokens.");
  bind_result<RowChange>(m, "RowChange", "What a step did to a row that was not kept as it was.");
  bind_result<EncodedRow>(m, "EncodedRow", "A tokenised row.");
  Class c(m, "Dataset",
          "Rows as conversations, whatever file they came from. Immutable: every step returns a new Dataset "
          "that shares\n"
          "rows with the old one and remembers what was done.");
  bind_result<Dataset::Preview>(m, "Preview", "A rendered row with its trained ranges.");
  py::class_<DatasetSplit> split(m, "DatasetSplit", "train and valid; unpacks into the two.");
  split.def_readonly("train", &DatasetSplit::train).def_readonly("valid", &DatasetSplit::valid);
  split.def("__iter__", [](const DatasetSplit& self) -> py::iterator {
    return py::iter(py::make_tuple(self.train, self.valid));
  });
  bind_sources(c);
  bind_steps(c);
  bind_rows(c);
  c.def_property_readonly("format", &Dataset::format, "Detected or given.");
  c.def_property_readonly("format_reason", &Dataset::format_reason, "Why this format was detected.");
  c.def_property_readonly(
      "digest", [](const Dataset& self) { return compute([&] { return self.digest(); }); },
      "SHA-256 of the canonical rows, hex.");
  c.def_property_readonly(
      "changes", [](const Dataset& self) { return self.changes(); },
      "All that was dropped or changed since the file was read, in order.");
  c.def("__repr__", [](const Dataset& self) {
    return "Dataset(" + std::to_string(self.size()) + " rows, " + self.format() + ")";
  });
}

}  // namespace whorl::python
