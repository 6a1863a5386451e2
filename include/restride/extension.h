// SPDX-License-Identifier: Apache-2.0
// Codecs from outside the library, and what became of the libraries that are opened at run time.
#pragma once

#include <string>
#include <vector>

#include "restride/codec.h"
#include "restride/error.h"
#include "restride/export.h"

namespace restride {

// Adds a codec to this process. Decoders and Encoders made later use it; streams are recognised at once. The table is
// copied, with its texts; its functions and `self` must stay until unregister_codec() has returned and every Decoder,
// Encoder and call that may use them is gone. Thread-safe. Errors: invalid_argument for a table that is incomplete, of
// another ABI, or whose name or extension is taken.
RESTRIDE_API Status register_codec(const restride_codec& codec);

// Streams are no longer recognised as `name`, and new Decoders and Encoders do without. Only for registered codecs.
RESTRIDE_API Status unregister_codec(const std::string& name);

// Opens a shared library and registers what its restride_codecs() gives, all or nothing. It stays open. The same
// library again does nothing. not_found, io (with the linker's reason) or register_codec()'s errors.
RESTRIDE_API Status load_codec_library(const std::string& path);

// A library that is opened at run time: for a GPU, or with codecs.
struct LibraryInfo {
  std::string name;     // "nvJPEG", or a codec library's file name
  std::string version;  // where it tells
  std::string path;     // where it was found
  std::string missing;  // why it cannot be used; empty where it can
};

// All that were looked for so far: librestride_cuda, NVIDIA's codec libraries, those of RESTRIDE_CODEC_PATH and of
// load_codec_library().
//
// RESTRIDE_CODEC_PATH names codec libraries, separated by colons: absolute paths of files, or of folders whose *.so
// files are taken in order of their names. It is read once, before anything is decoded, and not at all in a process
// with raised privileges. What cannot be loaded is left out, with its reason here.
RESTRIDE_API std::vector<LibraryInfo> libraries();

}  // namespace restride
