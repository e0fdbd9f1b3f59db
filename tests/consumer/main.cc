// The flywheel as a program outside the tree writes it: a small model from random weights, an adapter trained
// on a few texts, published, and served in one batch beside the base. Needs no files. Exit status 0 if all of
// it held.
#include <whorl/whorl.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

// A tokenizer of single bytes, so that the program needs nothing from outside.
const char* kTokenizer = R"({
  "version": "1.0", "added_tokens": [{"id": 0, "content": "<eos>", "special": true, "single_word": false,
  "lstrip": false, "rstrip": false, "normalized": false}],
  "normalizer": null, "pre_tokenizer": {"type": "Split", "pattern": {"String": ""}, "behavior": "Isolated", "invert": false},
  "post_processor": null, "decoder": {"type": "Fuse"},
  "model": {"type": "WordLevel", "unk_token": "?", "vocab": {"<eos>": 0, "?": 1, "a": 2, "b": 3, "c": 4, "d": 5, "e": 6,
  "f": 7, "g": 8, "h": 9, " ": 10}}})";

void write(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

void expect(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error("expected: " + what);
}

whorl::Model small_model(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  write(folder / "tokenizer.json", kTokenizer);
  write(folder / "tokenizer_config.json", R"({"eos_token": "<eos>"})");
  whorl::ModelConfig config;
  config.vocab_size = 16;
  config.hidden_size = 32;
  config.intermediate_size = 64;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.max_position_embeddings = 64;
  config.eos_token_ids = {0};
  return whorl::Model::create(config, 1, folder, {.threads = 1});
}

void run(const std::filesystem::path& folder) {
  const auto base = small_model(folder / "tokenizer");
  std::vector<whorl::Row> rows(16);
  for (auto& row : rows) row.text = "abcdefgh abcdefgh";
  const auto data = whorl::Dataset::from_rows(rows);

  whorl::TrainOptions options;
  options.max_steps = 30;
  options.max_length = 32;
  whorl::Trainer trainer(
      base,
      {{.name = "r4", .rank = 4, .learning_rate = 1e-2}, {.name = "r8", .rank = 8, .learning_rate = 1e-2}},
      options);
  const auto runs = trainer.fit(data);
  expect(runs.size() == 2, "two adapters from one pass");
  const auto& history = runs[1].history;
  expect(history.back().loss < history.front().loss, "a loss that falls");
  std::cout << "loss " << history.front().loss << " -> " << history.back().loss << "\n";

  whorl::AdapterStore store(folder / "store");
  const auto version = store.publish("letters", runs[1].adapter);
  expect(version.version == 1 && store.get("letters").digest() == runs[1].adapter.digest(),
         "the published adapter back");

  whorl::InferenceEngine engine(base, store);
  whorl::GenerateRequest request;
  request.prompt = "abc";
  request.sampling.max_new_tokens = 8;
  auto adapted = request;
  adapted.adapter = "letters";
  const auto batch = engine.generate(std::vector<whorl::GenerateRequest>{request, adapted});
  expect(batch.size() == 2 && batch[1][0].adapter == "letters@1", "each row with its adapter");
  expect(engine.generate(adapted).ids == batch[1][0].ids, "a row alone to give what it gave in the batch");
  std::cout << "base: '" << batch[0][0].text << "'  letters@1: '" << batch[1][0].text << "'\n";

  try {
    whorl::Model::load(folder / "nothing here");
    expect(false, "an exception");
  } catch (const std::invalid_argument& error) {
    std::cout << "as it should be: " << error.what() << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::filesystem::path folder = argc > 1 ? argv[1] : "consumer-files";
  try {
    run(folder);
  } catch (const std::exception& error) {
    std::cerr << "consumer: " << error.what() << "\n";
    return 1;
  }
  std::cout << "whorl " << whorl::version() << " works from outside\n";
  return 0;
}
