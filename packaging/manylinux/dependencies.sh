#!/usr/bin/env bash
# Builds the codec libraries into /opt/restride-dependencies of a manylinux container: its distribution has them too old or
# not at all. Run by cibuildwheel, see pyproject.toml; auditwheel then bundles them.
set -euo pipefail
prefix=/opt/restride-dependencies
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

if command -v dnf >/dev/null; then
  dnf install -y -q nasm autoconf automake libtool git
  # For wheels with librestride_cuda: RESTRIDE_WHEEL_CUDA=13-0, and RESTRIDE_CUDA=ON for CMake.
  if [ -n "${RESTRIDE_WHEEL_CUDA:-}" ]; then
    machine=$(uname -m)
    [ "$machine" = aarch64 ] && machine=sbsa
    dnf install -y -q dnf-plugins-core
    dnf config-manager --add-repo "https://developer.download.nvidia.com/compute/cuda/repos/rhel8/$machine/cuda-rhel8.repo"
    dnf install -y -q "cuda-nvcc-$RESTRIDE_WHEEL_CUDA" "cuda-cudart-devel-$RESTRIDE_WHEEL_CUDA"
  fi
fi

fetch() {  # repository tag
  git clone -q --depth 1 --branch "$2" "https://$1.git" source
}
with_cmake() {  # options...
  cmake -S source -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$prefix" -DCMAKE_INSTALL_LIBDIR=lib \
    -DCMAKE_PREFIX_PATH="$prefix" -DBUILD_SHARED_LIBS=ON "$@" >/dev/null
  cmake --build build -j "$(nproc)" >/dev/null
  cmake --install build >/dev/null
  rm -rf source build
}

fetch github.com/libjpeg-turbo/libjpeg-turbo 3.1.0
with_cmake -DENABLE_STATIC=OFF -DWITH_TURBOJPEG=OFF
fetch github.com/ebiggers/libdeflate v1.24
with_cmake -DLIBDEFLATE_BUILD_GZIP=OFF -DLIBDEFLATE_BUILD_STATIC_LIB=OFF
fetch github.com/intel/isa-l v2.31.1
(cd source && ./autogen.sh >/dev/null && ./configure --quiet --prefix="$prefix" --disable-static && make -s -j "$(nproc)" && make -s install)
rm -rf source
fetch github.com/webmproject/libwebp v1.5.0
with_cmake -DWEBP_BUILD_ANIM_UTILS=OFF -DWEBP_BUILD_CWEBP=OFF -DWEBP_BUILD_DWEBP=OFF -DWEBP_BUILD_GIF2WEBP=OFF \
  -DWEBP_BUILD_IMG2WEBP=OFF -DWEBP_BUILD_VWEBP=OFF -DWEBP_BUILD_WEBPINFO=OFF -DWEBP_BUILD_WEBPMUX=OFF -DWEBP_BUILD_EXTRAS=OFF
fetch github.com/mm2/Little-CMS lcms2.17
(cd source && ./configure --quiet --prefix="$prefix" --disable-static && make -s -j "$(nproc)" && make -s install)
rm -rf source
fetch github.com/uclouvain/openjpeg v2.5.3
with_cmake -DBUILD_CODEC=OFF
fetch github.com/aous72/OpenJPH 0.21.0
with_cmake -DOJPH_BUILD_EXECUTABLES=OFF
fetch gitlab.com/libtiff/libtiff v4.7.0
with_cmake -Dtiff-tools=OFF -Dtiff-tests=OFF -Dtiff-docs=OFF -Dtiff-contrib=OFF
fetch github.com/CLIUtils/CLI11 v2.4.2
with_cmake -DCLI11_BUILD_TESTS=OFF -DCLI11_BUILD_EXAMPLES=OFF
