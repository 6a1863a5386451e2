// SPDX-License-Identifier: Apache-2.0
// Finding NVIDIA's libraries, which needs neither CUDA nor a GPU. Each case is a process of its own (ctest runs them
// so): a library is looked for once.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "cuda/vendor/library.h"

namespace restride::cuda::vendor {
namespace {

constexpr Which kAll[] = {Which::nvjpeg, Which::nvjpeg2k, Which::nvtiff, Which::nvcomp};

// Folders that a test run was given, or none.
std::vector<std::string> given() {
  std::vector<std::string> folders;
#if defined(RESTRIDE_NVIDIA_PACKAGES)
  namespace fs = std::filesystem;
  if (fs::is_directory(RESTRIDE_NVIDIA_PACKAGES))
    for (const fs::directory_entry& package : fs::directory_iterator(RESTRIDE_NVIDIA_PACKAGES))
      for (const char* name : {"lib", "lib64"})
        if (fs::is_directory(package.path() / name)) folders.push_back((package.path() / name).string());
#endif
  return folders;
}

TEST(VendorLibrary, MissingOnesSayWhatIsMissing) {
  for (const Which which : kAll) {
    Library& one = library(which);
    if (one.open()) GTEST_SKIP() << one.title() << " is installed for the whole system: " << one.path();
    EXPECT_NE(one.missing().find("was found neither"), std::string::npos) << one.missing();
    EXPECT_EQ(one.missing().find("lib"), 0U) << one.missing();
    EXPECT_TRUE(one.path().empty());
  }
  EXPECT_EQ(nvjpeg(), nullptr);
  EXPECT_EQ(nvjpeg2k(), nullptr);
  EXPECT_EQ(nvtiff(), nullptr);
  EXPECT_FALSE(open_nvcomp());
}

void expect_all_found() {
  ASSERT_NE(nvjpeg(), nullptr) << library(Which::nvjpeg).missing();
  ASSERT_NE(nvjpeg2k(), nullptr) << library(Which::nvjpeg2k).missing();
  ASSERT_NE(nvtiff(), nullptr) << library(Which::nvtiff).missing();
  ASSERT_TRUE(open_nvcomp()) << library(Which::nvcomp).missing();
  for (const Which which : kAll) {
    const Library& one = library(which);
    EXPECT_NE(one.version().find('.'), std::string::npos) << one.title();
    EXPECT_EQ(one.path().find('/'), 0U) << one.path();
    std::printf("%s %s from %s\n", one.title(), one.version().c_str(), one.path().c_str());
  }
}

TEST(VendorLibrary, FoundInFoldersOfTheHost) {
  const std::vector<std::string> folders = given();
  if (folders.empty()) GTEST_SKIP() << "no NVIDIA packages: give -DRESTRIDE_NVIDIA_PACKAGES=.../site-packages/nvidia";
  const std::vector<std::string_view> views(folders.begin(), folders.end());
  set_folders(views);
  expect_all_found();
}

TEST(VendorLibrary, FoundThroughTheEnvironment) {
  const std::vector<std::string> folders = given();
  if (folders.empty()) GTEST_SKIP() << "no NVIDIA packages: give -DRESTRIDE_NVIDIA_PACKAGES=.../site-packages/nvidia";
  std::string path = "/nowhere::";
  for (const std::string& folder : folders) path += folder + ":";
  ::setenv("RESTRIDE_CUDA_LIBRARY_PATH", path.c_str(), 1);
  expect_all_found();
}

TEST(VendorLibrary, StatusCodesHaveNames) {
  EXPECT_STREQ(nvj::status_name(3), "BAD_JPEG");
  EXPECT_STREQ(nvj2k::status_name(9), "IMPLEMENTATION_NOT_SUPPORTED");
  EXPECT_STREQ(nvt::status_name(14), "BATCH_INCOMPATIBLE");
  EXPECT_STREQ(nvt::status_name(99), "unknown status");
  EXPECT_STREQ(nvj::status_name(-1), "unknown status");
}

}  // namespace
}  // namespace restride::cuda::vendor
