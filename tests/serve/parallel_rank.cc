// One process of a model that several compute: parallel_rank FOLDER SIZE [FILE]. Its rank and place are in
// the environment. It follows; or, with a size of 1, answers one request itself. FILE receives the most
// memory that it ever held, in KiB, when the model is there.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <string>

#include "whorl/inference_engine.h"

namespace {
std::string most_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind("VmHWM:", 0) == 0) return line.substr(6);
  return {};
}
}  // namespace

int main(int count, char** words) try {
  const int size = std::atoi(words[2]);
  const auto model = whorl::Model::load(words[1], {.threads = 1, .tensor_parallel_size = size});
  if (count > 3) {
    const std::string file = words[3];
    std::ofstream(file + ".part") << most_memory() << "\n";
    std::rename((file + ".part").c_str(), file.c_str());
  }
  if (size > 1) model.follow();
  return 0;
} catch (const std::exception& error) {
  std::cerr << error.what() << "\n";
  return 1;
}
