// libyaml reads the syntax and gives events with their places; what they mean is decided here.
#include "base/yaml.h"

#include <yaml.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "base/file.h"
#include "base/yaml_scalar.h"

namespace whorl::base {
namespace {

const char* bytes(const yaml_char_t* text) { return reinterpret_cast<const char*>(text); }
std::string string_of(const yaml_char_t* text) { return text ? bytes(text) : std::string(); }

// The parser and its current event, freed whatever is thrown.
class Events {
 public:
  explicit Events(std::string_view text) {
    if (!yaml_parser_initialize(&parser_)) throw std::bad_alloc();
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Events() {
    clear();
    yaml_parser_delete(&parser_);
  }
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  // Null: not YAML.
  const yaml_event_t* next() {
    clear();
    held_ = yaml_parser_parse(&parser_, &event_) != 0;
    return held_ ? &event_ : nullptr;
  }
  const yaml_parser_t& parser() const { return parser_; }

 private:
  void clear() {
    if (held_) yaml_event_delete(&event_);
    held_ = false;
  }
  yaml_parser_t parser_;
  yaml_event_t event_;
  bool held_ = false;
};

struct Extent {
  size_t nodes = 1, depth = 0;
};

Extent extent_of(const Json& value) {
  Extent whole;
  if (!value.is_structured()) return whole;
  for (const Json& item : value) {
    const Extent part = extent_of(item);
    whole.nodes += part.nodes + (value.is_object() ? 1 : 0);
    whole.depth = std::max(whole.depth, part.depth);
  }
  ++whole.depth;
  return whole;
}

}  // namespace

// One node per value, children in the order of the value's own. What an alias stands for has no children.
struct YamlLines {
  size_t line = 1;
  std::vector<YamlLines> children = {};
};

class YamlBuilder {
 public:
  YamlBuilder(std::string_view text, std::string_view operation, std::string_view name,
              const YamlLimits& limits)
      : text_(text), operation_(operation), name_(name), limits_(limits), events_(text) {}

  Yaml build() {
    while (const yaml_event_t* event = events_.next()) {
      line_ = event->start_mark.line + 1;
      if (event->type == YAML_STREAM_END_EVENT) return finished();
      take(*event);
    }
    refuse_syntax();
  }

 private:
  struct Level {
    Json value;
    std::string anchor;
    YamlLines lines;
    bool has_key = false;
    std::string key = {};
    size_t key_line = 0;
    std::unordered_map<std::string, size_t> keys = {};  // and their lines
  };

  template <class... Parts>
  [[noreturn]] void fail(size_t line, const Parts&... parts) const {
    invalid("[", operation_, "] ", name_, ":", line, ": ", parts...);
  }

  [[noreturn]] void refuse_syntax() const {
    const yaml_parser_t& parser = events_.parser();
    if (parser.error == YAML_MEMORY_ERROR) throw std::bad_alloc();
    size_t line = parser.problem_mark.line + 1;
    if (parser.error == YAML_READER_ERROR) {
      const auto end = text_.begin() + static_cast<long>(std::min(parser.problem_offset, text_.size()));
      line = 1 + static_cast<size_t>(std::count(text_.begin(), end, '\n'));
    }
    const std::string context = parser.context ? concat(" (", parser.context, ")") : "";
    fail(line, "not valid YAML: ", parser.problem ? parser.problem : "unreadable", context);
  }

  void take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_DOCUMENT_START_EVENT:
        if (++documents_ > 1) fail(line_, "expected one document, a second one begins here");
        break;
      case YAML_SCALAR_EVENT:
        scalar(event);
        break;
      case YAML_ALIAS_EVENT:
        alias(string_of(event.data.alias.anchor));
        break;
      case YAML_MAPPING_START_EVENT:
        open(Json::object(), event.data.mapping_start.tag, event.data.mapping_start.anchor, "map");
        break;
      case YAML_SEQUENCE_START_EVENT:
        open(Json::array(), event.data.sequence_start.tag, event.data.sequence_start.anchor, "seq");
        break;
      case YAML_MAPPING_END_EVENT:
      case YAML_SEQUENCE_END_EVENT:
        close();
        break;
      default:
        break;
    }
  }

