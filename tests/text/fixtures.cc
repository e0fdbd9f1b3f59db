#include "text/fixtures.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace whorl::text {

std::filesystem::path source_dir() { return WHORL_SOURCE_DIR; }

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  EXPECT_TRUE(in.good()) << path;
  return out.str();
}

std::optional<std::filesystem::path> shared_data() {
  const char* named = std::getenv("WHORL_SHARED_DATA");
  const std::filesystem::path path = named ? named : source_dir().parent_path() / "shared" / "data";
  if (!std::filesystem::exists(path / "tokenizers")) return std::nullopt;
  return path;
}

std::optional<Tokenizer> shared_tokenizer(const std::string& name) {
  const auto data = shared_data();
  if (!data) return std::nullopt;
  return Tokenizer::from_file(*data / "tokenizers" / name / "tokenizer.json");
}

const Tokenizer& small_tokenizer() {
  static const Tokenizer tokenizer = [] {
    std::vector<std::string> texts;
    for (int i = 0; i < 200; ++i) {
      texts.push_back("the quick brown fox number " + std::to_string(i * 37) +
                      " jumps over user and assistant\n");
      texts.push_back("naïve café 世界 😀 {\"name\": \"get\", \"arguments\": {}}\n");
    }
    return Tokenizer::train_bpe(
        texts, {.vocab_size = 420, .special_tokens = {"<s>", "</s>", "<|im_start|>", "<|im_end|>"}});
  }();
  return tokenizer;
}

std::string hash_ids(std::span<const TokenId> ids) {
  std::uint64_t hash = 0xCBF29CE484222325;
  for (const TokenId id : ids) {
    for (int shift = 0; shift < 32; shift += 8) {
      hash = (hash ^ ((static_cast<std::uint32_t>(id) >> shift) & 0xFF)) * 0x100000001B3;
    }
  }
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
  return text;
}

std::string template_source(const std::string& name, bool keep_generation_tags) {
  std::string source = read_file(source_dir() / "tests/text/templates" / name);
  if (keep_generation_tags) return source;
  const auto replace_all = [&](std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = source.find(from, at)) != std::string::npos; at += to.size()) {
      source.replace(at, from.size(), to);
    }
  };
  replace_all(" endgeneration", " endif");
  replace_all(" generation", " if true");
  return source;
}

std::vector<std::string> template_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(source_dir() / "tests/text/templates")) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

ChatTemplateOptions template_options() {
  return {.special_tokens = {{"bos_token", "<s>"}, {"eos_token", "</s>"}}, .end_of_turn_tokens = {}};
}

}  // namespace whorl::text
