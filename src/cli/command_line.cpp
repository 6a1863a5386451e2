// SPDX-License-Identifier: Apache-2.0
#include "command_line.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace restride::cli {
namespace {

template <class T>
using Names = std::vector<std::pair<std::string, T>>;

const Names<ChromaSubsampling> kSubsamplings = {
    {"444", ChromaSubsampling::css_444},   {"422", ChromaSubsampling::css_422},  {"420", ChromaSubsampling::css_420},
    {"440", ChromaSubsampling::css_440},   {"411", ChromaSubsampling::css_411},  {"410", ChromaSubsampling::css_410},
    {"410v", ChromaSubsampling::css_410v}, {"gray", ChromaSubsampling::css_gray}};
const Names<ColorChoice> kColors = {
    {"keep", ColorChoice::keep}, {"rgb", ColorChoice::rgb}, {"gray", ColorChoice::gray}};
const Names<BackendKind> kBackends = {{"cpu", BackendKind::cpu_only},
                                      {"gpu", BackendKind::gpu_only},
                                      {"hybrid", BackendKind::hybrid_cpu_gpu},
                                      {"hw", BackendKind::hw_gpu_only}};
const Names<Jpeg2kProgression> kProgressions = {{"lrcp", Jpeg2kProgression::lrcp},
                                                {"rlcp", Jpeg2kProgression::rlcp},
                                                {"rpcl", Jpeg2kProgression::rpcl},
                                                {"pcrl", Jpeg2kProgression::pcrl},
                                                {"cprl", Jpeg2kProgression::cprl}};
const Names<TiffCompression> kCompressions = {{"auto", TiffCompression::automatic},
                                              {"none", TiffCompression::none},
                                              {"lzw", TiffCompression::lzw},
                                              {"deflate", TiffCompression::deflate}};
const Names<Jpeg2kBitstream> kBitstreams = {{"jp2", Jpeg2kBitstream::jp2}, {"j2k", Jpeg2kBitstream::j2k}};
const Names<SampleType> kTypes = {{"u8", SampleType::u8},   {"i8", SampleType::i8},   {"u16", SampleType::u16},
                                  {"i16", SampleType::i16}, {"u32", SampleType::u32}, {"i32", SampleType::i32},
                                  {"f16", SampleType::f16}, {"f32", SampleType::f32}, {"f64", SampleType::f64}};
const Names<std::string> kArrayFormats = {{"npy", "npy"}, {"raw", "raw"}};
const Names<std::string> kShells = {{"bash", "bash"}, {"zsh", "zsh"}, {"fish", "fish"}};

Names<std::string> codec_names() {
  Names<std::string> out;
  for (const FormatInfo& format : formats()) out.emplace_back(format.name, format.name);
  return out;
}

// Positionals are shown as what they stand for; which options exclude each other is said by the error.
class PlainFormatter final : public CLI::Formatter {
 public:
  PlainFormatter() { column_width(34); }
  std::string make_option_name(const CLI::Option* option, bool positional) const override {
    return positional ? option->get_type_name() : option->get_name(false, true);
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_positional() || option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }
  std::string make_option_usage(const CLI::Option* option) const override { return option->get_type_name(); }
};

[[noreturn]] void refuse(const std::string& option, const std::string& why) { throw CLI::ValidationError(option, why); }

// An option that takes one of `names`; help, completion and manual show them as its type, "a|b|c".
template <class T, class Set>
CLI::Option* choice(CLI::App& app, const std::string& flags, const Names<T>& names, const std::string& text, Set set) {
  std::string type;
  for (const auto& [name, value] : names) type += (type.empty() ? "" : "|") + name;
  auto take = [flags, names, type, set = std::move(set)](const std::string& given) {
    const std::string lower = CLI::detail::to_lower(given);
    for (const auto& [name, value] : names)
      if (name == lower) return set(value);
    refuse(flags, given + " is none of " + type);
  };
  return app.add_option_function<std::string>(flags, std::move(take), text)->type_name(type);
}

// Numbers with one of `separators` between them; no more than most.
template <class T>
std::vector<T> numbers(const std::string& option, const std::string& text, const char* separators, std::size_t least,
                       std::size_t most) {
  std::vector<T> out;
  const char *at = text.data(), *end = at + text.size();
  while (true) {
    T value{};
    const auto [next, error] = std::from_chars(at, end, value);
    if (error != std::errc{} || out.size() == most) break;
    out.push_back(value);
    at = next;
    if (at == end && out.size() >= least) return out;
    if (at == end || std::string_view(separators).find(*at) == std::string_view::npos) break;
    ++at;
  }
  refuse(option, text + " is not understood; see --help for its form");
}

template <class Set>
CLI::Option* pair_option(CLI::App& app, const std::string& flags, const std::string& text, Set set) {
  return app
      .add_option_function<std::string>(
          flags,
          [flags, set](const std::string& given) {
            const auto values = numbers<std::uint32_t>(flags, given, "xX,", 2, 2);
            if (values[0] == 0 || values[1] == 0) refuse(flags, given + ": both must be larger than 0");
            set(values[0], values[1]);
          },
          text)
      ->type_name("WxH");
}

std::uint64_t bytes_of(const std::string& option, const std::string& text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  std::string unit = CLI::detail::to_lower(std::string(end, text.data() + text.size()));
  if (!unit.empty() && unit.back() == 'b') unit.pop_back();
  if (!unit.empty() && unit.back() == 'i') unit.pop_back();
  constexpr std::string_view kUnits = "kmgt";
  const std::size_t power = unit.empty() ? 0 : kUnits.find(unit) + 1;  // npos + 1 is 0
  if (error != std::errc{} || unit.size() > 1 || (!unit.empty() && power == 0) || value == 0 ||
      value > (~std::uint64_t{0} >> (10 * power)))
    refuse(option, text + " is no number of bytes; for example 512M or 2G");
  return value << (10 * power);
}

void add_machine_options(CLI::App& app, MachineSettings& to) {
  CodecOptions& options = to.options;
  app.add_option_function<std::string>(
         "--device",
         [&options](const std::string& given) {
           const std::string lower = CLI::detail::to_lower(given);
           if (lower == "auto") return;
           options.device = lower == "cpu" ? CodecOptions::kCpuOnly : numbers<int>("--device", given, "", 1, 1)[0];
           if (options.device < 0 && options.device != CodecOptions::kCpuOnly)
             refuse("--device", "auto, cpu or the number of a GPU");
         },
         "Where to work: a GPU if there is one, the CPU alone, or the GPU of that number")
      ->type_name("auto|cpu|N");
  app.add_option("--threads", options.max_threads, "CPU threads; 0: one a logical core")->type_name("N");
  choice(app, "--backends", kBackends, "Use codecs of this kind only; may be given several times",
         [&options](BackendKind kind) {
           options.backends.push_back({kind, 1.0F, LoadHintPolicy::fixed});
         })
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll)
      ->expected(1)
      ->allow_extra_args(false);
  app.add_flag(
      "--inexact", [&options](std::int64_t) { options.exact = false; },
      "Allow GPU codecs that round differently from the CPU's where they are faster");
  app.add_option("--codec-options", options.options,
                 "Options of codecs, for example \":fancy_upsampling=0\"; unknown ones are ignored")
      ->type_name("TEXT");
}

