#pragma once
// One input through one parser, and the law that every loaded row obeys. Shared by the mutation tests and the
// fuzzers.
#include <string>

#include "whorl/dataset.h"

namespace whorl::data {

// True: it loaded (and saved and loaded back equal); false: refused with std::invalid_argument. Anything
// else, or a broken law, ends the process.
bool fuzz_jsonl(const std::string& bytes);
bool fuzz_json(const std::string& bytes);
bool fuzz_csv(const std::string& bytes);
bool fuzz_text(const std::string& bytes);

// Why a row that came out of a reader should not exist, or "".
std::string law_broken_by(const Row& row);

}  // namespace whorl::data
