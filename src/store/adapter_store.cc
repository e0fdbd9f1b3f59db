#include "whorl/adapter_store.h"

#include <algorithm>
#include <cerrno>

#include "adapter/adapter_impl.h"
#include "adapter/peft.h"
#include "base/check.h"
#include "store/store_impl.h"

namespace whorl {

namespace store {

AdapterStore open_store(const std::string& root, const StoreOptions& options,
                        std::shared_ptr<base::FileSystem> fs) {
  base::check_argument(!root.empty(), "[AdapterStore.open] expected a folder, got an empty path");
  base::check_argument(options.poll_interval.count() > 0, "[AdapterStore.open] expected poll_interval > 0");
  auto impl = std::make_shared<Impl>();
  impl->fs = std::move(fs);
  impl->root = root;
  impl->path = root;
  impl->options = options;
  prepare_folder(*impl);
  try {
    recover(*impl);
  } catch (const base::FileError& error) {
    // A store that may only be read is still worth reading.
    if (error.code() != EROFS && error.code() != EACCES && error.code() != EPERM) throw;
  }
  return AdapterStore(std::move(impl));
}

}  // namespace store

using store::Content;
using store::Manifest;
using store::Reference;

AdapterStore::AdapterStore(const std::filesystem::path& folder, const StoreOptions& options)
    : AdapterStore(store::open_store(folder.string(), options, base::FileSystem::real())) {}

const std::filesystem::path& AdapterStore::path() const { return impl_->path; }

AdapterVersion AdapterStore::publish(const std::string& name, const Adapter& adapter,
                                     const PublishOptions& options) {
  base::check_name(name, "AdapterStore.publish");
  const adapter::LoraAdapter& lora = adapter::adapter_impl(adapter);
  Content content{adapter::to_peft_config(lora), adapter::to_peft_weights(lora, options.dtype),
                  adapter.digest(), adapter.rank()};
  // What is stored is what will be served: a narrower dtype rounds, and gets the digest of what it rounds to.
  if (options.dtype != "float32")
    content.digest = adapter::digest_of(
        adapter::parse_peft(content.config, content.weights, "[AdapterStore.publish] " + name));
  const Manifest manifest = store::publish(*impl_, name, content, options);
  return store::to_public(manifest, store::read_pointer(*impl_, name, "AdapterStore.publish").version);
}

AdapterVersion AdapterStore::publish(const std::string& name, const std::filesystem::path& peft_folder,
                                     const PublishOptions& options) {
  base::check_name(name, "AdapterStore.publish");
  const std::string folder = peft_folder.string();
  base::FileSystem& real = *base::FileSystem::real();
  adapter::check_peft_folder(folder, real, "AdapterStore.publish");
  Content content;
  content.config = base::read_file(base::join(folder, adapter::config_file));
  content.weights = base::read_file(base::join(folder, adapter::weights_file), uint64_t{1} << 36);
  const Adapter checked = adapter::make_adapter(
      adapter::parse_peft(content.config, content.weights, "[AdapterStore.publish] " + folder),
      "[AdapterStore.publish] " + folder);
  content.digest = checked.digest();
  content.rank = checked.rank();
  const Manifest manifest = store::publish(*impl_, name, content, options);
  return store::to_public(manifest, store::read_pointer(*impl_, name, "AdapterStore.publish").version);
}

namespace {

// The two PEFT files of a version, each compared with its SHA-256.
Content read_content(const AdapterStore::Impl& impl, const Manifest& manifest, const std::string& operation) {
  Content out;
  for (const store::StoredFile& file : manifest.files) {
    if (file.name == adapter::config_file) out.config = store::read_verified(impl, manifest, file, operation);
    if (file.name == adapter::weights_file)
      out.weights = store::read_verified(impl, manifest, file, operation);
  }
  return out;
}

}  // namespace

Adapter AdapterStore::get(const std::string& name, int64_t version) const {
  const std::string operation = "AdapterStore.get";
  const Reference reference = store::parse_reference(name, version, operation);
  const int64_t number = store::find_version(*impl_, reference, operation);
  const Manifest manifest = store::read_manifest(*impl_, reference.name, number, operation);
  const Content content = read_content(*impl_, manifest, operation);
  const std::string context = base::concat("[", operation, "] ", reference.name, "@", number);
  const Adapter out =
      adapter::make_adapter(adapter::parse_peft(content.config, content.weights, context), context);
  if (out.digest() != manifest.digest)
    base::failed(context, ": the adapter's digest is not the published one");
  return out;
}

AdapterVersion AdapterStore::resolve(const std::string& name, int64_t version) const {
  const std::string operation = "AdapterStore.resolve";
  const Reference reference = store::parse_reference(name, version, operation);
  const int64_t number = store::find_version(*impl_, reference, operation);
  return store::to_public(store::read_manifest(*impl_, reference.name, number, operation),
                          store::read_pointer(*impl_, reference.name, operation).version);
}

void AdapterStore::export_peft(const std::string& name, const std::filesystem::path& folder,
                               int64_t version) const {
  const std::string operation = "AdapterStore.export_peft";
  const Reference reference = store::parse_reference(name, version, operation);
  const Manifest manifest = store::read_manifest(
      *impl_, reference.name, store::find_version(*impl_, reference, operation), operation);
  const Content content = read_content(*impl_, manifest, operation);
  base::FileSystem& real = *base::FileSystem::real();
  base::make_directories(real, folder.string(), operation);
  base::write_file_durably(real, base::join(folder.string(), adapter::weights_file), content.weights,
                           operation);
  base::write_file_durably(real, base::join(folder.string(), adapter::config_file), content.config,
                           operation);
}

bool AdapterStore::contains(const std::string& name) const {
  const Reference reference = store::parse_reference(name, 0, "AdapterStore.contains");
  const std::vector<int64_t> live = store::live_versions(*impl_, reference.name);
  return reference.version ? std::binary_search(live.begin(), live.end(), reference.version) : !live.empty();
}

std::vector<std::string> AdapterStore::list() const {
  std::vector<std::string> out = store::adapter_names(*impl_);
  std::erase_if(out, [&](const std::string& name) { return store::live_versions(*impl_, name).empty(); });
  return out;
}

std::vector<AdapterVersion> AdapterStore::versions(const std::string& name) const {
  const std::string operation = "AdapterStore.versions";
  base::check_name(name, operation);
  const int64_t latest = store::read_pointer(*impl_, name, operation).version;
  std::vector<AdapterVersion> out;
  for (const int64_t version : store::live_versions(*impl_, name))
    out.push_back(store::to_public(store::read_manifest(*impl_, name, version, operation), latest));
  base::check_argument(!out.empty(), "[", operation, "] there is no adapter '", name, "' in ", impl_->root);
  return out;
}

void AdapterStore::promote(const std::string& name, int64_t version) {
  base::check_name(name, "AdapterStore.promote");
  base::check_argument(version >= 1, "[AdapterStore.promote] expected a version from 1 on, got ", version);
  store::promote(*impl_, name, version);
}

AdapterVersion AdapterStore::rollback(const std::string& name) {
  base::check_name(name, "AdapterStore.rollback");
  const int64_t version = store::rollback(*impl_, name);
  return store::to_public(store::read_manifest(*impl_, name, version, "AdapterStore.rollback"), version);
}

void AdapterStore::delete_version(const std::string& name, int64_t version) {
  base::check_name(name, "AdapterStore.delete_version");
  store::remove_version(*impl_, name, version);
}

void AdapterStore::delete_adapter(const std::string& name) {
  base::check_name(name, "AdapterStore.delete_adapter");
  store::remove_adapter(*impl_, name);
}

StoreReport AdapterStore::verify() const { return store::verify(*impl_); }
GarbageReport AdapterStore::collect_garbage() { return store::collect_garbage(*impl_); }

}  // namespace whorl
