#pragma once
// References inside values: ${parameters.x}, ${steps.a.outputs.k}, ${item}, ${item.k}, ${inputs.x},
// ${run.state}.
#include <functional>
#include <string>
#include <vector>

#include "pipeline/value.h"

namespace whorl::pipeline {

struct Reference {
  enum class Root { parameters, steps, item, inputs, run };
  Root root = Root::parameters;
  std::string name;  // the parameter, step, item key ("" = the whole item), input or field of the run
  std::string key;   // steps only: the output
  std::string text;  // as written, with ${ and }
};

// A text cut into literals and references. "$${" is a literal "${". Throws std::invalid_argument without a
// context: "'${parameter.x}' names no …; did you mean …".
struct Piece {
  std::string literal;
  bool is_reference = false;
  Reference reference;
};
std::vector<Piece> split_references(const std::string& text);

// Whether the whole text is one reference, which then keeps its type.
bool is_one_reference(const std::vector<Piece>& pieces);

// Every reference inside `value`, keys of objects left alone. `where` is a JSON pointer below the value.
void each_reference(const Value& value,
                    const std::function<void(const Reference&, const std::string& pointer)>& use);
std::vector<Reference> references_in(const Value& value);

// `value` with every reference replaced by what `resolve` answers.
using Resolver = std::function<Value(const Reference&)>;
Value substitute(const Value& value, const Resolver& resolve);

// What ${item.k} stands for.
Value item_value(const Value& item, const Reference& reference);

// left op right. Numbers compare as numbers (1 == 1.0), texts by bytes; other kinds know == and != only.
// Throws std::invalid_argument for an unknown op or an order between kinds that have none.
bool holds(const Value& left, const std::string& op, const Value& right);
const std::vector<std::string>& condition_ops();

}  // namespace whorl::pipeline
