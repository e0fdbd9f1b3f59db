// The file layer on the real disk and on one that fails.
#include "base/file.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/fault_file.h"
#include "base/memory_file.h"
#include "base/temporary_folder.h"

namespace whorl::base {
namespace {

template <class Error, class Body>
std::string refusal(Body body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  ADD_FAILURE() << "expected an exception";
  return "";
}

bool says(const std::string& message, const std::string& part) {
  return message.find(part) != std::string::npos;
}

TEST(File, DurableWriteReplacesWholeAndLeavesNoTemporary) {
  TemporaryFolder folder;
  const std::string path = folder.path() + "/a";
  write_file_durably(path, "one");
  write_file_durably(path, "two, longer");
  EXPECT_EQ(read_file(path), "two, longer");
  EXPECT_EQ(list_directory(*FileSystem::real(), folder.path()), std::vector<std::string>{"a"});
}

TEST(File, ErrorsNameOperationPathAndReason) {
  TemporaryFolder folder;
  const std::string missing = folder.path() + "/missing/x";
  const std::string text =
      refusal<FileError>([&] { read_file(*FileSystem::real(), missing, 10, "Model.load"); });
  EXPECT_TRUE(says(text, "[Model.load]") && says(text, missing) && says(text, "No such file")) << text;
  write_file_durably(folder.path() + "/big", "12345678901");
  EXPECT_TRUE(says(refusal<std::invalid_argument>([&] { read_file(folder.path() + "/big", 10); }),
                   "at most 10 bytes, got 11"));
  EXPECT_TRUE(says(refusal<FileError>([&] { read_file(folder.path()); }), "directory"));
}

TEST(File, RenameNewNeverReplaces) {
  TemporaryFolder folder;
  FileSystem& fs = *FileSystem::real();
  write_file_durably(folder.path() + "/a", "a");
  write_file_durably(folder.path() + "/b", "b");
  EXPECT_EQ(fs.rename_new(folder.path() + "/a", folder.path() + "/b"), -EEXIST);
  EXPECT_EQ(read_file(folder.path() + "/b"), "b");
  EXPECT_EQ(fs.rename_new(folder.path() + "/a", folder.path() + "/c"), 0);
  FileInfo info;
  EXPECT_EQ(fs.link(folder.path() + "/c", folder.path() + "/d"), 0);
  EXPECT_EQ(fs.info(folder.path() + "/d", info), 0);
  EXPECT_EQ(info.links, 2u);
}

TEST(File, AppendAddsAtTheEnd) {
  TemporaryFolder folder;
  for (const char* text : {"one\n", "two\n"}) {
    File file = File::append(*FileSystem::real(), folder.path() + "/log");
    file.write(text, 4);
    file.close();
  }
  EXPECT_EQ(read_file(folder.path() + "/log"), "one\ntwo\n");
}

TEST(File, FoldersAreMadeWithTheirParentsAndRemovedWithTheirContents) {
  TemporaryFolder folder;
  FileSystem& fs = *FileSystem::real();
  make_directories(fs, folder.path() + "/a/b/c");
  make_directories(fs, folder.path() + "/a/b/c");
  write_file_durably(folder.path() + "/a/b/c/d", "x");
  std::filesystem::create_symlink(folder.path() + "/keep", folder.path() + "/a/link");
  write_file_durably(folder.path() + "/keep", "x");
  remove_tree(fs, folder.path() + "/a");
  remove_tree(fs, folder.path() + "/a");
  EXPECT_EQ(list_directory(fs, folder.path()), std::vector<std::string>{"keep"});
  EXPECT_THROW(make_directories(fs, folder.path() + "/keep/x"), FileError);
}

// Whatever fails, the old bytes or the new ones stand there, and success means new and durable.
void sweep(Fault::Kind kind, bool sticky) {
  for (int64_t n = 1; n < 100; ++n) {
    MemoryFileSystem disk;
    write_file_durably(disk, "/a", "old", "test");
    FaultFileSystem faults(disk);
    faults.arm({n, kind, ENOSPC, sticky});
    bool acknowledged = false;
    try {
      write_file_durably(faults, "/a", "new content", "test");
      acknowledged = true;
    } catch (const FileError&) {
    }
    if (!faults.fired()) return;
    const std::string before = read_file(disk, "/a", 100, "test");
    EXPECT_TRUE(before == "old" || before == "new content") << before;
    disk.cut_power(MemoryFileSystem::Cut::all);
    const std::string after = read_file(disk, "/a", 100, "test");
    EXPECT_TRUE(acknowledged ? after == "new content" : after == "old" || after == "new content")
        << n << after;
  }
  FAIL() << "the sweep did not end";
}

TEST(File, DurableWriteUnderEveryFault) {
  for (const bool sticky : {false, true})
    for (const Fault::Kind kind :
         {Fault::Kind::error, Fault::Kind::short_write, Fault::Kind::crash_before, Fault::Kind::crash_after})
      sweep(kind, sticky);
}

// The planted faults of the disk model itself: without fsync of the file or of the folder the bytes are gone.
TEST(MemoryFile, ForgetsWhatWasNotSynced) {
  MemoryFileSystem disk;
  File file = File::create(disk, "/a");
  file.write("abc", 3);
  disk.fsync_directory("/");
  disk.cut_power(MemoryFileSystem::Cut::all);
  EXPECT_EQ(read_file(disk, "/a", 100, "test"), "") << "the name survived, the bytes did not";
  File other = File::create(disk, "/b");
  other.write("abc", 3);
  other.fsync();
  disk.cut_power(MemoryFileSystem::Cut::all);
  EXPECT_FALSE(exists(disk, "/b")) << "the bytes survived, the name did not";
}

TEST(Temporary, OwnersAreTold) {
  EXPECT_EQ(temporary_owner(temporary_name()), TemporaryOwner::alive);
  EXPECT_NE(temporary_name(), temporary_name());
  EXPECT_EQ(temporary_owner("model.safetensors"), TemporaryOwner::not_temporary);
  EXPECT_EQ(temporary_owner(".tmp-elsewhere-1-2-3-4"), TemporaryOwner::elsewhere);
  EXPECT_EQ(temporary_owner(".tmp-"), TemporaryOwner::elsewhere);
  int pipe[2];
  ASSERT_EQ(::pipe(pipe), 0);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const std::string name = temporary_name();
    const bool written = ::write(pipe[1], name.data(), name.size()) == static_cast<ssize_t>(name.size());
    ::_exit(written ? 0 : 1);
  }
  char buffer[256];
  const ssize_t n = ::read(pipe[0], buffer, sizeof buffer);
  ::waitpid(pid, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
  ASSERT_GT(n, 0);
  EXPECT_EQ(temporary_owner(std::string(buffer, static_cast<size_t>(n))), TemporaryOwner::dead);
}

TEST(Paths, JoinAndTakeApart) {
  EXPECT_EQ(join("a", "b"), "a/b");
  EXPECT_EQ(join("a/", "b"), "a/b");
  EXPECT_EQ(join("", "b"), "b");
  EXPECT_EQ(parent_of("a/b/c"), "a/b");
  EXPECT_EQ(parent_of("a/b/"), "a");
  EXPECT_EQ(parent_of("/a"), "/");
  EXPECT_EQ(parent_of("a"), ".");
  EXPECT_EQ(base_name_of("a/b/"), "b");
  EXPECT_EQ(base_name_of("a"), "a");
}

TEST(Paths, BeneathRefusesEveryWayOut) {
  TemporaryFolder folder;
  const std::string root = folder.path() + "/root";
  make_directories(*FileSystem::real(), root + "/sub");
  write_file_durably(root + "/sub/x", "x");
  std::filesystem::create_symlink("/etc", root + "/absolute");
  std::filesystem::create_symlink("../..", root + "/up");
  std::filesystem::create_symlink("sub", root + "/inside");
  EXPECT_EQ(path_beneath(root, "sub/x", "test"), root + "/sub/x");
  EXPECT_EQ(path_beneath(root, "inside/x", "test"), root + "/inside/x");
  EXPECT_EQ(path_beneath(root, "not-there-yet", "test"), root + "/not-there-yet");
  for (const char* bad : {"", "/etc/passwd", "..", "../x", "sub/../../x", "a//b", "./a", "a/.", "a\\b",
                          "a\nb", "a/", "absolute/passwd", "up/x", "absolute", "up"})
    EXPECT_THROW(path_beneath(root, bad, "test"), std::invalid_argument) << bad;
}

TEST(Names, OnlySafeOnes) {
  for (const char* good : {"a", "0", "tickets", "a.b_c-d", "llama-3.2-1b", "x9"})
    EXPECT_TRUE(valid_name(good)) << good;
  EXPECT_TRUE(valid_name(std::string(96, 'a')));
  for (const char* bad : {"", "A", ".a", "-a", "_a", "a..b", "a--b", "a/b", "a b", "ä", "a\n"})
    EXPECT_FALSE(valid_name(bad)) << bad;
  EXPECT_FALSE(valid_name(std::string(97, 'a')));
  EXPECT_TRUE(says(refusal<std::invalid_argument>([] { check_name("A\n", "Store.get"); }),
                   "[Store.get] expected a name"));
  EXPECT_TRUE(says(refusal<std::invalid_argument>([] { check_name("A\n", "Store.get"); }), "'A\\x0a'"));
}

}  // namespace
}  // namespace whorl::base
