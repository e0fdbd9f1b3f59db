#include "pipeline/expressions.h"

#include <algorithm>

#include "base/check.h"
#include "base/file.h"
#include "base/yaml.h"

namespace whorl::pipeline {
namespace {

const std::vector<std::string> kRoots = {"parameters", "steps", "item", "inputs", "run"};

std::vector<std::string> split_dots(const std::string& text) {
  std::vector<std::string> parts = {""};
  for (const char c : text) {
    if (c == '.')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

[[noreturn]] void not_a_reference(const std::string& text, const std::string& why) {
  base::invalid("'", base::printable(text, 100), "' ", why);
}

Reference parse_reference(const std::string& inside) {
  const std::string text = "${" + inside + "}";
  const auto parts = split_dots(inside);
  const auto root = std::find(kRoots.begin(), kRoots.end(), parts[0]);
  if (root == kRoots.end())
    not_a_reference(text, "names none of parameters, steps, item, inputs and run" +
                              base::did_you_mean(parts[0], kRoots) + " (a plain \"${\" is written \"$${\")");
  Reference made;
  made.root = static_cast<Reference::Root>(root - kRoots.begin());
  made.text = text;
  const bool empty = std::any_of(parts.begin(), parts.end(), [](const auto& part) { return part.empty(); });
  if (made.root == Reference::Root::steps) {
    if (empty || parts.size() != 4 || parts[2] != "outputs")
      not_a_reference(text, "is not of the form ${steps.STEP.outputs.KEY}");
    made.name = parts[1];
    made.key = parts[3];
  } else if (made.root == Reference::Root::item) {
    if (empty || parts.size() > 2) not_a_reference(text, "is neither ${item} nor ${item.KEY}");
    made.name = parts.size() == 2 ? parts[1] : "";
  } else {
    if (empty || parts.size() != 2) not_a_reference(text, "is not of the form ${" + parts[0] + ".NAME}");
    made.name = parts[1];
  }
  return made;
}

void visit(const Value& value, const std::string& pointer,
           const std::function<void(const Reference&, const std::string&)>& use) {
  if (const auto* text = value.text()) {
    for (const auto& piece : split_references(*text))
      if (piece.is_reference) use(piece.reference, pointer);
  } else if (const auto* list = value.list()) {
    for (size_t i = 0; i < list->size(); ++i) visit((*list)[i], base::pointer_to(pointer, i), use);
  } else if (const auto* object = value.object()) {
    for (const auto& [key, member] : *object) visit(member, base::pointer_to(pointer, key), use);
  }
}

}  // namespace

std::vector<Piece> split_references(const std::string& text) {
  std::vector<Piece> pieces;
  const auto literal = [&]() -> std::string& {
    if (pieces.empty() || pieces.back().is_reference) pieces.emplace_back();
    return pieces.back().literal;
  };
  for (size_t at = 0; at < text.size();) {
    if (text.compare(at, 3, "$${") == 0) {
      literal() += "${";
      at += 3;
    } else if (text.compare(at, 2, "${") == 0) {
      const size_t end = text.find('}', at);
      if (end == std::string::npos) not_a_reference(text, "has a \"${\" without \"}\"");
      pieces.push_back({.literal = {},
                        .is_reference = true,
                        .reference = parse_reference(text.substr(at + 2, end - at - 2))});
      at = end + 1;
    } else {
      literal() += text[at++];
    }
  }
  return pieces;
}

bool is_one_reference(const std::vector<Piece>& pieces) {
  return pieces.size() == 1 && pieces[0].is_reference;
}

void each_reference(const Value& value,
                    const std::function<void(const Reference&, const std::string& pointer)>& use) {
  visit(value, "", use);
}

std::vector<Reference> references_in(const Value& value) {
  std::vector<Reference> found;
  each_reference(value, [&](const Reference& reference, const std::string&) { found.push_back(reference); });
  return found;
}

Value substitute(const Value& value, const Resolver& resolve) {
  if (const auto* text = value.text()) {
    const auto pieces = split_references(*text);
    if (is_one_reference(pieces)) return resolve(pieces[0].reference);
    std::string made;
    for (const auto& piece : pieces)
      made += piece.is_reference ? plain_text(resolve(piece.reference)) : piece.literal;
    return made;
  }
  if (const auto* list = value.list()) {
    List made;
    for (const auto& entry : *list) made.push_back(substitute(entry, resolve));
    return made;
  }
  if (const auto* object = value.object()) {
    Object made;
    for (const auto& [key, member] : *object) made.emplace(key, substitute(member, resolve));
    return made;
  }
  return value;
}

Value item_value(const Value& item, const Reference& reference) {
  if (reference.name.empty()) return item;
  const Value* found = item.find(reference.name);
  if (found != nullptr) return *found;
  std::vector<std::string> names;
  if (const auto* object = item.object())
    for (const auto& [name, unused] : *object) names.push_back(name);
  base::invalid("'", reference.text, "': the item ", shown(item), " has no '", reference.name, "'",
                base::did_you_mean(reference.name, names));
}

const std::vector<std::string>& condition_ops() {
  static const std::vector<std::string> kOps = {"==", "!=", "<", "<=", ">", ">=", "in"};
  return kOps;
}

namespace {

bool equal(const Value& left, const Value& right) {
  if (left.is_number() && right.is_number()) return left.number() == right.number();
  return left == right;
}

// -1, 0, 1; 2 where a number is NaN.
int order(const Value& left, const std::string& op, const Value& right) {
  if (left.is_number() && right.is_number()) {
    const double a = left.number(), b = right.number();
    return a < b ? -1 : a > b ? 1 : a == b ? 0 : 2;
  }
  if (left.text() != nullptr && right.text() != nullptr) {
    const int compared = left.text()->compare(*right.text());
    return compared < 0 ? -1 : compared > 0;
  }
  base::invalid("'", op, "' needs two numbers or two strings, got ", kind_of(left), " (", shown(left),
                ") and ", kind_of(right), " (", shown(right), ")");
}

}  // namespace

bool holds(const Value& left, const std::string& op, const Value& right) {
  if (op == "==") return equal(left, right);
  if (op == "!=") return !equal(left, right);
  if (op == "in") {
    const auto* list = right.list();
    base::check_argument(list != nullptr, "'in' needs a list on the right, got ", kind_of(right), " (",
                         shown(right), ")");
    return std::any_of(list->begin(), list->end(), [&](const Value& entry) { return equal(left, entry); });
  }
  const int compared = order(left, op, right);
  if (op == "<") return compared == -1;
  if (op == "<=") return compared == -1 || compared == 0;
  if (op == ">") return compared == 1;
  if (op == ">=") return compared == 1 || compared == 0;
  base::invalid("unknown op '", base::printable(op, 20), "'; one of ==, !=, <, <=, >, >=, in");
}

}  // namespace whorl::pipeline
