"""Speaks the feed's command line, and serves nothing: for tests that need a feed to be there.

Rows that do not exist are wrong input, as for the real one.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"pid": os.getpid(), "rows": self.server.rows}).encode()  # type: ignore[attr-defined] # set below
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ready-file", type=Path, required=True)
    parser.add_argument("--rows", action="append", default=[])
    arguments = parser.parse_args()
    missing = [path for path in arguments.rows if not Path(path).exists()]
    if missing:
        sys.stderr.write(f"no such file: {missing[0]}\n")
        return 2
    server = HTTPServer((arguments.host, arguments.port), Handler)
    server.rows = arguments.rows  # type: ignore[attr-defined] # for the handler
    partial = arguments.ready_file.with_suffix(".partial")
    partial.write_text(json.dumps({"port": server.server_port, "pid": os.getpid()}))
    partial.replace(arguments.ready_file)
    server.serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main())
