#include "store/manifest.h"

#include <nlohmann/json.hpp>

#include "base/check.h"
#include "base/hash.h"
#include "base/json.h"
#include "store/sealed.h"

namespace whorl::store {

using base::Json;

uint64_t Manifest::bytes() const {
  uint64_t total = 0;
  for (const StoredFile& file : files) total += file.size;
  return total;
}

std::string to_sealed(const Manifest& manifest) {
  Json files = Json::array();
  for (const StoredFile& file : manifest.files)
    files.push_back({{"name", file.name}, {"size", file.size}, {"sha256", file.sha256}});
  const Json json = {{"format", 1},
                     {"name", manifest.name},
                     {"version", manifest.version},
                     {"created", manifest.created},
                     {"digest", manifest.digest},
                     {"rank", manifest.rank},
                     {"files", files},
                     {"metadata", manifest.metadata}};
  return seal(base::to_sorted_json(json));
}

namespace {
Manifest from_json(const Json& json, const std::string& context) {
  Manifest out;
  if (base::require_int(json, "format", context) != 1) base::invalid(context, ": written by a newer Whorl");
  out.name = base::require_string(json, "name", context);
  out.version = base::require_int(json, "version", context);
  out.created = base::require_int(json, "created", context);
  out.digest = base::require_string(json, "digest", context);
  out.rank = base::require_int(json, "rank", context);
  for (const Json& file : base::require_array(json, "files", context)) {
    const int64_t size = base::require_int(file, "size", context);
    out.files.push_back({base::require_string(file, "name", context), static_cast<uint64_t>(size),
                         base::require_string(file, "sha256", context)});
    const StoredFile& f = out.files.back();
    if (size < 0 || f.name.find('/') != std::string::npos || f.name == ".." || !base::is_sha256_hex(f.sha256))
      base::invalid(context, ": an entry of 'files' is not right");
  }
  for (const auto& [key, value] : base::require_object(json, "metadata", context).items())
    out.metadata[key] = value.is_string() ? value.get<std::string>() : value.dump();
  return out;
}
}  // namespace

Manifest parse_manifest(const std::string& bytes, const std::string& name, int64_t version,
                        const std::string& context) {
  const std::string text = unseal(bytes, context);
  Manifest out;
  try {
    out = from_json(base::parse_json(text, context), context);
  } catch (const std::invalid_argument& error) {
    base::failed(error.what());  // the store's own file: not the caller's fault
  }
  if (out.name != name || out.version != version)
    base::failed(context, ": belongs to ", out.name, "@", out.version, ", not to ", name, "@", version);
  return out;
}

}  // namespace whorl::store
