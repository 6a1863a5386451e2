// SPDX-License-Identifier: Apache-2.0
// What OpenJPEG holds when it asserts is lost: some hundred bytes for a picture that would have ended the process. To
// be included by one file of a program that decodes damaged JPEG 2000.
#pragma once

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RESTRIDE_WITH_ASAN 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(RESTRIDE_WITH_ASAN)
extern "C" [[gnu::visibility("default")]] const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libopenjp2"; }
#endif
