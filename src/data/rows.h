#pragma once
// What travels between the readers of files and the readers of formats.
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "data/value.h"
#include "whorl/dataset.h"

namespace whorl::data {

// One row is bad; the message begins with the field. Caught per row, so that a pass finds all of them.
struct RowError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Parts>
[[noreturn]] void bad_row(const Parts&... parts) {
  throw RowError(base::concat(parts...));
}

// Bad rows of one pass, in file order.
class Problems {
 public:
  void add(std::string source, std::string message) {
    found_.emplace_back(std::move(source), std::move(message));
  }
  bool empty() const { return found_.empty(); }
  const std::vector<std::pair<std::string, std::string>>& found() const { return found_; }
  // std::invalid_argument with up to 20 of them and the count of all; `hint` says what the caller can do.
  [[noreturn]] void raise(const std::string& context, int64_t rows, const std::string& hint = {}) const;

 private:
  std::vector<std::pair<std::string, std::string>> found_;
};

// Receives rows as they are read. `source` is "tickets.jsonl:17".
struct RowSink {
  std::function<void(Value row, std::string source)> row;
  std::function<void(std::string source, std::string message)> problem;
  std::function<void(std::string source, std::string reason)> note;  // something left out that is no row
};

// Readers of one text each; `name` stands before the line number. Rows that cannot be read go to
// sink.problem, what makes the whole text unreadable (UTF-16, a header) is a RowError.
void read_jsonl(const std::string& text, const std::string& name, const LoadOptions& options,
                const RowSink& sink);
void read_json_array(const std::string& text, const std::string& name, const LoadOptions& options,
                     const RowSink& sink);
void read_csv(const std::string& text, const std::string& name, const LoadOptions& options,
              const RowSink& sink);
void read_text(const std::string& text, const std::string& name, const LoadOptions& options,
               const RowSink& sink);

// Removes a UTF-8 byte-order mark; a RowError names UTF-16 and UTF-32.
void check_encoding(std::string& text);

}  // namespace whorl::data
