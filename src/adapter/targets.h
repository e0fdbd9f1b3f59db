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

// The rank, alpha and scale of one module; does not ask whether it is targeted.
ResolvedModule resolve_module(const LoraConfig& config, const std::string& name, const std::string& context);

}  // namespace whorl::adapter
