#!/usr/bin/env bash
# Installs a build into an empty prefix, and builds and runs what uses the library from outside against that alone: the
# C example and the codec in a shared library, which is found by RESTRIDE_CODEC_PATH.
# usage: outside.sh BUILD_FOLDER SOURCE_FOLDER
set -euo pipefail
build=$1 source=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake=${CMAKE:-cmake}
"$cmake" --install "$build" --prefix "$work/prefix" >"$work/log" || { cat "$work/log"; exit 1; }
lib=$(dirname "$(find "$work/prefix" -name librestride.so | head -1)")
cp -r "$source/examples/plugin" "$work/plugin"
"$cmake" -S "$work/plugin" -B "$work/plugin/build" -DRESTRIDE_INCLUDE_DIR="$work/prefix/include" -DCMAKE_BUILD_TYPE=Release >"$work/log" &&
  "$cmake" --build "$work/plugin/build" >>"$work/log" || { cat "$work/log"; exit 1; }
export LD_LIBRARY_PATH=$lib RESTRIDE_CODEC_PATH=$work/plugin/build/restride_qoi.so
cc -std=c99 -Wall -Wextra -Werror -D_POSIX_C_SOURCE=200809L -I"$work/prefix/include" -o "$work/batch" "$source/examples/c/batch.c" -L"$lib" -lrestride -lpthread
"$work/batch"
cc -std=c99 -Wall -Wextra -Werror -I"$work/prefix/include" -o "$work/qoi" "$source/tests/install/qoi.c" -L"$lib" -lrestride
"$work/qoi"
