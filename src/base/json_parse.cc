// Text to Json through nlohmann's SAX interface, because its own tree builder lets duplicate keys pass and
// looks every new key up in a list, which is quadratic for an object of a hundred thousand keys.
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "base/check.h"
#include "base/file.h"
#include "base/json.h"

namespace whorl::base {

namespace {

struct Position {
  size_t line = 1, column = 1;
};

Position position_of(std::string_view text, size_t offset) {
  Position p;
  for (size_t i = 0; i < std::min(offset, text.size()); ++i) {
    p.column = text[i] == '\n' ? 1 : p.column + 1;
    p.line += text[i] == '\n';
  }
  return p;
}

// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while …" → what follows the
// place, since the place is given in our own words.
std::string reason_of(const std::string& message) {
  const size_t bracket = message.find("] ");
  std::string text = bracket == std::string::npos ? message : message.substr(bracket + 2);
  if (text.rfind("parse error at", 0) == 0) {
    const size_t colon = text.find(": ");
    if (colon != std::string::npos) text = text.substr(colon + 2);
  }
  return printable(text);
}

class Builder final : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, std::string_view context, size_t max_depth)
      : text_(text), context_(context), max_depth_(max_depth) {}

  Json take() { return std::move(root_); }

  bool null() override { return add(Json(nullptr)), true; }
  bool boolean(bool value) override { return add(Json(value)), true; }
  bool number_integer(int64_t value) override { return add(Json(value)), true; }
  bool number_unsigned(uint64_t value) override { return add(Json(value)), true; }
  bool number_float(double value, const std::string&) override { return add(Json(value)), true; }
  bool string(std::string& value) override { return add(Json(std::move(value))), true; }
  bool binary(Json::binary_t&) override { return false; }

  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    Level& level = levels_.back();
    if (!level.keys.insert(name).second) invalid(context_, ": duplicate key '", printable(name), "'");
    level.key = std::move(name);
    return true;
  }

  bool parse_error(size_t offset, const std::string&, const nlohmann::detail::exception& error) override {
    const Position p = position_of(text_, offset > 0 ? offset - 1 : 0);
    invalid(context_, ": line ", p.line, ", column ", p.column,
            ": not valid JSON: ", reason_of(error.what()));
  }

 private:
  struct Level {
    Json value;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  bool open(Json value) {
    if (levels_.size() >= max_depth_) invalid(context_, ": JSON nested deeper than ", max_depth_, " levels");
    levels_.emplace_back().value = std::move(value);
    return true;
  }

  bool close() {
    Json done = std::move(levels_.back().value);
    levels_.pop_back();
    add(std::move(done));
    return true;
  }

  void add(Json value) {
    if (levels_.empty()) {
      root_ = std::move(value);
    } else if (Level& level = levels_.back(); level.value.is_array()) {
      level.value.get_ref<Json::array_t&>().push_back(std::move(value));
    } else {
      using Entries = std::vector<std::pair<const std::string, Json>>;
      static_cast<Entries&>(level.value.get_ref<Json::object_t&>())
          .emplace_back(std::move(level.key), std::move(value));
    }
  }

  std::string_view text_, context_;
  size_t max_depth_;
  std::vector<Level> levels_;
  Json root_;
};

}  // namespace

Json parse_json(std::string_view text, std::string_view context, const JsonLimits& limits) {
  if (text.size() > limits.max_bytes)
    invalid(context, ": expected at most ", limits.max_bytes, " bytes of JSON, got ", text.size());
  if (text.substr(0, 3) == "\xef\xbb\xbf")
    invalid(context, ": begins with a byte order mark; save it as plain UTF-8");
  // nlohmann takes a zero byte for the end of the text, and would let anything pass behind it.
  if (const size_t zero = text.find('\0'); zero != std::string_view::npos) {
    const Position p = position_of(text, zero);
    invalid(context, ": line ", p.line, ", column ", p.column, ": not valid JSON: a zero byte");
  }
  Builder builder(text, context, limits.max_depth);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

Json read_json(const std::string& path, std::string_view operation, const JsonLimits& limits) {
  const std::string text = read_file(*FileSystem::real(), path, limits.max_bytes, operation);
  return parse_json(text, concat("[", operation, "] ", path), limits);
}

namespace {
nlohmann::json sorted(const Json& value) {
  if (value.is_object()) {
    nlohmann::json out = nlohmann::json::object();
    for (const auto& [key, item] : value.items()) out[key] = sorted(item);
    return out;
  }
  if (value.is_array()) {
    nlohmann::json out = nlohmann::json::array();
    for (const Json& item : value) out.push_back(sorted(item));
    return out;
  }
  return nlohmann::json(value);
}
}  // namespace

std::string to_sorted_json(const Json& value) { return sorted(value).dump(2) + "\n"; }

}  // namespace whorl::base
