#!/usr/bin/env bash
# Compares the C functions that a shared library exports with the committed list: the C interface only ever grows.
# usage: check_symbols.sh LIBRARY LIST [--update]
set -euo pipefail
found() { nm -D --defined-only "$1" | awk '$3 ~ /^restride_/ {print $3}' | LC_ALL=C sort; }
if [ "${3:-}" = --update ]; then
  found "$1" >"$2"
else
  diff -u "$2" <(found "$1") || { echo "the C interface differs from tests/abi/c_symbols.txt (< committed, > built)" >&2; exit 1; }
fi
