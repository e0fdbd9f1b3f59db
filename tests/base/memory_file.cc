#include "base/memory_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <set>
#include <sstream>

#include "base/random.h"

namespace whorl::base {

namespace {
std::vector<std::string> parts_of(const std::string& path) {
  std::vector<std::string> out;
  std::stringstream in(path);
  for (std::string part; std::getline(in, part, '/');)
    if (!part.empty() && part != ".") out.push_back(part);
  return out;
}
}  // namespace

MemoryFileSystem::MemoryFileSystem() : root_(std::make_shared<Node>()) { root_->directory = true; }

MemoryFileSystem::NodePointer MemoryFileSystem::find(const std::string& path) const {
  NodePointer node = root_;
  for (const std::string& part : parts_of(path)) {
    const auto it = node->entries.find(part);
    if (it == node->entries.end()) return nullptr;
    node = it->second;
  }
  return node;
}

int MemoryFileSystem::parent(const std::string& path, NodePointer& folder, std::string& name) const {
  const std::vector<std::string> parts = parts_of(path);
  if (parts.empty()) return -EEXIST;
  name = parts.back();
  folder = find(parent_of(path));
  if (!folder) return -ENOENT;
  return folder->directory ? 0 : -ENOTDIR;
}

int MemoryFileSystem::open_node(NodePointer node) {
  open_[next_] = std::move(node);
  return next_++;
}

MemoryFileSystem::NodePointer MemoryFileSystem::opened(int fd) const {
  const auto it = open_.find(fd);
  return it == open_.end() ? nullptr : it->second;
}

int MemoryFileSystem::open_read(const std::string& path) {
  std::lock_guard lock(mutex_);
  NodePointer node = find(path);
  return node ? open_node(node) : -ENOENT;
}

int MemoryFileSystem::create(const std::string& path) {
  std::lock_guard lock(mutex_);
  NodePointer folder;
  std::string name;
  if (const int rc = parent(path, folder, name)) return rc;
  if (folder->entries.count(name)) return -EEXIST;
  auto node = std::make_shared<Node>();
  node->links = 1;
  node->modified = now();
  folder->entries[name] = node;
  return open_node(node);
}

int MemoryFileSystem::append(const std::string& path) {
  const int rc = create(path);
  return rc == -EEXIST ? open_read(path) : rc;
}

int64_t MemoryFileSystem::read_at(int fd, void* buffer, size_t size, uint64_t offset) {
  std::lock_guard lock(mutex_);
  const NodePointer node = opened(fd);
  if (!node) return -EBADF;
  if (node->directory) return -EISDIR;
  if (offset >= node->bytes.size()) return 0;
  const size_t n = std::min(size, node->bytes.size() - static_cast<size_t>(offset));
  std::memcpy(buffer, node->bytes.data() + offset, n);
  return static_cast<int64_t>(n);
}

int64_t MemoryFileSystem::write(int fd, const void* data, size_t size) {
  std::lock_guard lock(mutex_);
  const NodePointer node = opened(fd);
  if (!node) return -EBADF;
  node->bytes.append(static_cast<const char*>(data), size);
  node->modified = now();
  return static_cast<int64_t>(size);
}

int MemoryFileSystem::truncate(int fd, uint64_t size) {
  std::lock_guard lock(mutex_);
  const NodePointer node = opened(fd);
  if (!node) return -EBADF;
  node->bytes.resize(static_cast<size_t>(size));
  return 0;
}

int MemoryFileSystem::fsync(int fd) {
  std::lock_guard lock(mutex_);
  const NodePointer node = opened(fd);
  if (!node) return -EBADF;
  node->durable_bytes = node->bytes;
  return 0;
}

int MemoryFileSystem::close(int fd) {
  std::lock_guard lock(mutex_);
  return open_.erase(fd) ? 0 : -EBADF;
}

int64_t MemoryFileSystem::size(int fd) {
  std::lock_guard lock(mutex_);
  const NodePointer node = opened(fd);
  if (!node) return -EBADF;
  return node->directory ? -EISDIR : static_cast<int64_t>(node->bytes.size());
}

int MemoryFileSystem::map(int fd, uint64_t size, std::shared_ptr<const void>& out) {
  std::lock_guard lock(mutex_);
  const NodePointer node = opened(fd);
  if (!node || node->bytes.size() < size) return -EBADF;
  auto copy = std::make_shared<std::string>(node->bytes);
  out = std::shared_ptr<const void>(copy, copy->data());
  return 0;
}

int MemoryFileSystem::move(const std::string& from, const std::string& to, bool replace) {
  std::lock_guard lock(mutex_);
  NodePointer source, target;
  std::string source_name, target_name;
  if (const int rc = parent(from, source, source_name)) return rc;
  if (const int rc = parent(to, target, target_name)) return rc;
  const auto node = source->entries.find(source_name);
  if (node == source->entries.end()) return -ENOENT;
  const auto old = target->entries.find(target_name);
  if (old != target->entries.end()) {
    if (!replace) return -EEXIST;
    if (old->second->directory && !old->second->entries.empty()) return -ENOTEMPTY;
    if (old->second->directory != node->second->directory) return old->second->directory ? -EISDIR : -ENOTDIR;
    --old->second->links;
  }
  const NodePointer moved = node->second;
  source->entries.erase(node);
  target->entries[target_name] = moved;
  return 0;
}

int MemoryFileSystem::exchange(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  NodePointer source, target;
  std::string source_name, target_name;
  if (const int rc = parent(from, source, source_name)) return rc;
  if (const int rc = parent(to, target, target_name)) return rc;
  if (!source->entries.count(source_name) || !target->entries.count(target_name)) return -ENOENT;
  std::swap(source->entries[source_name], target->entries[target_name]);
  return 0;
}

int MemoryFileSystem::link(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  const NodePointer node = find(from);
  if (!node) return -ENOENT;
  if (node->directory) return -EPERM;
  NodePointer folder;
  std::string name;
  if (const int rc = parent(to, folder, name)) return rc;
  if (folder->entries.count(name)) return -EEXIST;
  folder->entries[name] = node;
  ++node->links;
  return 0;
}

int MemoryFileSystem::unlink(const std::string& path) {
  std::lock_guard lock(mutex_);
  NodePointer folder;
  std::string name;
  if (const int rc = parent(path, folder, name)) return rc;
  const auto it = folder->entries.find(name);
  if (it == folder->entries.end()) return -ENOENT;
  if (it->second->directory) return -EISDIR;
  --it->second->links;
  folder->entries.erase(it);
  return 0;
}

int MemoryFileSystem::make_directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  NodePointer folder;
  std::string name;
  if (const int rc = parent(path, folder, name)) return rc;
  if (folder->entries.count(name)) return -EEXIST;
  auto node = std::make_shared<Node>();
  node->directory = true;
  node->modified = now();
  folder->entries[name] = node;
  return 0;
}

