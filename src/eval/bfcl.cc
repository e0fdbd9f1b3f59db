// Several calls against several expected ones.
#include "eval/bfcl.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/check.h"

namespace whorl {
namespace eval {
namespace {

using base::Json;

Json read_list(const std::string& text, const char* what) {
  Json list = base::parse_json(text, base::concat("[bfcl_ast_check] ", what));
  base::check_argument(list.is_array(), "[bfcl_ast_check] ", what, ": expected a list, got ",
                       base::kind_of(list));
  for (const auto& item : list)
    base::check_argument(item.is_object(), "[bfcl_ast_check] ", what, ": expected a list of objects, got ",
                         base::kind_of(item), " in it");
  return list;
}

const Json& function_named(const Json& functions, const std::string& name) {
  for (const auto& function : functions)
    if (function.contains("name") && function["name"] == name) return function;
  base::invalid("[bfcl_ast_check] expected call '", name, "' is not among the functions offered");
}

std::string spoken_name(std::string name, const BfclOptions& options) {
  if (options.dots_to_underscores) std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

std::vector<ExpectedCall> read_expected(const Json& functions, const Json& answers,
                                        const BfclOptions& options) {
  std::vector<ExpectedCall> out;
  for (const auto& answer : answers) {
    base::check_argument(answer.size() == 1 && answer.begin()->is_object(),
                         "[bfcl_ast_check] possible_answers: expected {name: {parameter: [values]}}, got ",
                         answer.dump());
    const std::string name = answer.begin().key();
    const Json& function = function_named(functions, name);
    base::check_argument(function.contains("parameters") && function["parameters"].is_object(),
                         "[bfcl_ast_check] function '", name,
                         "': expected field 'parameters' to be an object");
    for (const auto& [parameter, values] : answer.begin()->items())
      base::check_argument(values.is_array(),
                           "[bfcl_ast_check] possible_answers: expected a list of values for '", parameter,
                           "', got ", base::kind_of(values));
    out.push_back({spoken_name(name, options), &function, &*answer.begin()});
  }
  return out;
}

std::vector<ReadCall> read_got(const std::vector<ToolCall>& calls) {
  std::vector<ReadCall> out;
  for (const auto& call : calls) {
    Json arguments = Json::object();
    try {
      if (!call.arguments.empty()) arguments = base::parse_json(call.arguments, "arguments");
    } catch (const std::invalid_argument&) {
      arguments = nullptr;  // what a model wrote may be anything; it matches nothing
    }
    out.push_back({call.name, std::make_shared<const Json>(std::move(arguments))});
  }
  return out;
}

std::string category_of(const BfclOptions& options, size_t functions, size_t expected) {
  if (options.category == "auto") return expected != 1 ? "parallel" : functions > 1 ? "multiple" : "simple";
  const std::vector<std::string> known = {"auto", "simple", "multiple", "parallel"};
  base::check_argument(
      std::find(known.begin(), known.end(), options.category) != known.end(),
      "[bfcl_ast_check] expected category to be 'auto', 'simple', 'multiple' or 'parallel', got '",
      options.category, "'", base::did_you_mean(options.category, known));
  return options.category;
}

// The leaderboard's way: each expected call takes the first call left that fits.
BfclResult match_greedily(const std::vector<ExpectedCall>& expected, const std::vector<ReadCall>& got) {
  std::vector<bool> taken(got.size(), false);
  for (const auto& call : expected) {
    BfclResult last;
    for (size_t i = 0; i < got.size() && !last.valid; ++i) {
      if (taken[i]) continue;
      last = check_call_loosely(call, got[i]);
      taken[i] = last.valid;
    }
    if (!last.valid)
      return bfcl_fault("parallel_function_checker_no_order:cannot_find_match",
                        "no call fits the expected '" + call.name + "'; the last tried: " + last.error);
  }
  return {true};
}

// Kuhn's augmenting paths: finds a pairing of all calls if there is one.
class Matching {
 public:
  explicit Matching(std::vector<std::vector<bool>> fits)
      : fits_(std::move(fits)), owner_(fits_.size(), fits_.size()) {}
  // The first expected call that cannot be paired, or how many there are.
  size_t first_unmatched() {
    for (size_t e = 0; e < fits_.size(); ++e) {
      seen_.assign(fits_.size(), false);
      if (!place(e)) return e;
    }
    return fits_.size();
  }

 private:
  bool place(size_t e) {
    for (size_t g = 0; g < fits_.size(); ++g) {
      if (!fits_[e][g] || seen_[g]) continue;
      seen_[g] = true;
      if (owner_[g] == fits_.size() || place(owner_[g])) {
        owner_[g] = e;
        return true;
      }
    }
    return false;
  }
  std::vector<std::vector<bool>> fits_;
  std::vector<size_t> owner_;  // per call got: the expected call it is paired with
  std::vector<bool> seen_;
};

BfclResult match_strictly(const std::vector<ExpectedCall>& expected, const std::vector<ReadCall>& got) {
  std::vector<std::vector<bool>> fits(expected.size(), std::vector<bool>(got.size()));
  std::vector<BfclResult> why(expected.size());
  for (size_t e = 0; e < expected.size(); ++e)
    for (size_t g = 0; g < got.size(); ++g) {
      BfclResult result = check_call_strictly(expected[e], got[g]);
      fits[e][g] = result.valid;
      if (!result.valid && (why[e].error.empty() || got[g].name == expected[e].name))
        why[e] = std::move(result);
    }
  const size_t unmatched = Matching(std::move(fits)).first_unmatched();
  if (unmatched == expected.size()) return {true};
  if (why[unmatched].error.empty())
    return bfcl_fault("strict:surplus", "two expected calls fit one call only");
  return why[unmatched];
}

}  // namespace
}  // namespace eval

BfclResult bfcl_ast_check(const std::string& functions, const std::vector<ToolCall>& got,
                          const std::string& possible_answers, const BfclOptions& options) {
  constexpr size_t kMostCalls = 256;
  const auto offered = eval::read_list(functions, "functions");
  const auto answers = eval::read_list(possible_answers, "possible_answers");
  base::check_argument(answers.size() <= kMostCalls, "[bfcl_ast_check] expected at most ", kMostCalls,
                       " expected calls, got ", answers.size());
  const auto expected = eval::read_expected(offered, answers, options);
  const std::string category = eval::category_of(options, offered.size(), expected.size());
  if (got.size() != expected.size()) {
    const std::string checker = options.strict           ? "strict"
                                : category == "parallel" ? "parallel_function_checker_no_order"
                                                         : category + "_function_checker";
    return eval::bfcl_fault(checker + ":wrong_count",
                            base::concat("expected ", expected.size(), " calls, got ", got.size()));
  }
  const auto calls = eval::read_got(got);
  if (options.strict) return eval::match_strictly(expected, calls);
  if (category == "parallel") return eval::match_greedily(expected, calls);
  base::check_argument(expected.size() == 1, "[bfcl_ast_check] expected one call in category '", category,
                       "', got ", expected.size());
  return eval::check_call_loosely(expected.front(), calls.front());
}

}  // namespace whorl
