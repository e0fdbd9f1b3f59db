#include "data/fuzz_one.h"

#include <cstdio>
#include <cstdlib>
#include <stdexcept>

#include "data/dataset_impl.h"
#include "data/formats.h"
#include "data/rows.h"

namespace whorl::data {

namespace {

[[noreturn]] void broken(const std::string& law, const std::string& bytes) {
  std::fprintf(stderr, "broken: %s\ninput (%zu bytes): %s\n", law.c_str(), bytes.size(), bytes.c_str());
  std::abort();
}

using Reader = void (*)(const std::string&, const std::string&, const LoadOptions&, const RowSink&);

// The rows that a reader and a format make of `bytes`, without files.
Dataset load(const std::string& bytes, Reader reader, const char* name) {
  if (reader == read_jsonl) return Dataset::from_jsonl(bytes, name);
  std::string lines, text = bytes;
  const RowSink sink{[&](Value row, std::string) { lines += to_text(row) + "\n"; },
                     [](std::string source, std::string message) { base::invalid(source, ": ", message); },
                     [](std::string, std::string) {}};
  try {
    check_encoding(text);
    reader(text, name, {}, sink);
  } catch (const RowError& error) {
    base::invalid(error.what());
  }
  return Dataset::from_jsonl(lines, name);
}

bool one(const std::string& bytes, Reader reader, const char* name) {
  try {
    const Dataset data = load(bytes, reader, name);
    std::string lines;
    for (int64_t i = 0; i < data.size(); ++i) {
      if (const std::string law = law_broken_by(data[i]); !law.empty()) broken(law, bytes);
      lines += canonical_json(data[i]) + "\n";
    }
    LoadOptions pinned;
    if (data.format() == "text" || data.format() == "prompt_completion") pinned.format = data.format();
    if (data.format() == "prompt_completion" && data.size() > 0 && !data[0].messages.empty())
      pinned.format = "messages";
    bool same_kind = true;
    for (int64_t i = 1; i < data.size(); ++i) same_kind = same_kind && kind_of(data[i]) == kind_of(data[0]);
    if (same_kind && Dataset::from_jsonl(lines, name, pinned).digest() != data.digest())
      broken("saving and loading keeps rows", bytes);
    if (bytes.size() % 16 == 0)
      data.mask_pii().deduplicate({.permutations = 16});  // they wake every thread: seldom
    return true;
  } catch (const std::invalid_argument&) {
    return false;
  } catch (const std::exception& error) {
    broken(std::string("only std::invalid_argument is thrown, got: ") + error.what(), bytes);
  }
}

}  // namespace

bool fuzz_jsonl(const std::string& bytes) { return one(bytes, read_jsonl, "fuzz.jsonl"); }
bool fuzz_json(const std::string& bytes) { return one(bytes, read_json_array, "fuzz.json"); }
bool fuzz_csv(const std::string& bytes) { return one(bytes, read_csv, "fuzz.csv"); }
bool fuzz_text(const std::string& bytes) { return one(bytes, read_text, "fuzz.txt"); }

std::string law_broken_by(const Row& row) {
  try {
    check_strings(row);
    validate(row);
  } catch (const RowError& error) {
    return error.what();
  }
  Value again;
  ParseProblem problem;
  return parse_whole(canonical_json(row), &again, &problem) ? "" : problem.reason;
}

}  // namespace whorl::data
