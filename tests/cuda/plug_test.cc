// How the CUDA library is found, opened and refused. These tests need no GPU: most are about not having one.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/log.h"
#include "ops/device.h"
#include "ops/library_folders.h"
#include "whorl/types.h"

namespace whorl::ops {

namespace fs = std::filesystem;

namespace {
// A folder that is searched before all others, holding `library` under the CUDA library's name.
class Installed {
 public:
  Installed(const std::string& library, const char* name = "libwhorl_cuda.so")
      : folder_(fs::temp_directory_path() /
                ("whorl-plug-" + std::to_string(++count()) + "-" + std::to_string(getpid()))) {
    fs::create_directories(folder_);
    if (!library.empty()) fs::create_symlink(library, folder_ / name);
    first_library_folder(folder_.string());
  }
  ~Installed() {
    first_library_folder("");
    fs::remove_all(folder_);
  }
  fs::path folder() const { return folder_; }

 private:
  static int& count() {
    static int n = 0;
    return n;
  }
  fs::path folder_;
};

std::string refusal_of(const std::string& device) {
  try {
    make_backend(device);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "no refusal";
}
bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}
}  // namespace

TEST(Plug, AnAbsentLibrarySaysWhereItWasLookedFor) {
  const Installed empty("");
  const std::string said = refusal_of("cuda");
  EXPECT_TRUE(contains(said, "libwhorl_cuda.so is not part of this installation")) << said;
  EXPECT_TRUE(contains(said, empty.folder().string())) << said;
  EXPECT_TRUE(contains(said, "'auto'")) << said;
}

TEST(Plug, AnotherContractIsRefused) {
  const Installed planted(PLANTED_contract);
  const std::string said = refusal_of("cuda");
  EXPECT_TRUE(contains(said, "expected contract " + std::to_string(kContractVersion))) << said;
  EXPECT_TRUE(contains(said, "got contract " + std::to_string(kContractVersion + 1))) << said;
}

TEST(Plug, AnotherBuildIsRefused) {
  const Installed planted(PLANTED_build);
  EXPECT_TRUE(contains(refusal_of("cuda"), "0.0.0-00000000-GNU-1"));
}

TEST(Plug, ALibraryWithoutTheFunctionIsRefused) {
  const Installed planted(PLANTED_function);
  EXPECT_TRUE(contains(refusal_of("cuda"), "no backend of Whorl"));
}

TEST(Plug, AFileThatIsNoLibraryIsRefused) {
  const Installed planted(WHORL_SOURCE_DIR "/Makefile");
  EXPECT_TRUE(contains(refusal_of("cuda"), "does not load"));
}

// The library sees a caller of another version, too, and answers nothing.
TEST(Plug, TheLibraryRefusesAnotherCaller) {
  const Installed emulated(WHORL_EMULATED_LIBRARY);
  PlugCall call = call_plug("libwhorl_cuda.so", -1);
  ASSERT_EQ(call.device_count, 1) << call.refusal;
  call = call_plug("libwhorl_cuda.so", 0, kContractVersion + 7);
  EXPECT_EQ(call.backend, nullptr);
  EXPECT_EQ(call.device_count, 0);
  EXPECT_NE(call.refusal[0], '\0');
}

// libwhorl_cuda.so itself, on a machine with or without a GPU.
TEST(Plug, TheCudaLibraryAnswers) {
  const char* const given = std::getenv("WHORL_CUDA_LIBRARY");
  const std::string library = given ? given : WHORL_CUDA_LIBRARY;
  if (library.empty()) GTEST_SKIP() << "this build has no CUDA library; `make cuda` has";
  const Installed real(library);
  const PlugCall call = call_plug("libwhorl_cuda.so", -1);
  if (call.device_count > 0) {
    EXPECT_STREQ(call.refusal, "");
    EXPECT_GT(call.devices[0].memory, 0u);
    return;
  }
  EXPECT_TRUE(contains(call.refusal, "NVIDIA driver")) << call.refusal;
  EXPECT_TRUE(contains(refusal_of("cuda"), call.refusal));
}

TEST(Plug, InfoTellsOfDevicesOrWhatIsMissing) {
  {
    const Installed emulated(WHORL_EMULATED_LIBRARY);
    const auto facts = nlohmann::json::parse(info());
    EXPECT_EQ(facts["devices"], nlohmann::json({"cpu", "cuda:0"}));
    EXPECT_TRUE(facts["cuda"]["available"]);
    EXPECT_EQ(facts["cuda"]["devices"][0]["name"], "emulated");
  }
  const Installed none(PLANTED_build);
  const auto facts = nlohmann::json::parse(info());
  EXPECT_EQ(facts["devices"], nlohmann::json({"cpu"}));
  EXPECT_FALSE(facts["cuda"]["available"]);
  EXPECT_EQ(facts["cuda"]["missing"].size(), 1u);
}

TEST(Plug, AutoTakesTheGpuOrSaysWhyNot) {
  std::string log;
  base::set_log_sink([&](base::LogLevel, std::string_view message) { log += message; });
  {
    const Installed emulated(WHORL_EMULATED_LIBRARY);
    EXPECT_EQ(make_backend("auto")->name(), "cuda_emulated");
    EXPECT_EQ(log, "");
  }
  const Installed planted(PLANTED_contract);
  EXPECT_TRUE(make_backend("auto")->name().starts_with("cpu"));
  EXPECT_TRUE(contains(log, "device 'auto' is the CPU")) << log;
  base::set_log_sink({});
}

TEST(Plug, DevicesAreCounted) {
  const Installed emulated(WHORL_EMULATED_LIBRARY);
  EXPECT_EQ(make_backend("cuda:0")->name(), "cuda_emulated");
  EXPECT_TRUE(contains(refusal_of("cuda:1"), "no number 1"));
  EXPECT_THROW(make_backend("cuda:x"), std::invalid_argument);
  EXPECT_THROW(make_backend("cuda:"), std::invalid_argument);
  EXPECT_THROW(make_backend("cuda:-1"), std::invalid_argument);
}

TEST(Plug, TooLittleMemorySaysHowMuchThereIs) {
  const Installed emulated(WHORL_EMULATED_LIBRARY);
  setenv("WHORL_EMULATED_MEMORY", "1000000", 1);
  const auto backend = make_backend("cuda");
  const Tensor some = backend->allocate(DType::float32, {100000});
  try {
    backend->allocate(DType::float32, {200000});
    ADD_FAILURE() << "800000 bytes beside 400000 in 1000000";
  } catch (const DeviceMemoryError& error) {
    EXPECT_TRUE(contains(error.what(), "expected 800000 free bytes, got 600000 of 1000000")) << error.what();
  }
  unsetenv("WHORL_EMULATED_MEMORY");
}

TEST(Plug, FoldersAreChecked) { EXPECT_THROW(whorl::add_library_folder(""), std::invalid_argument); }

}  // namespace whorl::ops