void add_decode_options(CLI::App& app, DecodeSettings& to) {
  choice(app, "--color", kColors, "Colours of the result: the source's own, RGB, or gray",
         [&to](ColorChoice value) { to.color = value; });
  app.add_flag("--8bit", to.eight_bits, "8 bits a sample, also where the target could hold the source's more");
  app.add_flag("--ignore-orientation", to.ignore_orientation, "Leave pixels as stored; do not turn them as EXIF says");
  app.add_option_function<std::uint32_t>(
         "--reduce",
         [&to](std::uint32_t n) {
           if (n > 32) refuse("--reduce", "0 to 32");
           to.reduce = static_cast<std::uint8_t>(n);
         },
         "Halve the size N times while decoding (JPEG, JPEG 2000, TIFF with overviews)")
      ->type_name("N");
  pair_option(app, "--fit", "Halve the size until the picture is this large at most",
              [&to](std::uint32_t w, std::uint32_t h) {
                to.fit = {w, h};
              });
  app.add_option_function<std::string>(
         "--region",
         [&to](const std::string& given) {
           const auto v = numbers<std::int64_t>("--region", given, ",", 4, 4);
           constexpr std::int64_t kFar = std::int64_t{1} << 40;
           if (v[0] < -kFar || v[0] > kFar || v[1] < -kFar || v[1] > kFar || v[2] <= 0 || v[3] <= 0 || v[2] > kFar ||
               v[3] > kFar)
             refuse("--region", given + ": width and height must be larger than 0");
           to.region = Rect{v[0], v[1], v[2], v[3]};
         },
         "Only this part, in pixels of the picture as shown; it may reach outside")
      ->type_name("X,Y,W,H");
  app.add_option_function<std::string>(
         "--fill",
         [&to](const std::string& given) { to.fill = numbers<double>("--fill", given, ",", 1, kMaxFillSamples); },
         "What lies outside the picture in a region: one value, or one a channel; 0 if not given")
      ->type_name("V[,V...]");
  app.add_option("--page", to.page, "Which image of a file with several, from 0")->type_name("N");
}

