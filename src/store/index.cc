#include <algorithm>
#include <cerrno>

#include "base/check.h"
#include "base/hash.h"
#include "store/store_impl.h"

namespace whorl::store {

using base::failed;
using base::invalid;

namespace {
constexpr uint64_t max_manifest_bytes = 16u << 20;

// A plain decimal number without leading zeros, from 1 on; 0 for anything else.
int64_t number_of(const std::string& text) {
  if (text.empty() || text.size() > 18 || text[0] == '0' ||
      text.find_first_not_of("0123456789") != std::string::npos)
    return 0;
  return std::stoll(text);
}
}  // namespace

std::vector<int64_t> numbers_in(const Impl& store, const std::string& folder) {
  std::vector<std::string> names;
  const int rc = store.fs->list(folder, names);
  if (rc == -ENOENT) return {};
  if (rc < 0) names = base::list_directory(*store.fs, folder, "AdapterStore");
  std::vector<int64_t> out;
  for (const std::string& name : names)
    if (const int64_t n = number_of(name)) out.push_back(n);
  std::sort(out.begin(), out.end());
  return out;
}

std::vector<int64_t> live_versions(const Impl& store, const std::string& name) {
  std::vector<int64_t> out = numbers_in(store, store.versions(name));
  const std::vector<int64_t> gone = numbers_in(store, store.deleted(name));
  std::erase_if(out, [&](int64_t n) { return std::binary_search(gone.begin(), gone.end(), n); });
  return out;
}

bool is_deleted(const Impl& store, const std::string& name, int64_t version) {
  return base::exists(*store.fs, base::join(store.deleted(name), std::to_string(version)));
}

std::vector<std::string> adapter_names(const Impl& store) {
  std::vector<std::string> out;
  for (const std::string& name : base::list_directory(*store.fs, store.adapters(), "AdapterStore"))
    if (base::valid_name(name)) out.push_back(name);
  return out;
}

Manifest read_manifest(const Impl& store, const std::string& name, int64_t version,
                       const std::string& operation) {
  const std::string path = store.version(name, version) + "/manifest.json";
  const std::string bytes = base::read_file(*store.fs, path, max_manifest_bytes, operation);
  return parse_manifest(bytes, name, version, "[" + operation + "] " + path);
}

std::string read_verified(const Impl& store, const Manifest& manifest, const StoredFile& file,
                          const std::string& operation) {
  const std::string path = base::join(store.version(manifest.name, manifest.version), file.name);
  const base::File in = base::File::open(*store.fs, path, operation);
  const uint64_t size = in.size();
  if (size != file.size)
    failed("[", operation, "] ", path, ": the file is damaged (", size, " bytes, published with ", file.size,
           ")");
  std::string bytes(static_cast<size_t>(size), '\0');
  in.read_at(bytes.data(), bytes.size(), 0);
  if (base::sha256_hex(bytes) != file.sha256)
    failed("[", operation, "] ", path, ": the file is damaged (SHA-256 differs from the manifest)");
  return bytes;
}

AdapterVersion to_public(const Manifest& manifest, int64_t latest) {
  AdapterVersion out;
  out.name = manifest.name;
  out.version = manifest.version;
  out.digest = manifest.digest;
  out.rank = manifest.rank;
  out.bytes = manifest.bytes();
  out.created = manifest.created;
  out.latest = manifest.version == latest;
  out.metadata = manifest.metadata;
  return out;
}

Reference parse_reference(const std::string& text, int64_t version, const std::string& operation) {
  Reference out{text, version};
  if (const size_t at = text.find('@'); at != std::string::npos) {
    const std::string number = text.substr(at + 1);
    out.name = text.substr(0, at);
    const int64_t named = number_of(number);
    if ((named == 0 && number != "latest") || (version != 0 && version != named))
      invalid("[", operation, "] expected 'name', 'name@3' or 'name@latest', got '", base::printable(text),
              "'", version ? " together with a version" : "");
    out.version = named;
  }
  base::check_name(out.name, operation);
  if (out.version < 0) invalid("[", operation, "] expected a version from 1 on, got ", out.version);
  return out;
}

int64_t find_version(const Impl& store, const Reference& reference, const std::string& operation) {
  const std::vector<int64_t> live = live_versions(store, reference.name);
  if (live.empty()) invalid("[", operation, "] there is no adapter '", reference.name, "' in ", store.root);
  const int64_t wanted =
      reference.version ? reference.version : read_pointer(store, reference.name, operation).version;
  if (wanted == 0)
    invalid("[", operation, "] no version of '", reference.name, "' was promoted yet; newest is ",
            live.back());
  if (!std::binary_search(live.begin(), live.end(), wanted))
    invalid("[", operation, "] '", reference.name, "' has no version ", wanted,
            is_deleted(store, reference.name, wanted) ? " any more (it was deleted)" : "", "; newest is ",
            live.back());
  return wanted;
}

}  // namespace whorl::store
