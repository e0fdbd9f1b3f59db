#pragma once
// Who is there? The listener greets with a number nobody could foresee, the caller answers with who it is, a
// number of its own, and a proof that it holds the run's token; the listener's welcome proves the same.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "ranks/environment.h"

namespace whorl::ranks {

inline constexpr std::array<char, 8> kHandshakeMagic = {'W', 'H', 'O', 'R', 'L', 'R', 'N', 'K'};
inline constexpr uint32_t kHandshakeVersion = 1;
using Nonce = std::array<char, 16>;

struct Greeting {
  std::array<char, 8> magic = kHandshakeMagic;
  uint32_t version = kHandshakeVersion;
  Nonce nonce = {};
};
struct Hello {
  std::array<char, 8> magic = kHandshakeMagic;
  uint32_t version = kHandshakeVersion;
  uint32_t rank = 0, size = 0;
  Nonce nonce = {};
  std::array<char, 64> proof = {};  // hexadecimal
};
static_assert(sizeof(Greeting) == 28 && sizeof(Hello) == 100);

Nonce new_nonce();
// Of `who` ("rank" or "host"), for these two numbers, that rank and that size.
std::string proof_of(const std::string& token, std::string_view who, const Nonce& greeting,
                     const Hello& hello);
// In a time that does not tell where they differ.
bool same_bytes(std::string_view a, std::string_view b);

}  // namespace whorl::ranks
