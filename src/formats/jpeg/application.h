// SPDX-License-Identifier: Apache-2.0
// How application segments that hold metadata begin; each array ends with a NUL that belongs to it.
#pragma once

namespace restride::jpeg {

inline constexpr char kExif[6] = {'E', 'x', 'i', 'f', 0, 0};    // APP1
inline constexpr char kXmp[] = "http://ns.adobe.com/xap/1.0/";  // APP1
inline constexpr char kIcc[] = "ICC_PROFILE";                   // APP2; then a part's number, and of how many

}  // namespace restride::jpeg
