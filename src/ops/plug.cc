#include "ops/plug.h"

#include <dlfcn.h>

#include <cstring>
#include <filesystem>
#include <mutex>

#include "base/check.h"
#include "ops/build_id.h"
#include "ops/device.h"
#include "ops/library_folders.h"

namespace whorl::ops {

namespace {
std::mutex mutex;
std::vector<std::string>& added() {
  static std::vector<std::string> folders;
  return folders;
}
std::string first;

// Where the code that asks was loaded from: the wheel's package, libwhorl.so's folder, the program's.
std::string own_folder() {
  Dl_info here{};
  if (!dladdr(reinterpret_cast<void*>(&build_id_of_caller), &here) || !here.dli_fname) return {};
  std::error_code ignored;
  return std::filesystem::canonical(here.dli_fname, ignored).parent_path().string();
}

void refuse(PlugCall& call, const std::string& why) {
  std::strncpy(call.refusal, why.c_str(), sizeof call.refusal - 1);
}

// The file, by absolute path; empty where no folder has it.
std::string find_library(const std::string& name, std::string& looked_in) {
  for (const std::string& folder : library_folders()) {
    const auto path = std::filesystem::path(folder) / name;
    std::error_code ignored;
    if (std::filesystem::exists(path, ignored)) return std::filesystem::absolute(path).string();
    looked_in += (looked_in.empty() ? "" : ", ") + folder;
  }
  return {};
}

PlugCall new_call(int device, int contract_version) {
  PlugCall call{};
  call.contract_version = contract_version;
  std::strncpy(call.build, build_id(), sizeof call.build - 1);
  call.device = device;
  return call;
}
}  // namespace

const char* build_id_of_caller() { return build_id(); }

std::vector<std::string> library_folders() {
  std::vector<std::string> folders;
  {
    std::lock_guard lock(mutex);
    if (!first.empty()) folders.push_back(first);
    folders.insert(folders.end(), added().begin(), added().end());
  }
  if (const std::string own = own_folder(); !own.empty()) folders.push_back(own);
  return folders;
}

void add_library_folder(const std::string& folder) {
  base::check_argument(!folder.empty(), "[add_library_folder] expected a folder, got an empty path");
  std::lock_guard lock(mutex);
  added().push_back(std::filesystem::absolute(folder).string());
}

void first_library_folder(const std::string& folder) {
  std::lock_guard lock(mutex);
  first = folder;
}

PlugCall call_plug(const std::string& library, int device, int contract_version) {
  PlugCall call = new_call(device, contract_version);
  std::string looked_in;
  const std::string path = find_library(library, looked_in);
  if (path.empty()) {
    refuse(call, library + " is not part of this installation (looked for in " + looked_in + ")");
    return call;
  }
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);  // stays open: backends hold its code
  if (!handle) {
    refuse(call, path + " does not load: " + dlerror());
    return call;
  }
  std::string folders;
  for (const std::string& folder : library_folders()) folders += (folders.empty() ? "" : ":") + folder;
  call.folders = folders.c_str();
  const auto function = reinterpret_cast<PlugFunction>(dlsym(handle, kPlugSymbol));
  if (!function) {
    refuse(call, path + " is no backend of Whorl: it has no function " + kPlugSymbol);
    return call;
  }
  function(&call);
  call.folders = nullptr;
  call.build[sizeof call.build - 1] = call.refusal[sizeof call.refusal - 1] = '\0';
  const std::string theirs = call.build;
  if (call.contract_version != contract_version || theirs != build_id()) {
    const int version = call.contract_version;
    call = new_call(device, contract_version);
    refuse(call, path + " belongs to another build of Whorl: expected contract " +
                     std::to_string(contract_version) + " of build " + build_id() + ", got contract " +
                     std::to_string(version) + " of build " + theirs);
  }
  return call;
}

}  // namespace whorl::ops
