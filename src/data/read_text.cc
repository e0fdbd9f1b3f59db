// Plain text: paragraphs, lines or whole files as rows.
#include <algorithm>

#include "data/rows.h"
#include "data/utf8.h"

namespace whorl::data {

namespace {

// CRLF is a line break like LF: the same text saved on another system must give the same tokens.
std::string with_line_feeds(const std::string& text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') out += text[i];
  return out;
}

bool blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\f\v") == std::string_view::npos; }

struct TextRows {
  const std::string& name;
  const LoadOptions& options;
  const RowSink& sink;

  void give(std::string_view text, int64_t line) const {
    while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
    if (blank(text)) return;
    const std::string source = base::concat(name, ":", line);
    if (options.text_unit != "file" && static_cast<int64_t>(text.size()) > options.max_line_bytes)
      return sink.problem(source,
                          base::concat("the ", options.text_unit, " has ", text.size(),
                                       " bytes, more than max_line_bytes = ", options.max_line_bytes));
    if (const size_t bad = find_invalid_utf8(text); bad != std::string_view::npos)
      return sink.problem(source, base::concat("byte ", bad, " of the ", options.text_unit, ": not UTF-8"));
    Value row = Value::object();
    row.add("text", Value::string(std::string(text)));
    sink.row(std::move(row), source);
  }
};

}  // namespace

void read_text(const std::string& raw, const std::string& name, const LoadOptions& options,
               const RowSink& sink) {
  const std::string text = with_line_feeds(raw);
  const TextRows rows{name, options, sink};
  if (options.text_unit == "file") return rows.give(text, 1);
  const std::string_view all = text;
  size_t block = 0;
  int64_t line = 1, block_line = 1;
  for (size_t start = 0; start < all.size(); ++line) {
    const size_t end = std::min(all.find('\n', start), all.size());
    const std::string_view here = all.substr(start, end - start);
    if (options.text_unit == "line" || blank(here)) {
      rows.give(all.substr(block, (options.text_unit == "line" ? end : start) - block), block_line);
      block = std::min(end + 1, all.size());
      block_line = line + 1;
    }
    start = end + 1;
  }
  rows.give(all.substr(block), block_line);
}

}  // namespace whorl::data
