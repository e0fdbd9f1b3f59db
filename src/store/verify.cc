// Reads everything and believes nothing.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/check.h"
#include "base/hash.h"
#include "store/sealed.h"
#include "store/store_impl.h"

namespace whorl::store {

namespace {

class Verifier {
 public:
  explicit Verifier(const Impl& store) : store_(store) {}

  StoreReport run() {
    check("whorl-store.json", [&](const std::string& path) { unseal(read(path), "seal"); });
    for (const std::string& name : entries("objects"))
      check("objects/" + name, [&](const std::string& path) { object(path, name); });
    for (const std::string& name : entries("adapters")) {
      if (base::valid_name(name))
        adapter(name);
      else
        report_.problems.push_back({"adapters/" + base::printable(name), "is no name of an adapter"});
    }
    return std::move(report_);
  }

 private:
  // Runs `body` on one path; what it throws becomes a problem.
  template <class Body>
  void check(const std::string& beneath, Body body) {
    try {
      body(base::join(store_.root, beneath));
    } catch (const std::exception& error) {
      report_.problems.push_back({beneath, error.what()});
    }
  }

  std::vector<std::string> entries(const std::string& beneath) {
    std::vector<std::string> out;
    check(beneath, [&](const std::string& path) {
      out = base::list_directory(*store_.fs, path, "AdapterStore.verify");
    });
    return out;
  }

  std::string read(const std::string& path) {
    std::string bytes = base::read_file(*store_.fs, path, uint64_t{1} << 36, "AdapterStore.verify");
    ++report_.files;
    report_.bytes += bytes.size();
    return bytes;
  }

  void object(const std::string& path, const std::string& name) {
    if (base::sha256_hex(read(path)) != name) base::failed("the file is damaged (SHA-256 is not its name)");
  }

  void adapter(const std::string& name) {
    const std::string beneath = "adapters/" + name;
    for (const int64_t version : numbers_in(store_, store_.deleted(name)))
      check(beneath + "/deleted/" + std::to_string(version),
            [&](const std::string& path) { tombstone(path, version); });
    const std::vector<int64_t> live = live_versions(store_, name);
    for (const int64_t version : live)
      check(beneath + "/versions/" + std::to_string(version),
            [&](const std::string&) { one_version(name, version); });
    const std::vector<int64_t> generations = numbers_in(store_, store_.pointers(name));
    for (const int64_t generation : generations)
      check(beneath + "/pointers/" + std::to_string(generation), [&](const std::string& path) {
        const Pointer pointer = parse_pointer(read(path), generation, "pointer");
        const bool dangling =
            pointer.version != 0 && !std::binary_search(live.begin(), live.end(), pointer.version);
        if (generation == generations.back() && dangling)
          base::failed("`latest` is version ", pointer.version, ", which is not there");
      });
  }

  void tombstone(const std::string& path, int64_t version) {
    if (unseal(read(path), "seal") != base::concat("{\"version\": ", version, "}\n"))
      base::failed("speaks of another version");
  }

  void one_version(const std::string& name, int64_t version) {
    const Manifest manifest = read_manifest(store_, name, version, "AdapterStore.verify");
    ++report_.versions;
    ++report_.files;
    std::set<std::string> expected = {"manifest.json"};
    for (const StoredFile& file : manifest.files) {
      expected.insert(file.name);
      check(base::concat("adapters/", name, "/versions/", version, "/", file.name), [&](const std::string&) {
        report_.bytes += read_verified(store_, manifest, file, "AdapterStore.verify").size();
        ++report_.files;
      });
    }
    for (const std::string& file :
         base::list_directory(*store_.fs, store_.version(name, version), "AdapterStore.verify"))
      if (!expected.count(file))
        base::failed("holds '", base::printable(file), "', which its manifest does not name");
  }

  const Impl& store_;
  StoreReport report_;
};

}  // namespace

StoreReport verify(const Impl& store) { return Verifier(store).run(); }

}  // namespace whorl::store
