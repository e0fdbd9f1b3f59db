#pragma once
// A library of NVIDIA's, opened at run time: none of them is part of Whorl's wheel. It stays open.
#include <string>

namespace whorl::cuda {

class Library {
 public:
  // `title` and `file` name it to people and to the loader; `folders`, separated by ':', come before the
  // system's places. std::runtime_error with one sentence where it is nowhere to be found.
  Library(const std::string& title, const std::string& file, const std::string& folders);

  template <class Function>
  void find(const char* name, Function& function) const {
    function = reinterpret_cast<Function>(address(name));
  }
  void* handle() const { return handle_; }  // as dlopen gave it

 private:
  void* address(const char* name) const;  // std::runtime_error where it has no such function

  std::string file_;
  void* handle_ = nullptr;
};

}  // namespace whorl::cuda
