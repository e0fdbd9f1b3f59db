#include <cmath>
#include <map>

#include "base/check.h"
#include "eval/statistics.h"
#include "whorl/statistics.h"

namespace whorl {

Score cohens_kappa(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  base::check_argument(first.size() == second.size(),
                       "[cohens_kappa] expected as many labels of both raters, got ", first.size(), " and ",
                       second.size());
  base::check_argument(!first.empty(), "[cohens_kappa] expected at least one row, got none");
  const auto n = static_cast<double>(first.size());
  std::map<std::string, double> rows, columns;
  std::map<std::pair<std::string, std::string>, double> cells;
  for (size_t i = 0; i < first.size(); ++i) {
    rows[first[i]] += 1 / n;
    columns[second[i]] += 1 / n;
    cells[{first[i], second[i]}] += 1 / n;
  }
  double agree = 0, chance = 0;
  for (const auto& [labels, share] : cells) agree += labels.first == labels.second ? share : 0;
  for (const auto& [label, share] : rows) chance += share * columns[label];
  Score out;
  out.n = std::ssize(first);
  if (rows.size() == 1 && columns.size() == 1 && rows.begin()->first == columns.begin()->first) {
    out.value = out.ci_low = out.ci_high = 1;
    out.method = "one label throughout: no interval";
    return out;
  }
  const double kappa = (agree - chance) / (1 - chance), rest = 1 - kappa;
  double same = 0, different = 0;
  for (const auto& [labels, share] : cells) {
    const auto& [a, b] = labels;
    if (a == b) {
      const double off = 1 - (rows[a] + columns[a]) * rest;
      same += share * off * off;
    } else {
      const double off = columns[a] + rows[b];
      different += share * off * off;
    }
  }
  const double middle = kappa - chance * rest;
  const double variance =
      (same + rest * rest * different - middle * middle) / ((1 - chance) * (1 - chance) * n);
  out.value = kappa;
  out.stderr_ = std::sqrt(std::max(variance, 0.0));
  out.ci_low = kappa - eval::kNormal95 * out.stderr_;
  out.ci_high = kappa + eval::kNormal95 * out.stderr_;
  out.method = "Fleiss, Cohen and Everitt, normal";
  return out;
}

}  // namespace whorl
