// SPDX-License-Identifier: Apache-2.0
// A lane takes pictures in batches and brings them from file to file with memory that it keeps. Several lanes share a
// Decoder, an Encoder and the list of files.
#pragma once

#include <restride/restride.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "files.h"
#include "report.h"
#include "settings.h"

namespace restride::cli {

// What the lanes share.
struct Work {
  explicit Work(const Settings& all) : settings(all) {}

  const Settings& settings;
  Listing listing;
  std::string target;  // folder or file
  bool target_is_file = false;
  std::string codec;         // empty: each keeps its own, or the result is an array
  std::string array_format;  // "npy", "raw"; empty: the result is encoded
  std::uint64_t max_memory = 0;
  unsigned batch = 1;
  Decoder* decoder = nullptr;
  Encoder* encoder = nullptr;
  Report* report = nullptr;

  std::atomic<std::size_t> next{0};
  std::shared_mutex large;  // held alone for a picture that is more than a lane's share

  // Bytes that a lane keeps, and half of which it fills with a batch's pixels.
  std::uint64_t share() const noexcept {
    constexpr std::uint64_t kMost = std::uint64_t{512} << 20;
    return std::min(max_memory / 4, kMost);
  }

  // Ends the work of all lanes; the first reason is kept.
  void give_up(std::string why) {
    std::lock_guard lock(mutex_);
    if (why_gave_up_.empty()) why_gave_up_ = std::move(why);
    gave_up_ = true;
  }
  bool gave_up() const noexcept { return gave_up_; }
  std::string why_gave_up() const { return why_gave_up_; }

 private:
  std::mutex mutex_;
  std::atomic<bool> gave_up_{false};
  std::string why_gave_up_;
};

class Lane {
 public:
  explicit Lane(Work& work);
  // Until no file is left or somebody stops the work.
  void run();

 private:
  // A picture on its way. Everything in it is used again by the next one.
  struct Slot {
    Outcome outcome;
    CodeStream source;   // the part asked for
    Image image, array;  // decoded pixels, or an array file's
    CodeStream encoded;
    std::string codec;
    DecodeParams decode;
    EncodeParams encode;
    std::uint64_t needs = 0;  // bytes of pixels
    Status status;

    const Image& pixels() const noexcept { return array.empty() ? image : array; }
  };

  bool stopping() const noexcept;
  void gather();
  bool open(Slot& slot, const Item& item);
  Status open_picture(Slot& slot);
  Status open_array(Slot& slot);
  Status name_target(Slot& slot, const Item& item, std::string_view own_codec);
  void keep_within_share();
  void forget_buffers();
  void decode();
  void encode();
  void encode_group(std::string_view codec);
  void write();
  void fail(Slot& slot, Error error);

  Work& work_;
  std::vector<Slot> slots_;
  std::size_t count_ = 0;  // slots of this batch
  bool carried_ = false;   // slots_[count_] is open and did not fit the batch
  // Arguments of a call, kept for the next.
  std::vector<const CodeStream*> in_;
  std::vector<Image*> images_;
  std::vector<const Image*> pixels_;
  std::vector<CodeStream*> out_;
  std::vector<Status> statuses_;
  std::vector<DecodeParams> decode_params_;
  std::vector<EncodeParams> encode_params_;
  std::vector<std::size_t> group_;
};

}  // namespace restride::cli
