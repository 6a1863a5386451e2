# SPDX-License-Identifier: Apache-2.0
"""Shows a large picture in a browser: pan and zoom by mouse, keyboard and touch; only what is seen is decoded.

usage: deep_zoom.py FILE [--port 8000]

FILE is a pyramid (TIFF with overviews as pages or SubIFDs, as slide scanners write them), or a JPEG or JPEG 2000 file, which
are halved while they are decoded. Tiles are decoded when they are asked for; the viewer is deep_zoom.html beside this file.
"""

from __future__ import annotations

import argparse
import http.server
import json
import pathlib
import re
import threading

import restride

SIDE = 256
VIEWER = pathlib.Path(__file__).with_suffix(".html")


class Pyramid:
    """The levels of a picture, largest first, as (stream, halvings while decoding, height, width)."""

    def __init__(self, path: pathlib.Path) -> None:
        self.name = path.name
        self._decoder, self._encoder = restride.Decoder(), restride.Encoder()
        whole = restride.CodeStream(path)
        streams = [whole.get_sub_code_stream(i) for i in range(whole.num_images)]
        streams += [whole.get_sub_code_stream(0, bitstream_offset=at) for at in whole.subifd_offsets]
        ratio = whole.width / whole.height
        streams = [s for s in streams if abs(s.width / s.height / ratio - 1) < 0.02]  # labels and macro pictures are of other shapes
        self.levels = [(s, 0, s.height, s.width) for s in sorted(streams, key=lambda s: -s.width)]
        while max(self.levels[-1][2:]) > 2 * SIDE:
            stream, reduce, height, width = self.levels[-1]
            if stream.codec_name not in ("jpeg", "jpeg2k") or (stream.codec_name == "jpeg" and reduce == 3):
                break
            self.levels.append((stream, reduce + 1, (height + 1) // 2, (width + 1) // 2))

    def info(self) -> dict[str, object]:
        return {"name": self.name, "tile": SIDE, "levels": [{"height": h, "width": w} for _, _, h, w in self.levels]}

    def tile(self, level: int, column: int, row: int) -> bytes:
        """A tile as JPEG. IndexError where there is none."""
        stream, reduce, height, width = self.levels[level]
        top, left = row * SIDE, column * SIDE
        if top >= height or left >= width:
            raise IndexError
        region = restride.Region(top, left, min(top + SIDE, height), min(left + SIDE, width))
        part, params = stream.get_sub_code_stream(region=region), restride.DecodeParams(reduce=reduce)
        image = self._decoder.decode(part, params=params, on_error="raise")
        return bytes(self._encoder.encode(image, "jpeg", on_error="raise"))


def handler(pyramid: Pyramid, page: bytes) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            where = re.fullmatch(r"/tile/(\d{1,3})/(\d{1,6})/(\d{1,6})\.jpg", self.path)
            try:
                if where:
                    self.answer("image/jpeg", pyramid.tile(*map(int, where.groups())))
                elif self.path == "/info.json":
                    self.answer("application/json", json.dumps(pyramid.info()).encode())
                elif self.path == "/":
                    self.answer("text/html; charset=utf-8", page)
                else:
                    self.send_error(404)
            except IndexError:
                self.send_error(404)
            except restride.Error as error:
                self.send_error(500, "cannot be decoded", str(error))

        def answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


def serve(path: pathlib.Path, port: int = 0) -> http.server.ThreadingHTTPServer:
    """A server of this machine alone, running in a thread; its address is (host, port) in server_address."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), handler(Pyramid(path), VIEWER.read_bytes()))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    server = serve(given.file, given.port)
    print(f"http://127.0.0.1:{server.server_address[1]}/ (Ctrl-C ends)", flush=True)
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        server.shutdown()


if __name__ == "__main__":
    main()
