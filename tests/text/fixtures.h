#pragma once
// Files and small helpers that the tests of this room share.
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace whorl::text {

std::string read_file(const std::filesystem::path& path);
std::filesystem::path source_dir();

// Read-only data outside the repository; empty where it is absent.
std::optional<std::filesystem::path> shared_data();

// gpt2, phi3 or neox from the shared data, or nothing.
std::optional<Tokenizer> shared_tokenizer(const std::string& name);

// A small byte-level tokenizer with <s> </s> <|im_start|> <|im_end|>, trained on the spot.
const Tokenizer& small_tokenizer();

// FNV-1a over the ids as little-endian 32-bit numbers, in hexadecimal.
std::string hash_ids(std::span<const TokenId> ids);

// tests/text/templates/NAME, as it is or with its generation tags made plain blocks.
std::string template_source(const std::string& name, bool keep_generation_tags);
std::vector<std::string> template_names();
ChatTemplateOptions template_options();

// Calls `body` and gives the message of its std::invalid_argument, or "" (and a failure) without one.
template <class Body>
std::string refusal(Body&& body) {
  try {
    body();
  } catch (const std::invalid_argument& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "expected std::invalid_argument, got: " << error.what();
    return error.what();
  }
  ADD_FAILURE() << "expected std::invalid_argument, got none";
  return "";
}

#define WHORL_SKIP_WITHOUT_SHARED_DATA() \
  if (!shared_data()) GTEST_SKIP() << "the shared data is not here (set WHORL_SHARED_DATA)"

}  // namespace whorl::text
