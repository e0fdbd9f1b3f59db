#pragma once
// All ranks sum gradients the same way, or none would get what it waits for.
#include <string>

#include "base/log.h"
#include "ops/device_ranks.h"
#include "ranks/communicator.h"

namespace whorl::train {

struct Agreement {
  bool on_devices = false;
  std::string sentence;  // what is done and why, for the log; empty where all compute on the host anyway
  base::LogLevel level = base::LogLevel::info;
};

// Collective: the same answer on every rank.
Agreement agree(ranks::Communicator& all, const ops::Collective& mine);

// What a device needs of the ranks, which must outlive it.
ops::RankCalls calls_of(ranks::Communicator& all);

}  // namespace whorl::train
