#pragma once
// From ModelOptions::tensor_parallel_size to the ranks that share a model.
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "model/share.h"
#include "ranks/communicator.h"
#include "whorl/model.h"

namespace whorl::model {

// Reads where the ranks are and meets them; null for a size of 1. std::invalid_argument, before anybody is
// waited for, where the variables say another size or the model cannot be shared by so many.
std::shared_ptr<ranks::Communicator> join_ranks(const ModelOptions& options, const ModelConfig& config,
                                                bool rounded, const std::string& context);

// Collective: std::invalid_argument that names the first rank whose model or options are not those of rank 0.
// `made_of`: what its numbers follow from.
void expect_same_model(ranks::Communicator& all, const ModelOptions& options, const ModelConfig& config,
                       const std::string& made_of, const std::string& context);

inline Share share_of(const std::shared_ptr<ranks::Communicator>& all) {
  return all ? Share{all->rank(), all->size()} : Share{};
}

}  // namespace whorl::model
