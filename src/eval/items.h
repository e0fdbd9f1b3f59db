#pragma once
// The rows of an evaluation as JSON objects: what templates call `item`.
#include <optional>
#include <string>
#include <vector>

#include "whorl/evaluator.h"

namespace whorl {

namespace eval {

struct Item {
  std::string json;    // an object; numbers as the file spells them
  std::string source;  // "test.jsonl:17"
  std::string id;      // of its contents: 16 hex digits, and "#2" for the second such row
};

// `{"messages": [...], ...}`: the row's own fields, then the columns that its format does not use.
std::string item_json(const Row& row);

// A key as NeMo's templates spell it: letters lowered, what is no ASCII letter or digit an underscore.
std::string normalised_key(const std::string& key);

}  // namespace eval

struct EvaluateData::Impl {
  std::vector<eval::Item> items;
  std::optional<Dataset> dataset;  // where the rows are conversations
  std::string digest;
};

}  // namespace whorl
