#pragma once
// Versions of adapters in one folder, shared by any number of threads and processes.
//
// Promises, each kept by a test that kills, cuts the power, fills the disk or flips bits:
//  - What publish() acknowledged survives kill -9 and power loss.
//  - A reader sees the old version or the new one, never half of one.
//  - N publishers at once get N different versions. Numbers are never used twice, not even after a delete.
//  - Whatever get() returns was compared with its SHA-256 first.
#include <whorl/adapter.h>
#include <whorl/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace whorl {

// One published version.
struct AdapterVersion {
  std::string name;
  int64_t version = 0;                               // 1, 2, 3, …
  std::string digest;                                // Adapter::digest()
  int64_t rank = 0;                                  // the configuration's r
  uint64_t bytes = 0;                                // of its files
  int64_t created = 0;                               // seconds since 1970
  bool latest = false;                               // what get(name) returns at the time of asking
  std::map<std::string, std::string> metadata = {};  // as given to publish()
};

struct PublishOptions {
  std::map<std::string, std::string> metadata = {};  // free text kept with the version
  bool promote = true;            // make it `latest`; false to evaluate it first and promote() later
  std::string dtype = "float32";  // "bfloat16" halves the bytes, and rounds. Folders are kept as they are
};

struct StoreOptions {
  bool create = true;  // false: a folder that is no store is an error
  // How often wait_for_change() and watch() look. Looking costs one listing per adapter.
  std::chrono::milliseconds poll_interval{100};
  // Leftovers of processes on other machines are collected when older than this.
  std::chrono::seconds foreign_grace{3600};
};

// What verify() found wrong with one file.
struct StoreProblem {
  std::string path;  // beneath the store
  std::string what;
};

struct StoreReport {
  int64_t versions = 0, files = 0;
  uint64_t bytes = 0;
  std::vector<StoreProblem> problems = {};
  bool ok() const { return problems.empty(); }
};

struct GarbageReport {
  int64_t removed = 0;  // files and folders
  uint64_t bytes = 0;   // that they held
};

// A running watch; ends with the last copy.
class WHORL_API StoreWatch {
 public:
  void stop();  // returns when no callback runs any more
  struct Impl;
  explicit StoreWatch(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<Impl> impl_;
};

// A handle; copies speak to the same store. All members are safe from several threads and processes.
// Errors: std::invalid_argument for names, numbers and adapters that are not right; std::runtime_error for
// what the disk refuses and for stored files that are not what was published. After any error the store is
// as before the call, or as after it: never between.
// Names are ^[a-z0-9][a-z0-9._-]{0,95}$ without ".." or "--".
class WHORL_API AdapterStore {
 public:
  // Opens `folder`, or makes it. Removes what dead processes left behind.
  explicit AdapterStore(const std::filesystem::path& folder, const StoreOptions& options = {});

  // Durable when it returns. If it throws, the version may or may not stand there, whole.
  AdapterVersion publish(const std::string& name, const Adapter& adapter, const PublishOptions& options = {});
  // A PEFT folder, checked as Adapter::load() does, its two files kept byte for byte.
  AdapterVersion publish(const std::string& name, const std::filesystem::path& peft_folder,
                         const PublishOptions& options = {});

  // version 0 is `latest`. `name` may carry it: "tickets@3", "tickets@latest".
  Adapter get(const std::string& name, int64_t version = 0) const;
  AdapterVersion resolve(const std::string& name, int64_t version = 0) const;
  // Writes the published PEFT files, byte for byte.
  void export_peft(const std::string& name, const std::filesystem::path& folder, int64_t version = 0) const;

  bool contains(const std::string& name) const;  // has at least one version; name@version asks for that one
  std::vector<std::string> list() const;         // names with at least one version, sorted
  std::vector<AdapterVersion> versions(const std::string& name) const;  // ascending

  // Moves `latest`, atomically and durably. Running requests keep what they have.
  void promote(const std::string& name, int64_t version);
  // Moves `latest` back to what it was before the last publish or promote; versions deleted since are
  // skipped.
  AdapterVersion rollback(const std::string& name);

  // Not the one that is `latest`: promote another first. The number stays used.
  void delete_version(const std::string& name, int64_t version);
  // All versions, and `latest`.
  void delete_adapter(const std::string& name);

  // Waits until `latest` of `name` is another version than `known` (0 = none); returns it, or `known` at the
  // end of `timeout`.
  int64_t wait_for_change(const std::string& name, int64_t known, std::chrono::milliseconds timeout) const;
  // Calls back, from a thread of its own, once per adapter that is there and again whenever a `latest`
  // moves, whoever moved it. Changes in between two looks may be seen as one.
  StoreWatch watch(std::function<void(const AdapterVersion&)> callback) const;

  // Reads and compares every file of the store.
  StoreReport verify() const;
  // Removes what dead processes left and what no version needs any more. Safe beside publishers.
  GarbageReport collect_garbage();

  const std::filesystem::path& path() const;

  struct Impl;
  explicit AdapterStore(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

 private:
  std::shared_ptr<Impl> impl_;
};

}  // namespace whorl
