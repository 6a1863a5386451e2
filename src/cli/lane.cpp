// SPDX-License-Identifier: Apache-2.0
#include "lane.h"

#include <algorithm>
#include <utility>

#include "arrays.h"
#include "choose.h"
#include "stop.h"
#include "text.h"

namespace restride::cli {
namespace {

bool bare_code_stream(std::string_view extension) noexcept {
  return extension == ".j2k" || extension == ".j2c" || extension == ".jpc" || extension == ".jhc";
}

// The usual extension of a codec's files.
std::string extension_for(std::string_view codec, const EncodeSettings& settings) {
  if (codec == "jpeg2k" && settings.params.jpeg2k.bitstream == Jpeg2kBitstream::j2k) return ".j2k";
  for (const FormatInfo& format : formats())
    if (format.name == codec) return format.extensions.front();
  return {};
}

}  // namespace

Lane::Lane(Work& work) : work_(work), slots_(work.batch + 1) {
  forget_buffers();
  in_.reserve(work.batch);
  decode_params_.reserve(work.batch);
  encode_params_.resize(work.batch);
}

bool Lane::stopping() const noexcept { return stop_signal() != 0 || work_.gave_up(); }

void Lane::run() {
  while (!stopping()) {
    gather();
    if (count_ == 0) return;
    const bool large = slots_[0].needs > work_.share() / 2;
    std::shared_lock together(work_.large, std::defer_lock);
    std::unique_lock alone(work_.large, std::defer_lock);
    large ? alone.lock() : together.lock();
    keep_within_share();
    if (!stopping()) decode();
    if (!stopping()) {
      encode();
      write();
    }
    if (large) forget_buffers();
  }
}

void Lane::fail(Slot& slot, Error error) {
  slot.outcome.kind = Outcome::Kind::failed;
  slot.outcome.error = std::move(error);
  slot.source = {};
  work_.report->add(slot.outcome);
}

// Opens files until the batch is full. One that does not fit any more starts the next batch.
void Lane::gather() {
  std::uint64_t bytes = 0;
  if (carried_) std::swap(slots_[0], slots_[count_]);
  count_ = carried_ ? 1 : 0;
  if (carried_) bytes = slots_[0].needs + slots_[0].outcome.bytes_in;
  carried_ = false;
  while (count_ < work_.batch && !stopping()) {
    const std::size_t i = work_.next.fetch_add(1);
    if (i >= work_.listing.items.size()) return;
    Slot& slot = slots_[count_];
    if (!open(slot, work_.listing.items[i])) continue;
    bytes += slot.needs + slot.outcome.bytes_in;  // small files are read when they are opened
    if (count_ > 0 && bytes > work_.share() / 2) {
      carried_ = true;
      return;
    }
    ++count_;
  }
}

// False: nothing more is to be done for this file, and the report knows why.
bool Lane::open(Slot& slot, const Item& item) {
  slot.outcome = {};
  slot.outcome.source = work_.listing.source(item);
  slot.outcome.bytes_in = item.bytes;
  slot.status = {};
  slot.array = Image();
  const bool by_name = !work_.codec.empty() || !work_.array_format.empty();
  if (item.missing) return fail(slot, {Errc::not_found, "no such file"}), false;
  Status status = by_name ? name_target(slot, item, {}) : Status();
  if (status && item.collides)
    status = Error{Errc::invalid_argument, "another source has the same target; it was left alone"};
  if (status && by_name && work_.settings.batch.resume && up_to_date(slot.outcome.target, slot.outcome.source)) {
    slot.outcome.kind = Outcome::Kind::skipped;
    work_.report->add(slot.outcome);
    return false;
  }
  if (status) {
    auto opened = open_source(slot.outcome.source);
    if (opened)
      slot.source = *std::move(opened);
    else
      status = std::move(opened).error();
  }
  if (status && !by_name) {
    const auto own = slot.source.codec();
    status = own ? name_target(slot, item, *own) : Status(own.error());
    if (status && work_.settings.batch.resume && up_to_date(slot.outcome.target, slot.outcome.source)) {
      slot.outcome.kind = Outcome::Kind::skipped;
      slot.source = {};
      work_.report->add(slot.outcome);
      return false;
    }
  }
  if (status) status = work_.settings.command == Command::encode ? open_array(slot) : open_picture(slot);
  if (!status) return fail(slot, std::move(status).error()), false;
  return true;
}

Status Lane::name_target(Slot& slot, const Item& item, std::string_view own_codec) {
  slot.codec = work_.codec.empty() ? std::string(own_codec) : work_.codec;
  std::string& target = slot.outcome.target;
  if (work_.target_is_file) {
    target = work_.target;
  } else {
    target = work_.target + (work_.target.back() == '/' ? "" : "/");
    if (!work_.array_format.empty())
      target += std::string(without_extension(item.relative)) + "." + work_.array_format;
    else if (work_.codec.empty())
      target += item.relative;
    else
      target += std::string(without_extension(item.relative)) + extension_for(work_.codec, work_.settings.encode);
  }
  if (target != "-" && same_file(target, slot.outcome.source))
    return Error{Errc::invalid_argument, "the target is the source itself; choose another folder"};
  return {};
}

Status Lane::open_picture(Slot& slot) {
  const Settings& settings = work_.settings;
  auto part = part_of(slot.source, settings.decode);
  if (!part) return part.error();
  slot.source = *std::move(part);
  slot.decode = decode_params(settings.decode, work_.max_memory);
  slot.encode = settings.encode.params;
  if (!settings.encode.bitstream_given && bare_code_stream(extension_of(slot.outcome.target)))
    slot.encode.jpeg2k.bitstream = Jpeg2kBitstream::j2k;
  auto spec = choose_pixels(*work_.decoder, work_.encoder, slot.source, slot.codec, settings, slot.encode, slot.decode);
  if (!spec) return spec.error();
  slot.needs = spec->bytes();
  if (settings.command == Command::transcode && settings.encode.keep_metadata)
    choose_metadata(*work_.encoder, slot.source, slot.codec, *spec, settings.decode, slot.encode, slot.outcome.notes);
  return {};
}

Status Lane::open_array(Slot& slot) {
  const ArraySettings& array = work_.settings.array;
  const bool raw = array.format.empty() ? extension_of(slot.outcome.source) == ".raw" : array.format == "raw";
  auto image = raw ? image_of_raw(slot.source, array) : image_of_npy(slot.source);
  if (!image) return image.error();
  slot.array = *std::move(image);
  slot.needs = slot.array.size();
  if (slot.needs > work_.max_memory)
    return Error{Errc::limit_exceeded, format("%llu bytes of pixels are more than --max-memory",
                                              static_cast<unsigned long long>(slot.needs))};
  slot.encode = work_.settings.encode.params;
  if (!work_.settings.encode.bitstream_given && bare_code_stream(extension_of(slot.outcome.target)))
    slot.encode.jpeg2k.bitstream = Jpeg2kBitstream::j2k;
  return work_.encoder->check(slot.array.spec(), slot.codec, slot.encode);
}

// Buffers grow to the largest picture that each slot has seen; where all of them together would be too much, they start
// over with what this batch needs.
void Lane::keep_within_share() {
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const std::uint64_t needs = i < count_ && slots_[i].array.empty() ? slots_[i].needs : 0;
    bytes += std::max(slots_[i].image.capacity(), needs) + slots_[i].encoded.capacity();
  }
  if (bytes > work_.share()) forget_buffers();
}

void Lane::forget_buffers() {
  const Memory memory = work_.array_format.empty() ? work_.decoder->output_memory() : Memory::host;
  for (Slot& slot : slots_) {
    slot.image = Image(memory);
    // Ordinary memory: what is written to a file gains nothing from pinned memory. Creating an empty one cannot fail.
    if (auto stream = CodeStream::create(0, memory == Memory::device)) slot.encoded = *std::move(stream);
  }
}

void Lane::decode() {
  if (work_.settings.command == Command::encode) return;
  in_.clear();
  images_.clear();
  decode_params_.clear();
  for (std::size_t i = 0; i < count_; ++i) {
    in_.push_back(&slots_[i].source);
    images_.push_back(&slots_[i].image);
    decode_params_.push_back(slots_[i].decode);
  }
  statuses_.assign(count_, Status());
  work_.decoder->decode_each(in_, images_, statuses_, decode_params_);
  for (std::size_t i = 0; i < count_; ++i) slots_[i].status = std::move(statuses_[i]);
}

void Lane::encode() {
  if (!work_.array_format.empty()) return;
  for (std::size_t i = 0; i < count_; ++i) {
    const bool first_of_codec = std::none_of(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(i),
                                             [&](const Slot& slot) { return slot.codec == slots_[i].codec; });
    if (first_of_codec) encode_group(slots_[i].codec);
  }
}

// All pictures of one codec in one call; then once more, without metadata, those that failed with it.
void Lane::encode_group(std::string_view codec) {
  group_.clear();
  for (std::size_t i = 0; i < count_; ++i)
    if (slots_[i].status && slots_[i].codec == codec) group_.push_back(i);
  for (int attempt = 0; attempt < 2 && !group_.empty(); ++attempt) {
    pixels_.clear();
    out_.clear();
    for (std::size_t k = 0; k < group_.size(); ++k) {
      Slot& slot = slots_[group_[k]];
      pixels_.push_back(&slot.pixels());
      out_.push_back(&slot.encoded);
      std::swap(encode_params_[k], slot.encode);
    }
    statuses_.assign(group_.size(), Status());
    work_.encoder->encode_each(pixels_, codec, out_, statuses_, std::span(encode_params_).first(group_.size()));
    std::size_t again = 0;
    for (std::size_t k = 0; k < group_.size(); ++k) {
      Slot& slot = slots_[group_[k]];
      std::swap(encode_params_[k], slot.encode);
      slot.status = std::move(statuses_[k]);
      if (slot.status || slot.encode.metadata.empty()) continue;
      slot.outcome.notes.push_back("metadata not kept: " + slot.status.error().message);
      slot.encode.metadata.clear();
      group_[again++] = group_[k];
    }
    group_.resize(again);
  }
}

void Lane::write() {
  for (std::size_t i = 0; i < count_; ++i) {
    Slot& slot = slots_[i];
    if (!slot.status) {
      fail(slot, std::move(slot.status).error());
      continue;
    }
    const ImageSpec& spec = slot.pixels().spec();
    const std::string header = work_.array_format == "npy" ? npy_header(spec) : std::string();
    const std::span<const std::byte> parts[] = {std::as_bytes(std::span(header)),
                                                work_.array_format.empty()
                                                    ? slot.encoded.bytes()
                                                    : std::span<const std::byte>(slot.image.view().data, spec.bytes())};
    std::optional<WriteFailure> failure;
    if (!work_.target_is_file) {
      if (Status made = make_parents(slot.outcome.target); !made) failure = {made.error(), false};
    }
    if (!failure) failure = write_whole(slot.outcome.target, parts);
    if (failure) {
      if (failure->full) work_.give_up(failure->error.message);
      fail(slot, std::move(failure->error));
      continue;
    }
    slot.outcome.spec = spec;
    slot.outcome.bytes_out = parts[0].size() + parts[1].size();
    slot.source = {};
    work_.report->add(slot.outcome);
  }
}

}  // namespace restride::cli
