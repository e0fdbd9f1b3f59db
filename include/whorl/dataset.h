#pragma once
// Rows of training or evaluation data, whatever file they came from, as conversations.
#include <whorl/model.h>
#include <whorl/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

struct ArrowArrayStream;  // the Arrow C stream interface; accepted, never linked

namespace whorl {

struct LoadOptions {
  // "auto" looks at the first 100 rows and says why; or "messages", "prompt_completion", "alpaca",
  // "sharegpt", "text".
  std::string format = "auto";
  // "error" stops at the first pass with every bad row listed; "drop" leaves them out and counts them.
  std::string on_bad_row = "error";
  // Alpaca only: "template" joins instruction and input by a newline for the chat template;
  // "stanford" wraps them in the original preamble.
  std::string alpaca_prompt = "template";
  int64_t max_line_bytes = 16 << 20;  // a longer line is an error, not a memory problem
  // Where a field of the format is to be found when the file calls it otherwise: {"prompt": "question",
  // "completion": "answer"}. A value that begins with "/" is a JSON pointer: {"output":
  // "/instances/0/output"}.
  std::map<std::string, std::string> columns = {};
  // .txt only: what one row is. "paragraph" = a block between blank lines, "line", or "file".
  std::string text_unit = "paragraph";
};

// One row. Text rows have no messages; prompt/completion rows keep their two strings.
struct Row {
  std::vector<Message> messages = {};
  std::vector<Tool> tools = {};
  std::string prompt = {};  // prompt_completion
  std::string completion = {};
  std::string text = {};    // text
  std::string source = {};  // "tickets.jsonl:17": where it came from, for every later message
  std::string extra = {};   // columns that the format does not use, as a JSON object
};

struct PiiOptions {
  std::vector<std::string> entities =
      {};  // empty = all: "EMAIL", "PHONE", "CREDIT_CARD", "IBAN", "IP_ADDRESS", "US_SSN", "URL"
  std::string mode = "mask";  // "mask": <EMAIL>; "drop": leave the row out; "report": count only
};

struct DeduplicateOptions {
  bool exact = true;          // after Unicode-preserving whitespace folding and lower-casing
  bool near = true;           // MinHash over word shingles, banded; candidates are verified
  double threshold = 0.8;     // Jaccard similarity of the shingle sets at or above which rows are the same
  int shingle_words = 3;      // longer: stricter on word order
  int permutations = 128;     // more: surer, slower
  std::string field = "all";  // "all", "prompt" (user and system turns) or "completion" (assistant turns)
  uint64_t seed = 1;
};

struct LengthOptions {
  int64_t min_tokens = 1;
  int64_t max_tokens = 0;  // 0 = the model's max_position_embeddings
};

// What a cleaning step did: every row that was not kept as it was, and why. Rows that a split or a selection
// sets aside are counted in account() only.
struct RowChange {
  std::string source;
  std::string action;  // "dropped", "changed", "found" (mask_pii that only reports) or "ignored" (no row: a
                       // file or a column that cannot be read)
  std::string step;    // "load", "deduplicate", "mask_pii", "limit_length", …
  std::string reason;  // "exact duplicate of tickets.jsonl:3", "masked EMAIL x1, PHONE x1"
};

// A tokenised row: what the trainer sees. `trained[i]` != 0: the loss falls on predicting ids[i].
struct EncodedRow {
  std::vector<int32_t> ids;
  std::vector<uint8_t> trained;
};

struct DatasetSplit;

// Immutable; every step returns a new Dataset that shares rows with the old one and remembers what was done.
class WHORL_API Dataset {
 public:
  // .jsonl, .json (an array), .csv, .txt (one row per paragraph block unless `format` says otherwise), or a
  // folder of these. Every error names file, line and field. UTF-8 is strict; a byte-order mark is tolerated.
  static Dataset load(const std::filesystem::path& path, const LoadOptions& options = {});
  static Dataset from_rows(std::vector<Row> rows);
  // Rows as JSON objects in one text (JSONL), named `source` in messages.
  static Dataset from_jsonl(const std::string& text, const std::string& source = "memory",
                            const LoadOptions& options = {});
  // Consumes and releases the stream (string, integer, float, bool, list and struct columns).
  static Dataset from_arrow(ArrowArrayStream* stream, const LoadOptions& options = {});

  int64_t size() const;
  const Row& operator[](int64_t i) const;
  std::string format() const;         // detected or given
  std::string format_reason() const;  // "first 100 rows have a list 'messages' of {role, content}"
  std::string digest() const;         // sha256 of the canonical rows, hex

  Dataset deduplicate(const DeduplicateOptions& options = {}) const;
  Dataset mask_pii(const PiiOptions& options = {}) const;
  // Drops rows whose rendered length in tokens is outside the limits.
  Dataset limit_length(const Model& model, const LengthOptions& options = {}) const;
  Dataset shuffle(uint64_t seed) const;
  // `train` gets round(fraction * size) rows, drawn by `seed`. `group_by`: a top-level key of Row::extra
  // whose equal values stay together ("" = every row by itself).
  DatasetSplit split(double fraction, uint64_t seed = 0, const std::string& group_by = {}) const;
  Dataset select(const std::vector<int64_t>& rows) const;
  Dataset take(int64_t n) const;
  Dataset concat(const Dataset& other) const;

  // All that was dropped or changed since the file was read, in order.
  const std::vector<RowChange>& changes() const;
  // Counts per step and reason, as JSON text: {"read": 120, "kept": 96, "steps": [{"step", "dropped",
  // "changed", "reasons": {…}}]}. kept = read - dropped (+ "added" where select names a row twice).
  std::string account() const;

  // Renders and tokenises through the model's own chat template. Trained tokens: assistant turns with
  // reasoning, calls and terminator; completions; all of a text. Completions and texts end in the model's
  // EOS, which is trained. Text that looks like a control token is plain text in every row. `Message::train`
  // overrides for assistant turns. A token that straddles the border of a trained span is not trained. Throws
  // when the template's spans cannot be told with certainty.
  EncodedRow encode(const Model& model, int64_t row) const;
  // The rendered text of a row with its trained spans as byte ranges, for looking at what will be learnt.
  struct Preview {
    std::string text;
    std::vector<std::pair<int64_t, int64_t>> trained;
  };
  Preview preview(const Model& model, int64_t row) const;

  // JSON text: rows, format, account, and with a model: tokens, trained tokens and their share, a histogram
  // of lengths, rows without a trained token.
  std::string describe() const;
  std::string describe(const Model& model) const;

  // Canonical rows, one JSON object a line, written durably; `extra` stands beside the row's own fields.
  // Loading the file gives equal rows (pin `format` where extra columns look like another format, as KTO's
  // label does).
  void save(const std::filesystem::path& jsonl) const;

  struct Impl;
  explicit Dataset(std::shared_ptr<const Impl> impl);

 private:
  std::shared_ptr<const Impl> impl_;
};

struct DatasetSplit {
  Dataset train, valid;
};

}  // namespace whorl
