# SPDX-License-Identifier: Apache-2.0
"""Transcodes a DICOM file to HTJ2K Lossless (JPEG 2000 Lossless where this build does not write HTJ2K) and checks every pixel.

usage: dicom_htj2k.py IN.dcm OUT.dcm
"""

from __future__ import annotations

import os
import sys
import time

import pydicom
from pydicom import uid

import restride
import restride.pydicom


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    source, target = sys.argv[1:]
    dataset = pydicom.dcmread(source)
    before = dataset.pixel_array
    start = time.perf_counter()
    try:
        restride.pydicom.compress(dataset)
    except restride.UnsupportedError as error:
        print(f"{error}; writing JPEG 2000 Lossless instead")
        restride.pydicom.compress(dataset, uid.JPEG2000Lossless)
    seconds = time.perf_counter() - start
    part = f"{target}.part"
    dataset.save_as(part)
    os.replace(part, target)
    equal = (pydicom.dcmread(target).pixel_array == before).all()
    print(f"{dataset.file_meta.TransferSyntaxUID.name}: {os.path.getsize(source)} bytes became {os.path.getsize(target)} "
          f"in {seconds * 1e3:.1f} ms; pixels are {'equal' if equal else 'NOT equal'}")  # fmt: skip
    return 0 if equal else 1


if __name__ == "__main__":
    code = main()
    if code:
        sys.exit(code)