int MemoryFileSystem::remove_directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  NodePointer folder;
  std::string name;
  if (const int rc = parent(path, folder, name)) return rc;
  const auto it = folder->entries.find(name);
  if (it == folder->entries.end()) return -ENOENT;
  if (!it->second->directory) return -ENOTDIR;
  if (!it->second->entries.empty()) return -ENOTEMPTY;
  folder->entries.erase(it);
  return 0;
}

int MemoryFileSystem::fsync_directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  const NodePointer node = find(path);
  if (!node) return -ENOENT;
  if (!node->directory) return -ENOTDIR;
  node->durable_entries = node->entries;
  return 0;
}

int MemoryFileSystem::list(const std::string& path, std::vector<std::string>& names) {
  std::lock_guard lock(mutex_);
  names.clear();
  const NodePointer node = find(path);
  if (!node) return -ENOENT;
  if (!node->directory) return -ENOTDIR;
  for (const auto& [name, entry] : node->entries) names.push_back(name);
  return 0;
}

int MemoryFileSystem::info(const std::string& path, FileInfo& out) {
  std::lock_guard lock(mutex_);
  const NodePointer node = find(path);
  if (!node) return -ENOENT;
  out.kind = node->directory ? FileInfo::Kind::directory : FileInfo::Kind::file;
  out.size = node->bytes.size();
  out.modified = node->modified;
  out.links = node->directory ? 2 : node->links;
  return 0;
}

void MemoryFileSystem::cut(Node& node, Cut how, uint64_t seed, uint64_t& draw) {
  const auto coin = [&](uint64_t n) { return how == Cut::some ? below(seed, draw++, n) : 0; };
  if (!node.directory) {
    const uint64_t fate = coin(3);
    if (fate == 0) node.bytes = node.durable_bytes;
    if (fate == 1 && node.bytes != node.durable_bytes) node.bytes.resize(node.bytes.size() / 2);
    node.durable_bytes = node.bytes;
    return;
  }
  if (how == Cut::all) {
    node.entries = node.durable_entries;
  } else if (how == Cut::some) {
    std::set<std::string> names;
    for (const auto& [name, entry] : node.entries) names.insert(name);
    for (const auto& [name, entry] : node.durable_entries) names.insert(name);
    for (const std::string& name : names) {
      const auto now_there = node.entries.find(name), durable = node.durable_entries.find(name);
      const NodePointer current = now_there == node.entries.end() ? nullptr : now_there->second;
      const NodePointer old = durable == node.durable_entries.end() ? nullptr : durable->second;
      if (current == old || coin(2)) continue;
      if (old)
        node.entries[name] = old;
      else
        node.entries.erase(name);
    }
  }
  node.durable_entries = node.entries;
  for (const auto& [name, entry] : node.entries) cut(*entry, how, seed, draw);
}

void MemoryFileSystem::cut_power(Cut how, uint64_t seed) {
  std::lock_guard lock(mutex_);
  open_.clear();
  uint64_t draw = 0;
  cut(*root_, how, derive(seed, 77), draw);
  std::map<Node*, uint64_t> links;
  const std::function<void(Node&)> count = [&](Node& node) {
    for (const auto& [name, entry] : node.entries) {
      ++links[entry.get()];
      if (entry->directory) count(*entry);
    }
  };
  count(*root_);
  for (const auto& [node, n] : links) node->links = n;
}

void MemoryFileSystem::flip(const std::string& path, uint64_t bit) {
  std::lock_guard lock(mutex_);
  Node& node = *find(path);
  node.bytes.at(static_cast<size_t>(bit / 8)) ^= static_cast<char>(1 << (bit % 8));
}

std::vector<std::string> MemoryFileSystem::files() const {
  std::lock_guard lock(mutex_);
  std::vector<std::string> out;
  const std::function<void(const Node&, const std::string&)> walk = [&](const Node& node,
                                                                        const std::string& path) {
    for (const auto& [name, entry] : node.entries) {
      if (entry->directory)
        walk(*entry, join(path, name));
      else
        out.push_back(join(path, name));
    }
  };
  walk(*root_, "/");
  return out;
}

}  // namespace whorl::base
