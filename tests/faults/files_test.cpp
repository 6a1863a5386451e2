// SPDX-License-Identifier: Apache-2.0
// Files and devices that fail: shortened while in use, full, closed, not there; and signals in the middle of it all.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "unit/support/pictures.h"

namespace restride {
namespace {

namespace fs = std::filesystem;
using test::picture;
using test::pixels_of;
using test::value_of;

class Files : public ::testing::Test {
 protected:
  void SetUp() override {
    char path[] = "/tmp/restride-files-XXXXXX";
    ASSERT_NE(::mkdtemp(path), nullptr);
    folder = path;
  }
  void TearDown() override { fs::remove_all(folder); }
  std::string in_folder(const char* name) const { return folder + "/" + name; }
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }

  std::string folder;
  Encoder encoder = value_of(Encoder::create());
  Decoder decoder = value_of(Decoder::create());
};

TEST_F(Files, ASmallFileMayBeShortenedWhileInUse) {
  const std::string path = in_folder("small.bmp");
  ASSERT_TRUE(encoder.write(path, picture(200, 100)));
  const CodeStream stream = value_of(CodeStream::open(path));
  EXPECT_TRUE(stream.from_file());
  const auto want = pixels_of(value_of(decoder.decode(stream)));
  fs::resize_file(path, 100);
  EXPECT_EQ(pixels_of(value_of(decoder.decode(stream))), want);
  fs::resize_file(path, 0);
  EXPECT_EQ(pixels_of(value_of(decoder.decode(stream))), want);
}

TEST_F(Files, ALargeFileThatWasShortenedIsAnError) {
  const std::string path = in_folder("large.bmp");
  const Image large = picture(2600, 2400);  // 18 MiB: mapped
  ASSERT_TRUE(encoder.write(path, large));
  const CodeStream stream = value_of(CodeStream::open(path)), part = value_of(stream.sub({}));
  Image image;
  ASSERT_TRUE(decoder.decode(stream, image));
  fs::resize_file(path, 5000);
  for (const CodeStream* s : {&stream, &part}) {
    const Status status = decoder.decode(*s, image);
    ASSERT_FALSE(status);
    EXPECT_EQ(status.error().code, Errc::io) << status.error().describe();
    EXPECT_FALSE(read_metadata(*s));
    EXPECT_FALSE(s->info());
  }
  const auto cut = CodeStream::open(path);  // as it is now: truncated, and small
  ASSERT_TRUE(cut);
  const Status status = decoder.decode(*cut, image);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::truncated) << status.error().describe();
}

TEST_F(Files, WhatIsNoFileIsRefused) {
  ASSERT_EQ(::mkfifo(in_folder("pipe").c_str(), 0600), 0);
  std::ofstream(in_folder("empty.png"));
  const auto empty = CodeStream::open(in_folder("empty.png"));
  ASSERT_TRUE(empty);
  ASSERT_FALSE(empty->info());
  EXPECT_EQ(empty->info().error().code, Errc::truncated);
  for (const std::string& path : {folder, std::string("/dev/zero"), in_folder("missing")}) {
    const auto stream = CodeStream::open(path);
    ASSERT_FALSE(stream) << path;
    EXPECT_TRUE(stream.error().code == Errc::io || stream.error().code == Errc::not_found);
    EXPECT_NE(stream.error().message.find(path), std::string::npos);
  }
}

// A disk that is full after some bytes: the limit on file sizes does the same, but for the error's number.
TEST_F(Files, AFullDiskLeavesTheOldFileAndNoOther) {
  const std::string path = in_folder("picture.bmp");
  ASSERT_TRUE(encoder.write(path, picture(20, 20)));
  const auto before = fs::file_size(path);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit small{5000, old.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const Status status = encoder.write(path, picture(300, 300));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  (void)std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::io) << status.error().describe();
  EXPECT_EQ(fs::file_size(path), before);
  EXPECT_EQ(entries(), 1U);
  EXPECT_TRUE(encoder.write(path, picture(300, 300)));
}

TEST_F(Files, DevicesArePlainlyWrittenTo) {
  struct stat full {};
  if (::stat("/dev/full", &full) != 0) GTEST_SKIP() << "/dev/full is not there";
  const std::string link = in_folder("full.png");
  ASSERT_EQ(::symlink("/dev/full", link.c_str()), 0);
  const Status status = encoder.write(link, picture(30, 30));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::io);
  EXPECT_NE(status.error().message.find("No space"), std::string::npos) << status.error().describe();
  struct stat after {};
  ASSERT_EQ(::stat("/dev/full", &after), 0);
  EXPECT_TRUE(S_ISCHR(after.st_mode)) << "the device was replaced by a file";
  EXPECT_EQ(entries(), 1U);
}

TEST_F(Files, AClosedPipeIsAnError) {
  const std::string path = in_folder("pipe.bmp");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const auto handler = std::signal(SIGPIPE, SIG_IGN);
  std::thread reader([&] {  // takes a little and goes away
    const int pipe = ::open(path.c_str(), O_RDONLY);
    char some[100];
    (void)!::read(pipe, some, sizeof some);
    ::close(pipe);
  });
  const Status status = encoder.write(path, picture(400, 400));
  reader.join();
  (void)std::signal(SIGPIPE, handler);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, Errc::io) << status.error().describe();
  EXPECT_TRUE(fs::is_fifo(path));
}

TEST_F(Files, LinksAndReadOnlyPlaces) {
  const std::string target = in_folder("target.png"), link = in_folder("link.png");
  ASSERT_TRUE(encoder.write(target, picture(20, 20)));
  ASSERT_EQ(::symlink(target.c_str(), link.c_str()), 0);
  ASSERT_TRUE(encoder.write(link, picture(40, 30)));
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(value_of(decoder.read(target)).spec().width, 40U);
  for (const std::string& path : {std::string("/proc/no.png"), in_folder("no/such/folder.png"), folder + "/."}) {
    const Status status = encoder.write(path, picture(8, 8), "png");
    ASSERT_FALSE(status) << path;
    EXPECT_EQ(status.error().code, Errc::io) << status.error().describe();
  }
}

TEST_F(Files, SignalsChangeNothing) {
  static volatile std::sig_atomic_t caught = 0;
  struct sigaction action {
  }, old{};
  action.sa_handler = [](int) { caught = caught + 1; };  // and no SA_RESTART: calls are interrupted
  ASSERT_EQ(::sigaction(SIGALRM, &action, &old), 0);
  const itimerval often{{0, 300}, {0, 300}};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &often, nullptr), 0);
  const Image source = picture(300, 200);
  for (int i = 0; i < 40; ++i)
    for (const char* name : {"a.png", "b.bmp", "c.tiff"}) {
      const Status written = encoder.write(in_folder(name), source);
      ASSERT_TRUE(written) << written.error().describe();
      const auto back = decoder.read(in_folder(name));
      ASSERT_TRUE(back) << back.error().describe();
      ASSERT_EQ(pixels_of(*back), pixels_of(source));
    }
  const itimerval never{};
  ASSERT_EQ(::setitimer(ITIMER_REAL, &never, nullptr), 0);
  ASSERT_EQ(::sigaction(SIGALRM, &old, nullptr), 0);
  EXPECT_GT(caught, 0);
  EXPECT_EQ(entries(), 3U);
}

}  // namespace
}  // namespace restride
