#pragma once
// The page that one shows to a colleague.
#include <string>
#include <vector>

#include "base/json.h"
#include "whorl/evaluator.h"

namespace whorl::eval {

// `settings`: a JSON object shown as it is, or null.
std::string report_page(const std::vector<EvaluateResult>& results,
                        const std::vector<Comparison>& comparisons, const std::string& title,
                        const base::Json& settings);

// Foreign text inside an element or a quoted attribute.
std::string escape_html(const std::string& text);

}  // namespace whorl::eval
