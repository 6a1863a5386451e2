// SPDX-License-Identifier: Apache-2.0
// The list of codecs from outside, and the libraries that they come in.
#include "restride/extension.h"

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <system_error>

#include "base/error_util.h"
#include "codec/external.h"

namespace restride {
namespace {

// Nodes are appended and never freed, so that readers need no lock and pointers to codecs stay good.
struct Node {
  std::unique_ptr<ExternalCodec> codec;
  std::atomic<bool> listed{true};
  std::atomic<Node*> next{nullptr};
};

struct Registry {
  std::mutex mutex;  // for writers, and for `libraries`
  std::atomic<Node*> first{nullptr};
  std::vector<LibraryInfo> libraries;
};

Registry& registry() noexcept {
  static Registry* const instance = new Registry;  // never destroyed: decoders of static lifetime point into it
  return *instance;
}

template <class F>
void visit(F&& f) {
  for (const Node* node = registry().first.load(std::memory_order_acquire); node;
       node = node->next.load(std::memory_order_acquire))
    if (node->listed.load(std::memory_order_acquire) && f(*node)) return;
}

bool goes_by(const ExternalCodec& codec, std::string_view name) noexcept {
  const Format& format = codec.format();
  return equal_ignoring_case(format.name, name) ||
         std::any_of(format.extensions.begin(), format.extensions.end(),
                     [&](std::string_view e) { return equal_ignoring_case(e, name); });
}

// Needs the mutex.
Status check_free(const ExternalCodec& codec, std::string_view name) {
  const ExternalCodec* other = nullptr;
  visit([&](const Node& node) {
    if (goes_by(*node.codec, name)) other = node.codec.get();
    return other != nullptr;
  });
  const Format* own = find_own_format(name);
  if (!other && !own) return {};
  const std::string_view holder = own ? own->name : other->format().name;
  return fail(Errc::invalid_argument, "codec %s: \"%.*s\" is taken by the codec %.*s", codec.format().name.data(),
              static_cast<int>(name.size()), name.data(), static_cast<int>(holder.size()), holder.data());
}

Status check_free(const ExternalCodec& codec) {
  RESTRIDE_TRY(check_free(codec, codec.format().name));
  for (std::string_view extension : codec.format().extensions) RESTRIDE_TRY(check_free(codec, extension));
  return {};
}

// Needs the mutex.
void append(std::unique_ptr<ExternalCodec> codec) {
  auto* node = new Node;
  node->codec = std::move(codec);
  std::atomic<Node*>* at = &registry().first;
  while (Node* there = at->load(std::memory_order_acquire)) at = &there->next;
  at->store(node, std::memory_order_release);
}

void remove(std::string_view name) {
  for (Node* node = registry().first.load(); node; node = node->next.load())
    if (node->codec->format().name == name) node->listed.store(false, std::memory_order_release);
}

// Registers all codecs of an opened library, or none. Needs the mutex.
Status register_all(void* library) {
  const auto entry = reinterpret_cast<restride_codecs_entry>(::dlsym(library, RESTRIDE_CODECS_SYMBOL));
  if (!entry) return fail(Errc::invalid_argument, "it exports no \"%s\"", RESTRIDE_CODECS_SYMBOL);
  const restride_codec* const* tables = entry(RESTRIDE_CODEC_ABI);
  if (!tables || !*tables)
    return fail(Errc::invalid_argument, "it has no codecs for ABI %u of restride/codec.h", RESTRIDE_CODEC_ABI);
  std::vector<std::string> done;
  Status status;
  for (; *tables && status; ++tables) {
    auto codec = ExternalCodec::make(**tables);
    status = codec ? check_free(**codec) : Status(std::move(codec).error());
    if (!status) break;
    done.emplace_back((*codec)->format().name);
    append(*std::move(codec));
  }
  if (!status)
    for (const std::string& name : done) remove(name);
  return status;
}

// Needs the mutex.
Status load(const std::string& path) {
  std::error_code error;
  const std::filesystem::path real = std::filesystem::canonical(path, error);
  if (error)
    return fail(error == std::errc::no_such_file_or_directory ? Errc::not_found : Errc::io, "codec library %s: %s",
                path.c_str(), error.message().c_str());
  for (const LibraryInfo& known : registry().libraries)
    if (known.path == real.native() && known.missing.empty()) return {};
  void* library = ::dlopen(real.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* why = ::dlerror();
    return fail(Errc::io, "codec library %s: %s", path.c_str(), why ? why : "the linker gave no reason");
  }
  Status status;
  try {
    status = register_all(library);
  } catch (...) {
    status = fail(Errc::extension, "its restride_codecs() threw");
  }
  if (!status) {
    Error why = std::move(status).error();
    why.message = "codec library " + path + ": " + why.message;
    return why;
  }
  registry().libraries.push_back({real.filename().native(), {}, real.native(), {}});
  return {};
}

// Needs the mutex. Failures are kept for libraries().
void try_load(const std::string& path) {
  const Status status = load(path);
  if (!status)
    registry().libraries.push_back({std::filesystem::path(path).filename().native(), {}, path, status.error().message});
}

// Needs the mutex.
void load_place(const std::string& place) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::path(place).is_absolute()) {
    registry().libraries.push_back({place, {}, place, "RESTRIDE_CODEC_PATH takes absolute paths only"});
    return;
  }
  if (!fs::is_directory(place, error)) return try_load(place);
  std::vector<std::string> files;
  for (fs::directory_iterator it(place, error), end; !error && it != end; it.increment(error))
    if (it->path().extension() == ".so") files.push_back(it->path().native());
  std::sort(files.begin(), files.end());
  for (const std::string& file : files) try_load(file);
}

// Whoever registers a codec does so behind those of the environment: the order is that of the process's start.
void load_environment() {
  static std::once_flag once;
  std::call_once(once, [] {
    const char* text = ::secure_getenv("RESTRIDE_CODEC_PATH");
    if (!text) return;
    const std::lock_guard lock(registry().mutex);
    std::string_view rest = text;
    while (!rest.empty()) {
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      if (colon) load_place(std::string(rest.substr(0, colon)));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
    }
  });
}

}  // namespace

void visit_external_codecs(bool (*f)(void* context, const ExternalCodec& codec), void* context) {
  load_environment();
  visit([&](const Node& node) { return f(context, *node.codec); });
}

Status register_codec(const restride_codec& table) {
  return or_out_of_memory([&]() -> Status {
    load_environment();
    RESTRIDE_ASSIGN(auto codec, ExternalCodec::make(table));
    const std::lock_guard lock(registry().mutex);
    RESTRIDE_TRY(check_free(*codec));
    append(std::move(codec));
    return {};
  });
}

Status unregister_codec(const std::string& name) {
  return or_out_of_memory([&]() -> Status {
    load_environment();
    const std::lock_guard lock(registry().mutex);
    bool found = false;
    visit([&](const Node& node) { return found = node.codec->format().name == name; });
    if (!found) return fail(Errc::invalid_argument, "no codec called \"%s\" was registered", name.c_str());
    remove(name);
    return {};
  });
}

Status load_codec_library(const std::string& path) {
  return or_out_of_memory([&] {
    load_environment();
    const std::lock_guard lock(registry().mutex);
    return load(path);
  });
}

std::vector<LibraryInfo> codec_libraries() {
  load_environment();
  const std::lock_guard lock(registry().mutex);
  return registry().libraries;
}

}  // namespace restride
