#include "guard/yaml_node.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"

namespace whorl::guard {

using base::Json;
using base::printable;

Node::Node(const base::Yaml& yaml) : yaml_(&yaml), value_(&yaml.value()) {}
Node::Node(const base::Yaml& yaml, const Json& value, std::string pointer, std::string name)
    : yaml_(&yaml), value_(&value), pointer_(std::move(pointer)), name_(std::move(name)) {}

std::string Node::called() const {
  return name_.empty() ? "this value" : base::concat("'", printable(name_, 60), "'");
}

void Node::wrong(const char* expected) const {
  fail("expected ", called(), " to be ", expected, ", got ", base::kind_of(*value_));
}

bool Node::is_null() const { return value_->is_null(); }
bool Node::is_list() const { return value_->is_array(); }
bool Node::is_object() const { return value_->is_object(); }

std::optional<Node> Node::at(std::string_view key) const {
  if (!value_->is_object()) wrong("a mapping");
  const auto found = value_->find(key);
  if (found == value_->end() || found->is_null()) return {};
  return Node(*yaml_, *found, base::pointer_to(pointer_, key), std::string(key));
}

Node Node::require(std::string_view key) const {
  if (auto found = at(key)) return *found;
  fail("missing key '", key, "'");
}

std::vector<Node> Node::items() const {
  if (!value_->is_array()) wrong("a list");
  std::vector<Node> made;
  for (size_t i = 0; i < value_->size(); ++i)
    made.push_back(Node(*yaml_, (*value_)[i], base::pointer_to(pointer_, i), name_));
  return made;
}

std::vector<Node> Node::entries() const {
  if (!value_->is_object()) wrong("a mapping");
  std::vector<Node> made;
  for (const auto& [key, value] : value_->items())
    made.push_back(Node(*yaml_, value, base::pointer_to(pointer_, key), key));
  return made;
}

void Node::only(std::initializer_list<std::string_view> known, std::initializer_list<Refusal> refused) const {
  for (const Node& entry : entries()) {
    if (std::find(known.begin(), known.end(), entry.name_) != known.end()) continue;
    for (const Refusal& refusal : refused)
      if (refusal.key == entry.name_) entry.fail("'", entry.name_, "' ", refusal.why);
    const std::vector<std::string> names(known.begin(), known.end());
    entry.fail("unknown key '", printable(entry.name_, 60), "'", base::did_you_mean(entry.name_, names));
  }
}

std::string Node::text() const {
  if (!value_->is_string()) wrong("a string");
  return value_->get<std::string>();
}

bool Node::boolean() const {
  // Configurations in the wild write True and False, which are YAML's own; yes and no are not.
  if (!value_->is_boolean()) wrong("true or false");
  return value_->get<bool>();
}

int64_t Node::integer(int64_t least, int64_t most) const {
  if (!value_->is_number_integer()) wrong("an integer");
  const bool huge =
      value_->is_number_unsigned() && value_->get<uint64_t>() > static_cast<uint64_t>(INT64_MAX);
  const int64_t value = huge ? INT64_MAX : value_->get<int64_t>();
  if (value < least || value > most)
    fail("expected ", called(), " from ", least, " to ", most, ", got ", value);
  return value;
}

double Node::number(double least) const {
  if (!value_->is_number()) wrong("a number");
  const double value = value_->get<double>();
  if (!(value >= least)) fail("expected ", called(), " of at least ", least, ", got ", value);
  return value;
}

std::vector<std::string> Node::texts() const {
  std::vector<std::string> made;
  for (const Node& item : items()) made.push_back(item.text());
  return made;
}

std::string Node::choice(const std::vector<std::string>& choices) const {
  const std::string value = text();
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return value;
  std::string all;
  for (const auto& one : choices) all += base::concat(all.empty() ? "'" : ", '", one, "'");
  fail("expected ", called(), " to be one of ", all, ", got '", printable(value, 60), "'",
       base::did_you_mean(value, choices));
}

void Node::read(std::string_view key, std::string& into) const {
  if (const auto found = at(key)) into = found->text();
}
void Node::read(std::string_view key, bool& into) const {
  if (const auto found = at(key)) into = found->boolean();
}
void Node::append(std::string_view key, std::vector<std::string>& into) const {
  const auto found = at(key);
  if (!found) return;
  for (auto& text : found->texts()) into.push_back(std::move(text));
}

}  // namespace whorl::guard
