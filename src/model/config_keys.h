#pragma once
// Which keys of config.json are understood, which do no harm, and which would change the forward pass.
#include <string>

#include "base/json.h"
#include "model/family.h"

namespace whorl::model {

// Throws std::invalid_argument naming the key and its value when it asks for arithmetic that is not here.
void check_config_keys(const base::Json& json, const Family& family, const std::string& context);

}  // namespace whorl::model
