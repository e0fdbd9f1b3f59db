#include "ranks/handshake.h"

#include <sys/random.h>

#include "base/check.h"
#include "base/hash.h"

namespace whorl::ranks {

Nonce new_nonce() {
  Nonce nonce;
  if (getrandom(nonce.data(), nonce.size(), 0) != static_cast<ssize_t>(nonce.size()))
    base::failed("[ranks] the system gives no random numbers");
  return nonce;
}

// The outer digest hides the state of the inner one, so that nothing can be appended.
std::string proof_of(const std::string& token, std::string_view who, const Nonce& greeting,
                     const Hello& hello) {
  const std::string key = base::sha256_hex(token);
  base::Sha256 inner;
  inner.update(key).update(who).update(greeting.data(), greeting.size());
  inner.update(hello.nonce.data(), hello.nonce.size()).update(&hello.rank, 4).update(&hello.size, 4);
  return base::sha256_hex(key + inner.hex());
}

bool same_bytes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference |= static_cast<unsigned char>(a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace whorl::ranks