  bool expects_key() const {
    return !levels_.empty() && levels_.back().value.is_object() && !levels_.back().has_key;
  }

  void spend(size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > limits_.max_nodes)
      fail(line_, "more than ", limits_.max_nodes, " keys and values, aliases written out");
  }

  void scalar(const yaml_event_t& event) {
    spend(1);
    const auto& data = event.data.scalar;
    const std::string_view text(bytes(data.value), data.length);
    if (expects_key())
      return key(text, data.plain_implicit && data.style == YAML_PLAIN_SCALAR_STYLE, data.anchor);
    std::optional<Json> value;
    if (data.plain_implicit) {
      value = plain_scalar(text);
    } else if (data.quoted_implicit) {
      value = Json(std::string(text));
    } else {
      value = tagged_scalar(text, core_tag(data.tag));
    }
    if (!value)
      fail(line_, "'", printable(text, 60), "' is not a ", expected_kind(data), " that JSON can hold");
    add(std::move(*value), {line_}, string_of(data.anchor));
  }

  template <class Scalar>
  static std::string expected_kind(const Scalar& data) {
    if (data.plain_implicit) return "number";
    return string_of(data.tag).substr(kYamlTags.size());
  }

  // The name after the core schema's prefix; any other tag is refused.
  std::string core_tag(const yaml_char_t* tag) const {
    const std::string whole = string_of(tag);
    if (whole.compare(0, kYamlTags.size(), kYamlTags) != 0) refuse_tag(whole);
    const std::string name = whole.substr(kYamlTags.size());
    for (const char* known : {"str", "int", "float", "bool", "null", "map", "seq"})
      if (name == known) return name;
    refuse_tag(whole);
  }
  [[noreturn]] void refuse_tag(const std::string& tag) const {
    fail(line_, "unknown tag '", printable(tag), "'");
  }

  void key(std::string_view text, bool plain, const yaml_char_t* anchor) {
    Level& level = levels_.back();
    if (plain && text == "<<") fail(line_, "merge keys (<<) are not part of YAML 1.2; write the keys out");
    if (plain && text.empty()) fail(line_, "expected a key before ':'");
    if (anchor) fail(line_, "an anchor on a key is not supported");
    const auto [known, is_new] = level.keys.emplace(text, line_);
    if (!is_new) fail(line_, "duplicate key '", printable(text), "', first given on line ", known->second);
    level.key = text;
    level.has_key = true;
    level.key_line = line_;
  }

  void alias(const std::string& anchor) {
    if (expects_key()) fail(line_, "an alias as a key is not supported");
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) fail(line_, "unknown alias '*", printable(anchor), "'");
    const auto& [value, extent] = found->second;
    spend(extent.nodes);
    check_depth(extent.depth);
    add(Json(value), {line_}, "");
  }

  void open(Json value, const yaml_char_t* tag, const yaml_char_t* anchor, const char* kind) {
    if (tag && core_tag(tag) != kind) refuse_tag(string_of(tag));
    if (expects_key()) fail(line_, "expected a key to be a scalar, got ", kind_of(value));
    check_depth(1);
    spend(1);
    levels_.push_back({std::move(value), string_of(anchor), {line_}});
  }

  void check_depth(size_t more) const {
    if (levels_.size() + more > limits_.max_depth)
      fail(line_, "nested deeper than ", limits_.max_depth, " levels");
  }

  void close() {
    Level done = std::move(levels_.back());
    levels_.pop_back();
    add(std::move(done.value), std::move(done.lines), done.anchor);
  }

  void add(Json value, YamlLines lines, const std::string& anchor) {
    if (!anchor.empty()) {
      const Extent extent = extent_of(value);
      spend(extent.nodes);  // the copy
      anchors_[anchor] = {value, extent};
    }
    if (levels_.empty()) {
      root_ = std::move(value);
      root_lines_ = std::move(lines);
      return;
    }
    Level& level = levels_.back();
    if (level.has_key) lines.line = level.key_line;
    level.lines.children.push_back(std::move(lines));
    if (level.value.is_array()) {
      level.value.get_ref<Json::array_t&>().push_back(std::move(value));
      return;
    }
    // The keys are known to differ; ordered_json's own insertion would look each up in a list.
    using Entries = std::vector<std::pair<const std::string, Json>>;
    static_cast<Entries&>(level.value.get_ref<Json::object_t&>())
        .emplace_back(std::move(level.key), std::move(value));
    level.has_key = false;
    level.key.clear();
  }

  Yaml finished() {
    Yaml made;
    made.name_ = name_;
    made.value_ = std::make_shared<const Json>(std::move(root_));
    made.lines_ = std::make_shared<const YamlLines>(std::move(root_lines_));
    return made;
  }

  std::string_view text_;
  std::string operation_, name_;
  YamlLimits limits_;
  Events events_;
  std::vector<Level> levels_;
  std::unordered_map<std::string, std::pair<Json, Extent>> anchors_;
  size_t line_ = 1, nodes_ = 0, documents_ = 0;
  Json root_;
  YamlLines root_lines_;
};

