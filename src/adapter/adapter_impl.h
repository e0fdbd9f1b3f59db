#pragma once
// What stands behind the public Adapter; for rooms that compute with it.
#include <memory>

#include "adapter/lora.h"
#include "whorl/adapter.h"

namespace whorl {

struct Adapter::Impl {
  adapter::LoraAdapter lora;
  std::string digest;
};

namespace adapter {

// Checks the adapter (see check_lora) and takes it over.
Adapter make_adapter(LoraAdapter lora, const std::string& context);

// Throws std::invalid_argument for an empty Adapter.
const LoraAdapter& adapter_impl(const Adapter& adapter);

}  // namespace adapter
}  // namespace whorl
