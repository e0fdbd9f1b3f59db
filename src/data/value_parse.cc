// A strict JSON reader, iterative over one stack so that nesting cannot exhaust the thread's.
#include <algorithm>
#include <unordered_set>

#include "data/utf8.h"
#include "data/value.h"

namespace whorl::data {

namespace {

class Reader {
 public:
  Reader(std::string_view text, size_t position) : text_(text), at_(position) {}

  bool read(Value* out) {
    while (true) {
      skip_space();
      Value value;
      if (!begin(&value)) return false;
      if (opened_) continue;
      if (!attach(std::move(value), out)) return false;
      if (levels_.empty()) return true;
    }
  }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r'))
      ++at_;
  }

  bool fail(std::string reason) {
    reason_ = std::move(reason);
    return false;
  }

  size_t position() const { return at_; }
  const std::string& reason() const { return reason_; }

 private:
  struct Level {
    Value value;
    std::string key;
    std::unordered_set<std::string> seen;  // only once an object has many keys
  };

  // Reads a scalar, or opens a container (`opened_`), or an empty one (a finished value).
  bool begin(Value* value) {
    opened_ = false;
    if (at_ >= text_.size()) return fail("the text ends in the middle of a value");
    switch (text_[at_]) {
      case '{':
        return open(Value::object(), '}', value);
      case '[':
        return open(Value::list(), ']', value);
      case '"':
        value->kind = Value::Kind::string;
        return read_string(&value->text);
      case 't':
        value->kind = Value::Kind::boolean;
        value->flag = true;
        return word("true");
      case 'f':
        value->kind = Value::Kind::boolean;
        return word("false");
      case 'n':
        return word("null");
      default:
        value->kind = Value::Kind::number;
        return read_number(&value->text);
    }
  }

  bool open(Value container, char end, Value* value) {
    if (levels_.size() >= max_json_depth)
      return fail("nested deeper than " + std::to_string(max_json_depth) + " levels");
    ++at_;
    skip_space();
    if (at_ < text_.size() && text_[at_] == end) {
      ++at_;
      *value = std::move(container);
      return true;
    }
    opened_ = true;
    levels_.emplace_back().value = std::move(container);
    return end == ']' || read_key();
  }

  bool read_key() {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != '"') return fail("expected a key between double quotes");
    Level& level = levels_.back();
    const size_t start = at_;
    level.key.clear();
    if (!read_string(&level.key)) return false;
    if (is_duplicate(level)) {
      at_ = start;
      return fail("duplicate key '" + level.key + "'");
    }
    skip_space();
    if (at_ >= text_.size() || text_[at_] != ':') return fail("expected ':' after a key");
    ++at_;
    return true;
  }

  static bool is_duplicate(Level& level) {
    const std::vector<std::string>& keys = level.value.keys;
    if (keys.size() < 16) return std::find(keys.begin(), keys.end(), level.key) != keys.end();
    if (level.seen.empty()) level.seen.insert(keys.begin(), keys.end());
    return !level.seen.insert(level.key).second;
  }

  // Puts a finished value where it belongs and closes what closes after it.
  bool attach(Value value, Value* out) {
    while (true) {
      if (levels_.empty()) {
        *out = std::move(value);
        return true;
      }
      Level& level = levels_.back();
      const bool object = level.value.kind == Value::Kind::object;
      if (object) level.value.keys.push_back(std::move(level.key));
      level.value.items.push_back(std::move(value));
      skip_space();
      if (at_ >= text_.size())
        return fail(object ? "the text ends inside an object" : "the text ends inside a list");
      const char c = text_[at_];
      if (c == ',') {
        ++at_;
        return object ? read_key() : true;
      }
      if (c != (object ? '}' : ']')) return fail(object ? "expected ',' or '}'" : "expected ',' or ']'");
      ++at_;
      value = std::move(level.value);
      levels_.pop_back();
    }
  }

  bool word(std::string_view expected) {
    if (text_.substr(at_, expected.size()) != expected) return fail("expected a JSON value");
    at_ += expected.size();
    return true;
  }

  bool digits() {
    const size_t start = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
    return at_ > start;
  }

