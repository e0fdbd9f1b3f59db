// What the compiler made: the tile instructions are in isa_amx.cc's object and nowhere else. (That they are
// right, and tiles released after every product, is tiles_test.cc's business.)
#include <gtest/gtest.h>

#include <cstdio>
#include <map>
#include <set>
#include <string>

namespace {
const std::set<std::string> kTileInstructions = {"ldtilecfg", "tilerelease", "tileloadd", "tilestored",
                                                 "tilezero",  "tdpbf16ps",   "tdpbsud"};

using Found = std::map<std::string, std::set<std::string>>;  // by object

void read_line(const std::string& line, std::string& object, Found& found) {
  if (const auto at = line.find(":     file format"); at != std::string::npos) object = line.substr(0, at);
  if (const auto at = line.find('\t'); at != std::string::npos) {
    const std::string name = line.substr(at + 1, line.find_first_of(" \t\n", at + 1) - at - 1);
    if (kTileInstructions.contains(name)) found[object].insert(name);
  }
}

Found disassemble() {
  Found found;
  std::string object;
  FILE* pipe = popen("'" WHORL_OBJDUMP "' -d -C --no-show-raw-insn '" WHORL_CPU_ARCHIVE "'", "r");
  char line[1 << 16];
  while (pipe && std::fgets(line, sizeof line, pipe)) read_line(line, object, found);
  if (pipe) pclose(pipe);
  return found;
}

TEST(AmxCode, TileInstructionsAreWhereTheyBelong) {
  if (std::string(WHORL_OBJDUMP).empty()) GTEST_SKIP() << "objdump is not here to read the machine code";
  const Found found = disassemble();
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found.begin()->first, "isa_amx.cc.o");
  EXPECT_EQ(found.begin()->second, kTileInstructions);
}
}  // namespace