void add_quality_options(CLI::App& app, EncodeParams& params) {
  CLI::Option_group* group = app.add_option_group("Quality (one of)");
  group->require_option(0, 1);
  const auto set = [&params](QualityType type) {
    return [&params, type](const double& value) {
      params.quality_type = type;
      params.quality_value = value;
    };
  };
  group->add_option_function<double>("-Q,--quality", set(QualityType::quality), "Quality, 1 to 100")
      ->check(CLI::Range(1.0, 100.0).description(""))
      ->type_name("N");
  group->add_option_function<double>("--psnr", set(QualityType::psnr), "JPEG 2000: peak signal-to-noise ratio in dB")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("DB");
  group
      ->add_option_function<double>("--size-ratio", set(QualityType::size_ratio),
                                    "JPEG 2000: compressed size by raw size, more than 0, at most 1")
      ->check(CLI::Range(0.0, 1.0).description(""))
      ->type_name("R");
  group
      ->add_option_function<double>("--quantization-step", set(QualityType::quantization_step),
                                    "JPEG 2000 with --ht: base quantisation step")
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("S");
  CLI::Option* lossless = group->add_flag(
      "--lossless", [&params](std::int64_t) { params.quality_type = QualityType::lossless; },
      "Keep every sample (JPEG 2000, WebP; PNG and TIFF always do)");
  app.add_option_function<double>(
         "--level",
         [&params](const double& value) {
           params.quality_type = QualityType::lossless;
           params.quality_value = value;
         },
         "PNG: compression level 0 to 9")
      ->check(CLI::Range(0.0, 9.0).description(""))
      ->type_name("N")
      ->excludes(lossless);
}

