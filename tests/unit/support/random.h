// SPDX-License-Identifier: Apache-2.0
// The random numbers of all tests. Every test starts from the seed, alone or among others, so that it can be repeated;
// one that fails prints it. RESTRIDE_TEST_SEED=n chooses another: with --gtest_repeat or in a loop, more is tried.
#pragma once

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

namespace restride::test {

inline unsigned seed() {
  static const unsigned value = [] {
    const char* text = std::getenv("RESTRIDE_TEST_SEED");
    return text ? static_cast<unsigned>(std::strtoul(text, nullptr, 10)) : 20261123U;
  }();
  return value;
}

inline std::mt19937& random_bits() {
  static std::mt19937 generator(seed());
  return generator;
}
inline unsigned random_below(unsigned n) { return static_cast<unsigned>(random_bits()() % n); }

class SeedListener final : public ::testing::EmptyTestEventListener {
  void OnTestStart(const ::testing::TestInfo&) override { random_bits().seed(seed()); }
  void OnTestEnd(const ::testing::TestInfo& info) override {
    if (info.result()->Failed()) std::printf("RESTRIDE_TEST_SEED=%u repeats this\n", seed());
  }
};
// gtest owns the listener.
inline const bool kSeedListener = [] {
  ::testing::UnitTest::GetInstance()->listeners().Append(new SeedListener);
  return true;
}();

}  // namespace restride::test
