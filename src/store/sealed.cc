#include "store/sealed.h"

#include "base/check.h"
#include "base/hash.h"

namespace whorl::store {

namespace {
std::string seal_line(std::string_view text) { return "sha256:" + base::sha256_hex(text) + "\n"; }
constexpr size_t seal_size = 7 + 64 + 1;
}  // namespace

std::string seal(std::string_view text) { return std::string(text) + seal_line(text); }

std::string unseal(std::string_view bytes, std::string_view context) {
  if (bytes.size() < seal_size)
    base::failed(context, ": the file is damaged (", bytes.size(), " bytes, too short)");
  const std::string_view text = bytes.substr(0, bytes.size() - seal_size);
  if (bytes.substr(text.size()) != seal_line(text))
    base::failed(context, ": the file is damaged (SHA-256 differs)");
  return std::string(text);
}

}  // namespace whorl::store
