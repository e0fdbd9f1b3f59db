// CSV as RFC 4180 has it: quoted cells may hold commas, line breaks and doubled quotes.
#include <algorithm>
#include <unordered_set>

#include "base/file.h"
#include "data/rows.h"
#include "data/utf8.h"

namespace whorl::data {

namespace {

struct Record {
  std::vector<std::string> cells;
  int64_t line = 1;     // where it begins
  std::string problem;  // why it cannot be used, or empty
};

class CsvReader {
 public:
  CsvReader(std::string_view text, char separator, size_t max_bytes)
      : text_(text), separator_(separator), max_bytes_(max_bytes) {}

  // False at the end. A record with a problem is read on to its line's end.
  bool next(Record* record) {
    *record = {};
    while (at_ < text_.size() && line_break()) skip_break();  // blank lines
    if (at_ >= text_.size()) return false;
    record->line = line_;
    const size_t start = at_;
    while (true) {
      record->cells.emplace_back();
      if (!(text_[at_] == '"' ? quoted(record) : plain(record))) break;
      if (at_ >= text_.size() || line_break()) break;
      ++at_;  // the separator
      if (at_ >= text_.size()) {
        record->cells.emplace_back();
        break;
      }
    }
    if (at_ - start > max_bytes_ && record->problem.empty())
      record->problem =
          base::concat("the row has ", at_ - start, " bytes, more than max_line_bytes = ", max_bytes_);
    skip_break();
    return true;
  }

 private:
  bool line_break() const {
    return text_[at_] == '\n' || (text_[at_] == '\r' && (at_ + 1 == text_.size() || text_[at_ + 1] == '\n'));
  }

  void skip_break() {
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_, ++line_;
  }

  void skip_line() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }

  bool give_up(Record* record, const char* reason) {
    record->problem = base::concat("column ", record->cells.size(), ": ", reason);
    skip_line();
    return false;
  }

  bool plain(Record* record) {
    std::string& cell = record->cells.back();
    const size_t start = at_;
    while (at_ < text_.size() && text_[at_] != separator_ && !line_break()) {
      if (text_[at_] == '"') return give_up(record, "a quote inside a cell that does not begin with one");
      if (text_[at_] == '\r') return give_up(record, "a lone carriage return outside quotes");
      ++at_;
    }
    cell.assign(text_.substr(start, at_ - start));
    return true;
  }

  bool quoted(Record* record) {
    std::string& cell = record->cells.back();
    ++at_;
    while (true) {
      const size_t quote = text_.find('"', at_);
      if (quote == std::string_view::npos) {
        record->problem =
            base::concat("column ", record->cells.size(), ": a quoted cell without its closing quote");
        at_ = text_.size();
        return false;
      }
      line_ += std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                          text_.begin() + static_cast<std::ptrdiff_t>(quote), '\n');
      cell.append(text_.substr(at_, quote - at_));
      at_ = quote + 1;
      if (at_ >= text_.size() || text_[at_] != '"') break;
      cell += '"';
      ++at_;
    }
    if (at_ < text_.size() && text_[at_] != separator_ && !line_break())
      return give_up(record, "text after the closing quote of a cell");
    return true;
  }

  std::string_view text_;
  char separator_;
  size_t max_bytes_;
  size_t at_ = 0;
  int64_t line_ = 1;
};

void check_header(const Record& header) {
  if (!header.problem.empty()) bad_row("header: ", header.problem);
  std::unordered_set<std::string> seen;
  for (size_t i = 0; i < header.cells.size(); ++i) {
    if (header.cells[i].empty()) bad_row("header: column ", i + 1, " has no name");
    if (find_invalid_utf8(header.cells[i]) != std::string::npos) bad_row("header: bytes that are not UTF-8");
    if (!seen.insert(header.cells[i]).second)
      bad_row("header: two columns are named '", base::printable(header.cells[i]), "'");
  }
}

Value to_row(const Record& header, Record& record) {
  if (!record.problem.empty()) bad_row(record.problem);
  if (record.cells.size() != header.cells.size())
    bad_row("expected ", header.cells.size(), " cells as in the header, got ", record.cells.size());
  Value row = Value::object();
  for (size_t i = 0; i < record.cells.size(); ++i) {
    if (find_invalid_utf8(record.cells[i]) != std::string::npos)
      bad_row("column '", base::printable(header.cells[i]), "': bytes that are not UTF-8");
    row.add(header.cells[i], Value::string(std::move(record.cells[i])));
  }
  return row;
}

}  // namespace

void read_csv(const std::string& text, const std::string& name, const LoadOptions& options,
              const RowSink& sink) {
  const char separator = name.size() > 4 && name.compare(name.size() - 4, 4, ".tsv") == 0 ? '\t' : ',';
  CsvReader reader(text, separator, static_cast<size_t>(options.max_line_bytes));
  Record header, record;
  if (!reader.next(&header)) return;
  check_header(header);
  while (reader.next(&record)) {
    const std::string source = base::concat(name, ":", record.line);
    try {
      sink.row(to_row(header, record), source);
    } catch (const RowError& error) {
      sink.problem(source, error.what());
    }
  }
}

}  // namespace whorl::data
