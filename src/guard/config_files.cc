// A configuration is a file, or a folder whose YAML files are joined.
#include <filesystem>

#include "base/check.h"
#include "base/file.h"
#include "base/yaml.h"
#include "guard/config.h"
#include "guard/yaml_node.h"

namespace whorl::guard {
namespace {

constexpr int kMaxFolders = 8;  // one in another
constexpr size_t kMaxFiles = 256;

bool ends_with(const std::string& name, std::string_view end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

bool is_yaml(const std::string& name) { return ends_with(name, ".yml") || ends_with(name, ".yaml"); }

void refuse_what_would_run(const std::string& path) {
  if (ends_with(path, ".co"))
    base::invalid("[", kLoad, "] ", path, ": Colang is not run; rails are the flows that config.yml lists");
  if (ends_with(path, ".py"))
    base::invalid("[", kLoad, "] ", path, ": Python actions are not run; take the file out of the folder");
}

// A folder's own files, then its folders, each sorted by name.
void collect(const std::string& folder, int depth, std::vector<std::string>& files) {
  auto& disk = *base::FileSystem::real();
  std::vector<std::string> folders;
  for (const auto& name : base::list_directory(disk, folder, kLoad)) {
    const std::string path = base::join(folder, name);
    base::FileInfo info;
    if (name.front() == '.' || disk.info(path, info) < 0) continue;
    if (info.kind == base::FileInfo::Kind::directory) {
      folders.push_back(path);
      continue;
    }
    refuse_what_would_run(path);
    if (is_yaml(name)) files.push_back(path);
  }
  if (files.size() > kMaxFiles)
    base::invalid("[", kLoad, "] ", folder, ": more than ", kMaxFiles, " YAML files");
  if (depth < kMaxFolders)
    for (const auto& next : folders) collect(next, depth + 1, files);
}

}  // namespace

Config load_config(const std::string& path) {
  std::vector<std::string> files;
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) {
    collect(path, 0, files);
    if (files.empty()) base::invalid("[", kLoad, "] ", path, ": expected a *.yml or *.yaml file, found none");
  } else {
    files.push_back(path);
  }
  Config config;
  for (const auto& file : files) read_config(base::read_yaml(file, kLoad), config);
  check_config(config);
  return config;
}

Config parse_config(std::string_view text) {
  const base::Yaml yaml = base::parse_yaml(text, kLoad, "config.yml");
  Config config;
  read_config(yaml, config);
  check_config(config);
  return config;
}

}  // namespace whorl::guard
