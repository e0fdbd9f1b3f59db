// JSON lines and JSON arrays.
#include <algorithm>

#include "base/file.h"
#include "data/rows.h"
#include "data/utf8.h"

namespace whorl::data {

void check_encoding(std::string& text) {
  const std::string_view head = std::string_view(text).substr(0, 4);
  if (head == std::string_view("\xff\xfe\0\0", 4) || head == std::string_view("\0\0\xfe\xff", 4))
    bad_row("the file is UTF-32; save it as UTF-8");
  const auto is = [&](size_t i, char c) { return i < text.size() && text[i] == c; };
  if (is(0, '\xff') && is(1, '\xfe')) bad_row("the file is UTF-16 (little endian); save it as UTF-8");
  if (is(0, '\xfe') && is(1, '\xff')) bad_row("the file is UTF-16 (big endian); save it as UTF-8");
  if (is(1, '\0') && is(3, '\0') && !is(0, '\0'))
    bad_row("the file looks like UTF-16 (little endian); save it as UTF-8");
  if (is(0, '\0') && is(2, '\0') && !is(1, '\0'))
    bad_row("the file looks like UTF-16 (big endian); save it as UTF-8");
  if (text.compare(0, 3, "\xef\xbb\xbf") == 0) text.erase(0, 3);
}

namespace {

bool blank(std::string_view line) { return line.find_first_not_of(" \t\r\n") == std::string_view::npos; }

void check_line(std::string_view line, const LoadOptions& options) {
  if (static_cast<int64_t>(line.size()) > options.max_line_bytes)
    bad_row("the line has ", line.size(), " bytes, more than max_line_bytes = ", options.max_line_bytes);
  if (const size_t at = line.find('\r'); at != std::string_view::npos)
    bad_row("column ", at + 1, ": a lone carriage return; lines end in LF or CRLF");
}

Value parse_line(std::string_view line, const LoadOptions& options) {
  check_line(line, options);
  Value row;
  ParseProblem problem;
  if (!parse_whole(line, &row, &problem))
    bad_row("column ", problem.column, ": not valid JSON: ", base::printable(problem.reason));
  if (!row.is(Value::Kind::object)) bad_row("expected a JSON object, got ", kind_name(row));
  return row;
}

}  // namespace

void read_jsonl(const std::string& text, const std::string& name, const LoadOptions& options,
                const RowSink& sink) {
  size_t start = 0;
  for (int64_t number = 1; start < text.size(); ++number) {
    size_t end = std::min(text.find('\n', start), text.size());
    const size_t next = end + 1;
    if (end > start && text[end - 1] == '\r') --end;
    const std::string_view line = std::string_view(text).substr(start, end - start);
    start = next;
    if (blank(line) && line.find('\r') == std::string_view::npos) continue;
    const std::string source = base::concat(name, ":", number);
    try {
      sink.row(parse_line(line, options), source);
    } catch (const RowError& error) {
      sink.problem(source, error.what());
    }
  }
}

namespace {

// Walks a list's elements and knows the line each begins on.
struct ArrayWalk {
  const std::string& text;
  size_t at = 0;
  int64_t line = 1;

  void skip_space() {
    for (; at < text.size() && (text[at] == ' ' || text[at] == '\t' || text[at] == '\n' || text[at] == '\r');
         ++at)
      line += text[at] == '\n';
  }
  bool take(char c) {
    skip_space();
    if (at >= text.size() || text[at] != c) return false;
    ++at;
    return true;
  }
};

// One element; false when the text is broken, since nothing tells where the next one begins.
bool read_element(ArrayWalk& walk, const std::string& name, const LoadOptions& options, const RowSink& sink) {
  walk.skip_space();
  const size_t start = walk.at;
  const std::string source = base::concat(name, ":", walk.line);
  Value row;
  ParseProblem problem;
  size_t end = start;
  if (!parse_value(walk.text, &end, &row, &problem)) {
    const int64_t line =
        walk.line + std::count(walk.text.begin() + static_cast<std::ptrdiff_t>(start),
                               walk.text.begin() + static_cast<std::ptrdiff_t>(problem.offset), '\n');
    sink.problem(
        base::concat(name, ":", line),
        base::concat("column ", problem.column, ": not valid JSON: ", base::printable(problem.reason)));
    return false;
  }
  walk.line += std::count(walk.text.begin() + static_cast<std::ptrdiff_t>(start),
                          walk.text.begin() + static_cast<std::ptrdiff_t>(end), '\n');
  walk.at = end;
  if (static_cast<int64_t>(end - start) > options.max_line_bytes)
    sink.problem(source, base::concat("the row has ", end - start,
                                      " bytes, more than max_line_bytes = ", options.max_line_bytes));
  else if (!row.is(Value::Kind::object))
    sink.problem(source, base::concat("expected a JSON object, got ", kind_name(row)));
  else
    sink.row(std::move(row), source);
  return true;
}

}  // namespace

void read_json_array(const std::string& text, const std::string& name, const LoadOptions& options,
                     const RowSink& sink) {
  ArrayWalk walk{text};
  if (!walk.take('[')) return read_jsonl(text, name, options, sink);  // lines in a file called .json
  if (walk.take(']')) return;
  do {
    if (!read_element(walk, name, options, sink)) return;
  } while (walk.take(','));
  if (!walk.take(']'))
    return sink.problem(base::concat(name, ":", walk.line), "expected ',' or ']' after a row of the list");
  walk.skip_space();
  if (walk.at != text.size())
    sink.problem(base::concat(name, ":", walk.line), "text after the end of the list");
}

}  // namespace whorl::data
