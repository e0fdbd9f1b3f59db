#pragma once
// Which modules an adapter's configuration means, by PEFT's rules.
#include <map>
#include <string>
#include <vector>

#include "adapter/lora.h"

namespace whorl::adapter {

struct ResolvedModule {
  int64_t rank = 0;
  double alpha = 0;
  double scale = 0;
};

// The targeted ones among `linear_names`, with the rank, alpha and scale that patterns leave them. A target
// that matches no module is invalid_argument naming it (and the nearest ending), as is an empty result.
std::map<std::string, ResolvedModule> resolve_targets(const LoraConfig& config,
                                                      const std::vector<std::string>& linear_names,
                                                      const std::string& context);

// The shortest list of endings, else of whole names, that means exactly `chosen` among `linear_names`.
std::vector<std::string> target_list(const std::vector<std::string>& chosen,
                                     const std::vector<std::string>& linear_names);

// The same without complaint: a target that matches nothing is returned in `unused` (if given).
std::map<std::string, ResolvedModule> matching_modules(const LoraConfig& config,
                                                       const std::vector<std::string>& linear_names,
                                                       const std::string& context,
                                                       std::vector<std::string>* unused = nullptr);

// Rank, alpha and scale of these modules; does not ask whether they are targeted.
std::map<std::string, ResolvedModule> resolve_modules(const LoraConfig& config,
                                                      const std::vector<std::string>& names,
                                                      const std::string& context);

}  // namespace whorl::adapter
