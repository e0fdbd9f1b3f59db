#include "pipeline/run_store.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <vector>

#include "base/check.h"
#include "base/hash.h"

namespace whorl::pipeline {
namespace {

using base::FileInfo;
using base::FileSystem;

constexpr size_t kChunk = size_t{1} << 20;

FileInfo info_of(FileSystem& fs, const std::string& path, const std::string& context) {
  FileInfo info;
  const int error = fs.info(path, info);
  if (error == -ENOENT) base::invalid(context, ": no such file or folder: ", path);
  if (error < 0) throw base::FileError(base::concat(context, ": cannot look at ", path), -error);
  return info;
}

std::string file_digest(FileSystem& fs, const std::string& path, const std::string& context) {
  const auto file = base::File::open(fs, path, context);
  base::Sha256 hash;
  const uint64_t size = file.size();
  std::string buffer(std::min<uint64_t>(kChunk, size), '\0');
  for (uint64_t at = 0; at < size; at += buffer.size()) {
    const size_t part = std::min<uint64_t>(buffer.size(), size - at);
    file.read_at(buffer.data(), part, at);
    hash.update(buffer.data(), part);
  }
  return hash.hex();
}

constexpr int kMostDepth = 64;  // of folders; links that lead round end here

std::string followed(const std::string& path, const std::string& context) {
  std::error_code error;
  const auto target = std::filesystem::canonical(path, error);
  base::check_argument(!error, context, ": a link that leads nowhere: ", path);
  return target.string();
}

struct Visit {
  FileSystem& fs;
  const std::string& context;
  Links links;
  base::Sha256& hash;
};

void visit(const Visit& how, std::string path, const std::string& name, int depth) {
  auto& [fs, context, links, hash] = how;
  base::check_argument(depth <= kMostDepth, context, ": folders deeper than ", kMostDepth, ": ", path);
  auto info = info_of(fs, path, context);
  if (info.kind == FileInfo::Kind::link && links == Links::follow) {
    path = followed(path, context);
    info = info_of(fs, path, context);
  }
  // Lengths before names: no two trees give the same bytes.
  const auto line = [&](const char* kind, uint64_t size, const std::string& digest) {
    hash.update(base::concat(kind, " ", name.size(), " ", name, " ", size, " ", digest, "\n"));
  };
  if (info.kind == FileInfo::Kind::file) {
    line("file", info.size, file_digest(fs, path, context));
  } else if (info.kind == FileInfo::Kind::directory) {
    line("folder", 0, "");
    for (const auto& entry : base::list_directory(fs, path, context))
      visit(how, base::join(path, entry), name + "/" + entry, depth + 1);
  } else {
    base::invalid(context, ": neither file nor folder (links have their content elsewhere): ", path);
  }
}

void sync_tree(FileSystem& fs, const std::string& path, const std::string& context) {
  if (info_of(fs, path, context).kind == FileInfo::Kind::directory) {
    for (const auto& entry : base::list_directory(fs, path, context))
      sync_tree(fs, base::join(path, entry), context);
    base::fsync_directory(fs, path, context);
  } else {
    base::File::open(fs, path, context).fsync();
  }
}

void copy_tree(FileSystem& fs, const std::string& from, const std::string& to, const std::string& context) {
  const auto info = info_of(fs, from, context);
  if (info.kind == FileInfo::Kind::link || info.kind == FileInfo::Kind::other)
    base::invalid(context, ": neither file nor folder (links have their content elsewhere): ", from);
  if (info.kind == FileInfo::Kind::directory) {
    base::make_directories(fs, to, context);
    for (const auto& entry : base::list_directory(fs, from, context))
      copy_tree(fs, base::join(from, entry), base::join(to, entry), context);
    return;
  }
  const auto source = base::File::open(fs, from, context);
  auto target = base::File::create(fs, to, context);
  const uint64_t size = source.size();
  std::string buffer(std::min<uint64_t>(kChunk, size), '\0');
  for (uint64_t at = 0; at < size; at += buffer.size()) {
    const size_t part = std::min<uint64_t>(buffer.size(), size - at);
    source.read_at(buffer.data(), part, at);
    target.write(buffer.data(), part);
  }
  target.close();
}

}  // namespace

Value to_value(const Artifact& artifact) {
  return Object{{"artifact", artifact.digest}, {"name", artifact.name}};
}

std::optional<Artifact> artifact_of(const Value& value) {
  const Value *digest = value.find("artifact"), *name = value.find("name");
  if (digest == nullptr || name == nullptr || value.object()->size() != 2) return std::nullopt;
  if (digest->text() == nullptr || name->text() == nullptr || !base::is_sha256_hex(*digest->text()))
    return std::nullopt;
  return Artifact{*digest->text(), *name->text()};
}

std::string content_digest(FileSystem& fs, const std::string& path, const std::string& name,
                           const std::string& context, Links links) {
  base::Sha256 hash;
  visit({fs, context, links, hash}, path, name, 0);
  return hash.hex();
}

RunStore::RunStore(std::string root, std::shared_ptr<FileSystem> fs)
    : root_(std::move(root)), fs_(std::move(fs)) {
  base::make_directories(*fs_, base::join(root_, "objects"), "[Pipeline.run]");
}

Artifact RunStore::take(const std::string& path, const std::string& context) const {
  const auto name = base::base_name_of(path);
  const auto staging = base::join(base::join(root_, "objects"), base::temporary_name());
  base::make_directories(*fs_, staging, context);
  const int error = fs_->rename(path, base::join(staging, name));
  if (error < 0) throw base::FileError(base::concat(context, ": cannot move ", path), -error);
  return adopt(staging, name, context);
}

Artifact RunStore::copy(const std::string& path, const std::string& context) const {
  const auto name = base::base_name_of(path);
  const auto staging = base::join(base::join(root_, "objects"), base::temporary_name());
  base::make_directories(*fs_, staging, context);
  copy_tree(*fs_, path, base::join(staging, name), context);
  return adopt(staging, name, context);
}

// Whole and on disk before it has its name; whoever comes second with the same content finds it there.
Artifact RunStore::adopt(const std::string& staging, const std::string& name,
                         const std::string& context) const {
  const Artifact made{content_digest(*fs_, base::join(staging, name), name, context), name};
  sync_tree(*fs_, staging, context);
  const auto objects = base::join(root_, "objects");
  const auto target = base::join(objects, made.digest);
  int error = fs_->rename_new(staging, target);
  if (error == -EEXIST || error == -ENOTEMPTY) {
    if (intact(made)) {
      base::remove_tree(*fs_, staging, context);
      return made;
    }
    // What stands there is damaged: put the new one in its place.
    base::remove_tree(*fs_, target, context);
    error = fs_->rename_new(staging, target);
  }
  if (error < 0) throw base::FileError(base::concat(context, ": cannot name ", target), -error);
  base::fsync_directory(*fs_, objects, context);
  return made;
}

std::string RunStore::path_of(const Artifact& artifact) const {
  return base::join(base::join(base::join(root_, "objects"), artifact.digest), artifact.name);
}

bool RunStore::intact(const Artifact& artifact) const {
  try {
    return content_digest(*fs_, path_of(artifact), artifact.name, "[Pipeline.run]") == artifact.digest;
  } catch (const std::exception&) {
    return false;
  }
}

Value localised(const Value& value, const RunStore& store) {
  if (const auto artifact = artifact_of(value)) return store.path_of(*artifact);
  if (const auto* list = value.list()) {
    List made;
    for (const auto& entry : *list) made.push_back(localised(entry, store));
    return made;
  }
  if (const auto* object = value.object()) {
    Object made;
    for (const auto& [key, member] : *object) made.emplace(key, localised(member, store));
    return made;
  }
  return value;
}

}  // namespace whorl::pipeline
