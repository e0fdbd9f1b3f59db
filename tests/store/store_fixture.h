#pragma once
// Small adapters and stores for the store's tests.
#include <gtest/gtest.h>

#include "adapter/adapter_impl.h"
#include "store/store_impl.h"
#include "whorl/adapter_store.h"

namespace whorl::store {

inline Adapter small_adapter(uint64_t seed, int64_t rank = 2) {
  adapter::BaseDescription base;
  base.modules["model.layers.0.self_attn.q_proj"] = {4, 4};
  adapter::LoraConfig config;
  config.rank = rank;
  config.init = "false";
  config.targets = adapter::Targets::of_list({"q_proj"});
  return adapter::make_adapter(adapter::create_lora(config, base, seed), "[test]");
}

// The message of the exception that `body` must throw, of exactly this family.
template <class Error, class Body>
std::string refusal(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another kind of exception: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected an exception";
  return "";
}

inline bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

inline std::string problems_of(const StoreReport& report) {
  std::string out;
  for (const StoreProblem& problem : report.problems) out += problem.path + ": " + problem.what + "\n";
  return out;
}

}  // namespace whorl::store
