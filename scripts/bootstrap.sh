#!/usr/bin/env bash
# Installs what building and testing need and is not there yet: system packages through apt, Python packages into .venv.
# usage: scripts/bootstrap.sh      (Debian 12, Ubuntu 22.04 or 24.04; as root or with sudo)
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(g++ make cmake ninja-build pkg-config ccache git python3 python3-dev python3-venv libjpeg-dev libtiff-dev libdeflate-dev libisal-dev libwebp-dev
  libopenjp2-7-dev liblcms2-dev libgtest-dev libcli11-dev)
optional=(libopenjph-dev libjpeg-turbo-progs)   # HTJ2K encoding, not in every distribution; arithmetic-coded JPEG for a test

installed() { dpkg-query -W -f='${Status}' "$1" 2>/dev/null | grep -q 'install ok installed'; }

if command -v apt-get >/dev/null; then
  missing=()
  for p in "${packages[@]}"; do installed "$p" || missing+=("$p"); done
  wanted=()
  for p in "${optional[@]}"; do installed "$p" || wanted+=("$p"); done
  if ((${#missing[@]} + ${#wanted[@]})); then
    sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    echo "installing: ${missing[*]} ${wanted[*]}"
    "${sudo[@]}" apt-get update -q >/dev/null
    for p in "${wanted[@]}"; do apt-cache show "$p" >/dev/null 2>&1 && missing+=("$p"); done
    ((${#missing[@]})) && DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null
  fi
fi

if [ ! -x .venv/bin/python ]; then
  python=python3
  for candidate in python3.13 python3.12 python3.11 python3.10; do
    command -v "$candidate" >/dev/null && "$candidate" -c 'import ensurepip' 2>/dev/null && { python=$candidate; break; }
  done
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { echo "Python 3.10 or later is needed" >&2; exit 1; }
  "$python" -m venv .venv
fi
stamp=.venv/.requirements
if ! cmp -s scripts/requirements.txt "$stamp"; then
  .venv/bin/python -m pip install -q --disable-pip-version-check -r scripts/requirements.txt
  cp scripts/requirements.txt "$stamp"
fi
