#include "cuda/library.h"

#include <dlfcn.h>

#include <sstream>

#include "base/check.h"

namespace whorl::cuda {

namespace {
void* open_library(const std::string& file, const std::string& folders) {
  std::istringstream list(folders);
  for (std::string folder; std::getline(list, folder, ':');)
    if (void* library = dlopen((folder + "/" + file).c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  // The RUNPATH of the library that this is part of, then the system's places.
  return dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
}
}  // namespace

Library::Library(const std::string& title, const std::string& file, const std::string& folders)
    : file_(file), handle_(open_library(file, folders)) {
  if (!handle_)
    base::failed(title, " (", file, ") does not load; install it with: pip install 'whorl[cuda13]'");
}

void* Library::address(const char* name) const {
  void* const found = dlsym(handle_, name);
  if (!found) base::failed(file_, " has no function ", name);
  return found;
}

}  // namespace whorl::cuda