void add_encode_options(CLI::App& app, EncodeSettings& to) {
  EncodeParams& params = to.params;
  choice(app, "-c,--codec", codec_names(), "Codec of the result; else by the target's extension, else the source's own",
         [&to](const std::string& value) { to.codec = value; });
  add_quality_options(app, params);
  choice(app, "--subsampling", kSubsamplings, "Chroma subsampling (JPEG, JPEG 2000)",
         [&params](ChromaSubsampling value) { params.subsampling = value; });
  app.add_flag("--progressive", params.jpeg.progressive, "JPEG: progressive");
  app.add_flag("--optimize", params.jpeg.optimized_huffman, "JPEG: Huffman tables made for each picture");
  pair_option(app, "--tile", "Tiles of this size (JPEG 2000, TIFF)", [&params](std::uint32_t w, std::uint32_t h) {
    params.tile_width = w;
    params.tile_height = h;
  });
  app.add_flag("--ht", params.jpeg2k.ht, "JPEG 2000: high throughput block coder (HTJ2K)");
  app.add_option("--resolutions", params.jpeg2k.num_resolutions, "JPEG 2000: number of resolutions; 6 if not given")
      ->type_name("N");
  pair_option(app, "--block", "JPEG 2000: code-block size; 64x64 if not given",
              [&params](std::uint32_t w, std::uint32_t h) {
                params.jpeg2k.code_block_size = {w, h};
              });
  choice(app, "--progression", kProgressions, "JPEG 2000: progression order",
         [&params](Jpeg2kProgression value) { params.jpeg2k.progression = value; });
  choice(app, "--bitstream", kBitstreams, "JPEG 2000: with boxes around it, or the bare code stream",
         [&to](Jpeg2kBitstream value) {
           to.params.jpeg2k.bitstream = value;
           to.bitstream_given = true;
         });
  app.add_flag(
      "--mct", [&params](std::int64_t) { params.jpeg2k.mct_mode = 1; }, "JPEG 2000: multiple component transform");
  choice(app, "--compression", kCompressions, "TIFF: compression",
         [&params](TiffCompression value) { params.tiff_compression = value; });
}

void add_batch_options(CLI::App& app, BatchSettings& to) {
  app.add_option("paths", to.paths, "Sources, files or folders (with all that is in them), then the target")
      ->required()
      ->expected(2, -1)
      ->type_name("SRC... DST");
  app.add_flag("--resume", to.resume, "Skip what is there already and not older than its source");
  app.add_option("--report", to.report, "Write one line of JSON for each picture to FILE, and a summary")
      ->type_name("FILE");
  app.add_option("--batch", to.batch, "Pictures in a batch at most; 0: by the number of threads")->type_name("N");
  app.add_option_function<std::string>(
         "--max-memory", [&to](const std::string& given) { to.max_memory = bytes_of("--max-memory", given); },
         "Bytes of pixels held at a time; larger pictures are refused. Half of the machine's memory if not given")
      ->type_name("SIZE");
  CLI::Option* quiet = app.add_flag("-q,--quiet", to.quiet, "No progress and no summary; failures only");
  app.add_flag("-v,--verbose", to.verbose, "A line for each picture")->excludes(quiet);
}

CLI::App* subcommand(CLI::App& app, Settings& settings, const char* name, const char* text, Command command) {
  CLI::App* sub = app.add_subcommand(name, text);
  sub->callback([&settings, command] { settings.command = command; });
  sub->option_defaults()->always_capture_default(false);
  return sub;
}

