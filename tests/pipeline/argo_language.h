#pragma once
// As much of Argo's expression language as the manifests use, for the tests that run them: literals, member
// and index access, calls of fromJSON, float, lower and replace, comparison, `in`, text joining, && and ||.
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>

namespace whorl::pipeline::testing {

using Json = nlohmann::ordered_json;

// `scope` holds the names. A name that is not there, or an order between kinds that have none, is
// std::runtime_error as it is an error of the node in Argo.
Json evaluate(const std::string& expression, const Json& scope);

// Replaces {{name}} by the text at that dotted name of `scope` and {{=expression}} by its value; what it does
// not know stays as it is.
std::string fill(const std::string& text, const Json& scope);

// `depends`: names with .Succeeded, .Failed, … and &&, ||, parentheses; `results` by task, then by result.
bool depends_hold(const std::string& depends, const Json& results);

}  // namespace whorl::pipeline::testing
