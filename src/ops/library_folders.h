#pragma once
// Libraries that are opened at run time, and where they are looked for.
#include <string>
#include <vector>

#include "ops/plug.h"

namespace whorl::ops {

// Folders that were added, then the one this code was loaded from.
std::vector<std::string> library_folders();

// The answer of `library` (a file name) about its devices, with a backend on `device` unless that is -1.
// Never throws: `refusal` says why there is no backend.
PlugCall call_plug(const std::string& library, int device, int contract_version = kContractVersion);

// For tests: a folder before all others, in place of the one set before; empty takes it away.
void first_library_folder(const std::string& folder);

// Only so that the loader can say where this code was loaded from.
const char* build_id_of_caller();

}  // namespace whorl::ops