namespace {

std::string unescaped(std::string_view token) {
  std::string out;
  for (size_t i = 0; i < token.size(); ++i) {
    const bool escape = token[i] == '~' && i + 1 < token.size();
    out += escape ? (token[++i] == '1' ? '/' : '~') : token[i];
  }
  return out;
}

// Which child of `value` the token of a pointer names; the count of children when none.
size_t child_index(const Json& value, const std::string& token) {
  if (value.is_object()) return static_cast<size_t>(std::distance(value.begin(), value.find(token)));
  if (token.empty() || token.size() > 9 || token.find_first_not_of("0123456789") != std::string::npos)
    return value.size();
  return std::min<size_t>(std::stoul(token), value.size());
}

}  // namespace

size_t Yaml::line(std::string_view pointer) const {
  const YamlLines* lines = lines_.get();
  const Json* value = value_.get();
  while (!pointer.empty() && pointer[0] == '/') {
    const size_t end = std::min(pointer.find('/', 1), pointer.size());
    const size_t child = child_index(*value, unescaped(pointer.substr(1, end - 1)));
    if (!value->is_structured() || child >= lines->children.size()) break;
    lines = &lines->children[child];
    value = &*std::next(value->begin(), static_cast<long>(child));
    pointer.remove_prefix(end);
  }
  return lines->line;
}

std::string Yaml::where(std::string_view pointer) const { return concat(name_, ":", line(pointer)); }

Yaml parse_yaml(std::string_view text, std::string_view operation, std::string_view name,
                const YamlLimits& limits) {
  if (text.size() > limits.max_bytes)
    invalid("[", operation, "] ", name, ": expected at most ", limits.max_bytes, " bytes of YAML, got ",
            text.size());
  if (text.substr(0, 3) == "\xef\xbb\xbf") text.remove_prefix(3);
  return YamlBuilder(text, operation, name, limits).build();
}

Yaml read_yaml(const std::string& path, std::string_view operation, const YamlLimits& limits) {
  return parse_yaml(read_file(*FileSystem::real(), path, limits.max_bytes, operation), operation, path,
                    limits);
}

std::string pointer_to(std::string_view pointer, std::string_view key) {
  std::string out(pointer);
  out += '/';
  for (const char c : key) {
    if (c == '~') {
      out += "~0";
    } else if (c == '/') {
      out += "~1";
    } else {
      out += c;
    }
  }
  return out;
}

std::string pointer_to(std::string_view pointer, size_t index) {
  return pointer_to(pointer, std::to_string(index));
}

}  // namespace whorl::base
