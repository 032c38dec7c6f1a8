"""A small ModelScope on loopback: the endpoints that a model download calls, with faults to order."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


class ModelHub:
    """Serves folders as repositories.

    `faults` says by file name what goes wrong with it: "failing" (500), "truncated" (half of it, then the
    connection closes), "hanging" (half of it, then silence), "corrupt" (other bytes, as many).
    `served` counts the bytes of files sent, `ranges` holds where each resumed download began.
    """

    def __init__(self, repositories: dict[str, Path]) -> None:
        self.repositories = repositories
        self.faults: dict[str, str] = {}
        self.requests = 0
        self.served = 0
        self.ranges: list[int] = []
        self.stop = threading.Event()

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Yield the endpoint."""
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self.stop.set()
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: ModelHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.hub.requests += 1
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        for name, folder in self.hub.repositories.items():
            if url.path == f"/api/v1/models/{name}":
                return self._json({"Name": name})
            if url.path == f"/api/v1/models/{name}/repo/files":
                return self._list(folder, query)
            if url.path == f"/api/v1/models/{name}/repo" and (folder / query["FilePath"]).is_file():
                return self._file(folder / query["FilePath"])
        self._send(404, b'{"Code": 404, "Message": "not found", "Success": false}')

    do_HEAD = do_GET

    def _list(self, folder: Path, query: dict[str, str]) -> None:
        root = folder / query.get("Root", "").strip("/")
        paths = sorted(path for path in root.rglob("*") if path.is_file())
        self._json(
            {
                "Files": [
                    {
                        "Type": "blob",
                        "Path": path.relative_to(folder).as_posix(),
                        "Name": path.name,
                        "Size": path.stat().st_size,
                        "Sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
                    }
                    for path in paths
                ]
            }
        )

    def _file(self, path: Path) -> None:
        data, fault = path.read_bytes(), self.hub.faults.get(path.name)
        if self.command == "HEAD":
            return self._send(200, data)
        if fault == "failing":
            return self._send(500, b'{"Code": 500, "Message": "out of order"}')
        if fault == "corrupt":
            data = data[:-1] + bytes([data[-1] ^ 1])
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            self.hub.ranges.append(start)
        body = data[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        sent = body[: len(body) // 2] if fault in ("truncated", "hanging") else body
        self.wfile.write(sent)
        self.wfile.flush()
        self.hub.served += len(sent)
        if fault == "hanging":
            self.hub.stop.wait(60)
        if fault in ("truncated", "hanging"):
            self.close_connection = True

    def _json(self, data: object) -> None:
        self._send(200, json.dumps({"Code": 200, "Success": True, "Data": data}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass
