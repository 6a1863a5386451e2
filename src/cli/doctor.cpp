// SPDX-License-Identifier: Apache-2.0
// What this build and this machine have: codecs, CPU, GPU, libraries; and what would give more.
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "settings.h"
#include "text.h"

namespace restride::cli {
namespace {

std::string joined(const std::vector<std::string>& words, const char* none) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out.empty() ? none : out;
}

std::string titled(const BackendInfo& backend) {
  const std::string kind = backend.kind == static_cast<int>(BackendKind::cpu_only)
                               ? ""
                               : format(" [%s]", name(static_cast<BackendKind>(backend.kind)));
  return backend.name + kind + (backend.version.empty() ? "" : " " + backend.version);
}

std::vector<std::string> cpu_features() {
  std::vector<std::string> out;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const auto add = [&](const char* feature, int there) {
    if (there) out.push_back(feature);
  };
  add("sse4.2", __builtin_cpu_supports("sse4.2"));
  add("pclmul", __builtin_cpu_supports("pclmul"));
  add("avx2", __builtin_cpu_supports("avx2"));
  add("bmi2", __builtin_cpu_supports("bmi2"));
  add("avx512f", __builtin_cpu_supports("avx512f"));
  add("avx512bw", __builtin_cpu_supports("avx512bw"));
  add("avx512vbmi2", __builtin_cpu_supports("avx512vbmi2"));
#elif defined(__aarch64__)
  out.push_back("neon");
#endif
  return out;
}

// The value behind "key : value" or "key: value"; empty: none.
std::string value_in(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(key, 0) != 0) continue;
    const std::size_t colon = line.find(':');
    const std::size_t first = colon == std::string::npos ? colon : line.find_first_not_of(" \t", colon + 1);
    if (first != std::string::npos) return line.substr(first);
  }
  return {};
}

unsigned usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? static_cast<unsigned>(CPU_COUNT(&set))
                                                       : std::thread::hardware_concurrency();
}

// What the NVIDIA driver says of itself under /proc; there without CUDA too.
std::string driver() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  std::getline(file, line);
  const std::size_t colon = line.find(':');
  return colon == std::string::npos ? line : line.substr(line.find_first_not_of(" \t", colon + 1));
}

std::vector<std::string> driver_gpus() {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/driver/nvidia/gpus", error))
    out.push_back(value_in(entry.path() / "information", "Model"));
  return out;
}

bool has_backend(const std::vector<BackendInfo>& all, std::string_view name) {
  for (const BackendInfo& backend : all)
    if (backend.name.rfind(name, 0) == 0) return true;
  return false;
}

bool encodes_ht() {
  CodecOptions options;
  options.device = CodecOptions::kCpuOnly;
  const auto encoder = Encoder::create(options);
  EncodeParams params;
  params.jpeg2k.ht = true;
  ImageSpec spec;
  spec.width = spec.height = 64;
  spec.channels = 3;
  spec.format = SampleFormat::i_rgb;
  spec.color = ColorSpec::srgb;
  spec.precision = 8;
  return encoder && encoder->check(spec, "jpeg2k", params);
}

struct Findings {
  std::string cpu = value_in("/proc/cpuinfo", "model name");
  std::vector<std::string> features = cpu_features();
  unsigned cpus = usable_cpus();
  std::uint64_t memory = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES))) *
                         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  int devices = device_count();
  std::string no_device = device_missing_reason_text();
  std::string driver_version = driver();
  std::vector<std::string> gpus = driver_gpus();
  std::vector<BackendInfo> all = backends();
  std::vector<LibraryInfo> opened = libraries();
  bool ht = encodes_ht();

  std::vector<std::string> advice() const;
};

std::vector<std::string> Findings::advice() const {
  std::vector<std::string> out;
  if (!ht) out.push_back("HTJ2K encoding: build with OpenJPH (Debian: libopenjph-dev)");
  if (devices == 0 && !gpus.empty() && driver_version.empty())
    out.push_back("the GPU: install NVIDIA's driver");
  else if (devices == 0 && !gpus.empty())
    out.push_back("the GPU: " + no_device);
  if (devices > 0) {
    if (!has_backend(all, "nvjpeg2k")) out.push_back("JPEG 2000 on the GPU: pip install nvidia-nvjpeg2k-cu13");
    if (!has_backend(all, "nvtiff"))
      out.push_back("TIFF on the GPU: pip install nvidia-nvtiff-cu13 nvidia-libnvcomp-cu13");
    if (!has_backend(all, "nvjpeg")) out.push_back("progressive JPEG on the GPU: pip install nvidia-nvjpeg");
  }
  return out;
}

void print_json(const Findings& found) {
  Json json;
  json.open('{').add("version", version()).open("cpu", '{').add("model", found.cpu).add("cpus", found.cpus);
  json.add("memory_bytes", found.memory).open("features", '[');
  for (const std::string& feature : found.features) json.item(feature);
  json.close(']').close('}').open("gpu", '{').add("devices", found.devices).add("driver", found.driver_version);
  if (found.devices == 0) json.add("missing", found.no_device);
  json.open("models", '[');
  for (const std::string& gpu : found.gpus) json.item(gpu);
  json.close(']').close('}').open("codecs", '[');
  for (const BackendInfo& b : found.all)
    json.open('{').add("format", b.format).add("name", b.name).add("version", b.version).close('}');
  json.close(']').open("libraries", '[');
  for (const LibraryInfo& library : found.opened) {
    json.open('{').add("name", library.name).add("version", library.version).add("path", library.path);
    if (!library.missing.empty()) json.add("missing", library.missing);
    json.close('}');
  }
  json.close(']').open("advice", '[');
  for (const std::string& line : found.advice()) json.item(line);
  json.close(']').close('}');
  std::printf("%s\n", json.text().c_str());
}

}  // namespace

int run_doctor(const Settings& settings) {
  const Findings found;
  if (settings.json) {
    print_json(found);
    return kDone;
  }
  std::printf("restride  %s\n", version());
  std::printf("CPU       %s, %u usable, %s memory\n", found.cpu.empty() ? "unknown model" : found.cpu.c_str(),
              found.cpus, human_bytes(found.memory).c_str());
  std::printf("          %s\n", joined(found.features, "no SIMD features known").c_str());
  if (found.devices > 0)
    std::printf("GPU       %d usable: %s\n", found.devices, joined(found.gpus, "unknown model").c_str());
  else
    std::printf("GPU       none used: %s\n", found.no_device.c_str());
  std::printf("driver    %s\n", found.driver_version.empty() ? "no NVIDIA driver" : found.driver_version.c_str());
  for (const FormatInfo& info : formats()) {
    std::vector<std::string> names;
    for (const BackendInfo& b : found.all)
      if (b.format == info.name) names.push_back(titled(b));
    std::printf("%-9s %s\n", info.name.c_str(), joined(names, "no codec").c_str());
  }
  for (const LibraryInfo& library : found.opened) {
    const std::string& what = library.missing.empty() ? library.path : library.missing;
    std::printf("library   %s%s%s: %s\n", library.name.c_str(), library.version.empty() ? "" : " ",
                library.version.c_str(), printable(what).c_str());
  }
  const auto advice = found.advice();
  for (const std::string& line : advice) std::printf("for more  %s\n", line.c_str());
  if (advice.empty()) std::printf("nothing is missing\n");
  return kDone;
}

int run_codecs(const Settings& settings) {
  const auto all = backends();
  const auto names = [&](const std::string& format, bool encodes) {
    std::vector<std::string> out;
    for (const BackendInfo& b : all)
      if (b.format == format && (encodes ? b.encodes : b.decodes)) out.push_back(titled(b));
    return out;
  };
  Json json;
  json.open('[');
  for (const FormatInfo& info : formats()) {
    const auto decoders = names(info.name, false), encoders = names(info.name, true);
    if (!settings.json) {
      std::printf("%-7s decodes: %-52s encodes: %s\n        %s%s\n", info.name.c_str(), joined(decoders, "-").c_str(),
                  joined(encoders, "-").c_str(), joined(info.extensions, "").c_str(),
                  info.holds_metadata ? "; keeps metadata" : "");
      continue;
    }
    const auto list = [&](const char* key, const std::vector<std::string>& values) {
      json.open(key, '[');
      for (const std::string& value : values) json.item(value);
      json.close(']');
    };
    json.open('{').add("format", info.name);
    list("extensions", info.extensions);
    list("decoders", decoders);
    list("encoders", encoders);
    json.add("metadata", info.holds_metadata).close('}');
  }
  if (settings.json) std::printf("%s\n", json.close(']').text().c_str());
  return kDone;
}

}  // namespace restride::cli
