# SPDX-License-Identifier: Apache-2.0
"""``python -m restride`` and ``restride``: the command that lies in this package's bin folder takes over the process."""

from __future__ import annotations

import os
import pathlib
import sys
from typing import NoReturn

from . import _nvidia_folders


def main() -> NoReturn:
    """Runs the restride command with this process's arguments; never returns."""
    command = pathlib.Path(__file__).resolve().parent / "bin" / "restride"
    if not command.is_file():
        sys.exit("this build of restride has no command: it was built without CLI11")
    # The command has no Python to find what pip installed; folders that the user named come first.
    name = "RESTRIDE_CUDA_LIBRARY_PATH"
    folders = [*filter(None, [os.environ.get(name)]), *_nvidia_folders()]
    environment = os.environ | ({name: os.pathsep.join(folders)} if folders else {})
    os.execve(command, ["restride", *sys.argv[1:]], environment)


if __name__ == "__main__":
    main()