  bool read_number(std::string* out) {
    const size_t start = at_;
    if (text_[at_] == '-') ++at_;
    if (at_ < text_.size() && text_[at_] == '0')
      ++at_;
    else if (!digits())
      return at_ = start, fail("expected a JSON value");
    if (at_ < text_.size() && text_[at_] == '.') {
      ++at_;
      if (!digits()) return fail("expected a digit after the point of a number");
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      ++at_;
      if (at_ < text_.size() && (text_[at_] == '+' || text_[at_] == '-')) ++at_;
      if (!digits()) return fail("expected a digit in the exponent of a number");
    }
    out->assign(text_.substr(start, at_ - start));
    return true;
  }

  bool read_string(std::string* out) {
    ++at_;
    while (at_ < text_.size()) {
      const unsigned char c = static_cast<unsigned char>(text_[at_]);
      if (c == '"') return ++at_, true;
      if (c == '\\') {
        if (!read_escape(out)) return false;
      } else if (c < 0x20) {
        return fail("a control character stands unescaped in a string");
      } else if (c < 0x80) {
        const size_t start = at_;
        while (at_ < text_.size() && plain(text_[at_])) ++at_;
        out->append(text_.substr(start, at_ - start));
      } else {
        const CodePoint point = code_point_at(text_, at_);
        if (point.size == 0) return fail("bytes that are not UTF-8");
        out->append(text_.substr(at_, point.size));
        at_ += point.size;
      }
    }
    return fail("the text ends inside a string");
  }

  static bool plain(char c) {
    return static_cast<unsigned char>(c) >= 0x20 && static_cast<unsigned char>(c) < 0x80 && c != '"' &&
           c != '\\';
  }

  bool read_escape(std::string* out) {
    if (at_ + 1 >= text_.size()) return fail("the text ends inside a string");
    const char c = text_[at_ + 1];
    static constexpr std::string_view from = "\"\\/bfnrt", to = "\"\\/\b\f\n\r\t";
    if (const size_t i = from.find(c); i != std::string_view::npos) {
      *out += to[i];
      at_ += 2;
      return true;
    }
    if (c != 'u') return fail("unknown escape in a string");
    uint32_t unit = 0, low = 0;
    if (!hex(at_ + 2, &unit)) return fail("expected four hexadecimal digits after \\u");
    if (unit < 0xd800 || unit > 0xdfff) {
      append_utf8(unit, *out);
      at_ += 6;
      return true;
    }
    const bool pair = unit < 0xdc00 && text_.substr(at_ + 6, 2) == "\\u" && hex(at_ + 8, &low) &&
                      low >= 0xdc00 && low <= 0xdfff;
    if (!pair) return fail("a lone surrogate, which no UTF-8 text can hold");
    append_utf8(0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), *out);
    at_ += 12;
    return true;
  }

  bool hex(size_t position, uint32_t* out) const {
    if (position + 4 > text_.size()) return false;
    uint32_t value = 0;
    for (size_t i = position; i < position + 4; ++i) {
      const char c = text_[i];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) return false;
      value = value << 4 | static_cast<uint32_t>(digit);
    }
    *out = value;
    return true;
  }

  std::string_view text_;
  size_t at_;
  bool opened_ = false;
  std::vector<Level> levels_;
  std::string reason_;
};

void describe(std::string_view text, const Reader& reader, ParseProblem* problem) {
  problem->offset = std::min(reader.position(), text.size());
  problem->reason = reader.reason();
  problem->line = problem->column = 1;
  for (size_t i = 0; i < problem->offset; ++i) {
    problem->column = text[i] == '\n' ? 1 : problem->column + 1;
    problem->line += text[i] == '\n';
  }
}

}  // namespace

bool parse_value(std::string_view text, size_t* position, Value* value, ParseProblem* problem) {
  Reader reader(text, *position);
  const bool ok = reader.read(value);
  if (!ok) describe(text, reader, problem);
  *position = reader.position();
  return ok;
}

bool parse_whole(std::string_view text, Value* value, ParseProblem* problem) {
  Reader reader(text, 0);
  bool ok = reader.read(value);
  if (ok) {
    reader.skip_space();
    if (reader.position() != text.size()) ok = reader.fail("text after the end of the value");
  }
  if (!ok) describe(text, reader, problem);
  return ok;
}

}  // namespace whorl::data
