// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "restride/executor.h"

namespace restride {

// The calling thread alone.
class SerialExecutor final : public Executor {
 public:
  unsigned concurrency() const noexcept override { return 1; }

 protected:
  void run(std::size_t n, void (*function)(void*, std::size_t), void* context) override {
    for (std::size_t i = 0; i < n; ++i) function(context, i);
  }
};

}  // namespace restride
