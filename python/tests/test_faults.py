# SPDX-License-Identifier: Apache-2.0
"""Faults on Python's side: file objects that raise, processes that end while work is under way, forks."""

import io
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import restride

PIXELS = np.arange(40 * 60 * 3, dtype=np.uint32).reshape(40, 60, 3).astype(np.uint8)


def child(body, timeout=60):
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", textwrap.dedent(body)], capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0, f"ended with {done.returncode}: {done.stdout}{done.stderr}"
    return done


class Raising(io.RawIOBase):
    def readable(self):
        return True

    def read(self, size=-1):
        raise ZeroDivisionError("from the callback")


def test_an_exception_in_a_file_object_comes_through():
    decoder = restride.Decoder(on_error="raise")
    before = restride.memory_stats()["host"]["bytes_in_use"]
    for make in (restride.CodeStream, decoder.decode):
        with pytest.raises(ZeroDivisionError, match="from the callback"):
            make(Raising())
    assert restride.memory_stats()["host"]["bytes_in_use"] == before
    good = restride.Encoder().encode(PIXELS, "png")
    assert (np.asarray(decoder.decode(good)) == PIXELS).all()


def test_a_short_read_is_a_truncated_picture():
    data = bytes(restride.Encoder().encode(PIXELS, "png"))
    with pytest.raises(restride.TruncatedError):
        restride.Decoder(on_error="raise").decode(io.BytesIO(data[: len(data) // 2]))


SETUP = """
    import os, sys, threading, time
    import numpy as np
    import restride
    decoder = restride.Decoder(max_num_cpu_threads=3)
    data = restride.Encoder().encode(np.zeros((900, 900, 3), np.uint8), "png")
    def work():
        while True:
            decoder.decode([data] * 4)
    threads = [threading.Thread(target=work, daemon=True) for _ in range(3)]
    for t in threads:
        t.start()
    time.sleep(0.2)
"""


@pytest.mark.parametrize("end", ["", "sys.exit(0)", "os._exit(0)", "del decoder, data"])
def test_the_interpreter_ends_with_work_in_flight(end):
    child(textwrap.dedent(SETUP) + end)


def test_fork_with_work_in_flight():
    child(textwrap.dedent(SETUP) + textwrap.dedent("""
        for _ in range(5):
            pid = os.fork()
            if pid == 0:
                own = restride.Decoder(max_num_cpu_threads=2)
                os._exit(0 if own.decode([data] * 3)[2].height == 900 else 1)
            assert os.waitpid(pid, 0)[1] == 0
    """))


def test_images_outlive_everything_else():
    child("""
        import sys
        import numpy as np
        import restride
        image = restride.Decoder().decode(restride.Encoder().encode(np.ones((9, 9, 3), np.uint8), "png"))
        array = np.asarray(image)
        sys.modules["kept"] = array  # goes when modules are torn down
        del image
        assert array.sum() == 243
    """)


def test_file_objects_are_not_code():
    """Nothing in a file is run: what only looks like a pickle is an unknown format."""
    import pickle

    class Bomb:
        def __reduce__(self):
            return (sys.exit, (3,))

    with pytest.raises(restride.UnsupportedError):
        restride.Decoder(on_error="raise").decode(pickle.dumps(Bomb()))