void add_file_commands(CLI::App& app, Settings& settings) {
  CLI::App* info = subcommand(app, settings, "info", "Say what files hold, from their headers", Command::info);
  info->add_option("paths", settings.info.paths, "Files or folders; - reads standard input")
      ->required()
      ->type_name("FILE...");
  info->add_flag("--json", settings.info.json, "One JSON array, an object a file");

  CLI::App* decode =
      subcommand(app, settings, "decode", "Decode into arrays: .npy files or raw samples", Command::decode);
  add_batch_options(*decode, settings.batch);
  choice(*decode, "--format", kArrayFormats, "What to write; else by the target's extension, else npy",
         [&settings](const std::string& value) { settings.array.format = value; });
  add_decode_options(*decode, settings.decode);
  add_machine_options(*decode, settings.machine);

  CLI::App* encode = subcommand(app, settings, "encode", "Encode arrays: .npy files or raw samples", Command::encode);
  add_batch_options(*encode, settings.batch);
  choice(*encode, "--format", kArrayFormats, "What to read; else by the source's extension",
         [&settings](const std::string& value) { settings.array.format = value; });
  encode
      ->add_option_function<std::string>(
          "--shape",
          [&settings](const std::string& given) {
            const auto v = numbers<std::uint32_t>("--shape", given, "xX,", 2, 3);
            settings.array.shape = {v[0], v[1], v.size() > 2 ? v[2] : 1};
          },
          "Shape of raw samples: rows, columns, channels")
      ->type_name("HxW[xC]");
  choice(*encode, "--type", kTypes, "Type of raw samples; u8 if not given",
         [&settings](SampleType value) { settings.array.type = value; });
  add_encode_options(*encode, settings.encode);
  add_machine_options(*encode, settings.machine);

  CLI::App* transcode =
      subcommand(app, settings, "transcode", "From any codec to any codec, files or folders", Command::transcode);
  add_batch_options(*transcode, settings.batch);
  add_encode_options(*transcode, settings.encode);
  transcode->add_flag(
      "--no-metadata", [&settings](std::int64_t) { settings.encode.keep_metadata = false; },
      "Drop EXIF, ICC profile and XMP");
  add_decode_options(*transcode, settings.decode);
  add_machine_options(*transcode, settings.machine);
}

void add_other_commands(CLI::App& app, Settings& settings) {
  CLI::App* bench =
      subcommand(app, settings, "bench", "Time decoding, and encoding, of files held in memory", Command::bench);
  bench->add_option("paths", settings.bench.paths, "Files or folders")->required()->type_name("FILE...");
  bench->add_option("--seconds", settings.bench.seconds, "How long to measure each, 1 if not given")
      ->check(CLI::Range(0.001, 3600.0).description(""))
      ->type_name("S");
  bench->add_option("--warmup", settings.bench.warmup, "Calls before measuring, 1 if not given")->type_name("N");
  bench->add_option("--batch", settings.bench.batch, "The same picture this often in a call, 1 if not given")
      ->check(CLI::Range(1, 65536).description(""))
      ->type_name("N");
  bench->add_flag("--encode", settings.bench.encode, "Time encoding too, with the codec given or the file's own");
  bench->add_flag("--json", settings.bench.json, "One JSON array, an object a file");
  add_encode_options(*bench, settings.encode);
  add_decode_options(*bench, settings.decode);
  add_machine_options(*bench, settings.machine);

  CLI::App* codecs = subcommand(app, settings, "codecs", "List formats, extensions and codecs", Command::codecs);
  codecs->add_flag("--json", settings.json, "As JSON");
  CLI::App* doctor =
      subcommand(app, settings, "doctor", "Say what was found: CPU, GPU, libraries; and what to install for more",
                 Command::doctor);
  doctor->add_flag("--json", settings.json, "As JSON");
  CLI::App* completion =
      subcommand(app, settings, "completion", "Print a completion script for a shell", Command::completion);
  choice(*completion, "shell", kShells, "Which shell", [&settings](const std::string& value) {
    settings.shell = value;
  })->required();
  subcommand(app, settings, "man", "Print this command's manual page, in roff", Command::man);
}

}  // namespace

std::unique_ptr<CLI::App> command_line(Settings& settings) {
  auto app = std::make_unique<CLI::App>("Decode, encode and transcode images", "restride");
  app->set_version_flag("--version", std::string("restride ") + version(), "Print the version");
  app->set_help_flag("-h,--help", "Print this help");
  app->require_subcommand(1);
  app->formatter(std::make_shared<PlainFormatter>());  // before sub-commands, which inherit it
  add_file_commands(*app, settings);
  add_other_commands(*app, settings);
  app->footer(
      "Exit codes: 0 done; 1 some pictures failed; 2 wrong command line; 3 cannot work (no target, disk full,\n"
      "no device); 130 stopped by Ctrl-C.");
  return app;
}

}  // namespace restride::cli
