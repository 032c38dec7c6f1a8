"""A small ModelScope on loopback: the endpoints that `MsDataset.load` calls, with faults to order."""

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


class LoopbackHub:
    """Serves one data set `owner/name`; `fault` says what goes wrong with `faulty_file`."""

    def __init__(self, name: str, files: dict[str, bytes]) -> None:
        self.name = name
        self.files = files
        self.fault: str | None = None
        self.faulty_file: str | None = None
        self.seen: list[str] = []
        self.resumed: list[str] = []
        self.tokens: set[str | None] = set()
        self.stop = threading.Event()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def serve(self) -> Iterator["LoopbackHub"]:
        hub = self

        class Handler(_Handler):
            pass

        Handler.hub = hub
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.stop.set()
            self.server.shutdown()
            self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: LoopbackHub
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        hub, url = self.hub, urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        hub.tokens.add(self.headers.get("Authorization"))
        hub.seen.append(f"{self.command} {url.path} {query.get('FilePath', '')}".strip())
        if url.path == f"/api/v1/datasets/{hub.name}":
            self._json({"Id": 7, "Type": 4, "Name": hub.name})
        elif url.path == "/api/v1/datasets/7/repo/tree":
            self._json({"Files": self._tree(query)})
        elif url.path == f"/api/v1/datasets/{hub.name}/repo" and query.get("FilePath") in hub.files:
            self._file(query["FilePath"])
        elif url.path.removeprefix(f"/datasets/{hub.name}/resolve/master/") in hub.files:
            self._file(url.path.removeprefix(f"/datasets/{hub.name}/resolve/master/"))
        else:
            self._send(404, b'{"Code": 404, "Message": "not found", "Success": false}')

    do_HEAD = do_GET

    def _tree(self, query: dict[str, str]) -> list[dict[str, object]]:
        root = query.get("Root", "").strip("/")
        below = f"{root}/" if root else ""
        entries: dict[str, dict[str, object]] = {}
        for path, data in self.hub.files.items():
            if not path.startswith(below) or int(query.get("PageNumber", 1)) > 1:
                continue
            folder, slash, _ = path.removeprefix(below).partition("/")
            if slash and query.get("Recursive") != "True":
                entries[below + folder] = {"Type": "tree", "Path": below + folder, "Size": 0, "Sha256": ""}
            else:
                digest = hashlib.sha256(data).hexdigest()
                entries[path] = {"Type": "blob", "Path": path, "Size": len(data), "Sha256": digest}
        return list(entries.values())

    def _file(self, path: str) -> None:
        data, fault = self.hub.files[path], self.hub.fault
        first, _, last = (self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")
        start, end = int(first), int(last) + 1 if last else len(data)
        if start and not last:
            self.hub.resumed.append(path)
        if fault is None or path != self.hub.faulty_file or self.command == "HEAD":
            part = 206 if self.headers.get("Range") else 200
            self._send(part, data[start:end], hashlib.md5(data).hexdigest())
        elif fault == "failing":
            self._send(500, b'{"Code": 500, "Message": "out of order"}')
        else:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            self.wfile.flush()
            if fault == "hanging":
                self.hub.stop.wait(60)
            self.close_connection = True

    def _json(self, data: object) -> None:
        self._send(200, json.dumps({"Code": 200, "Success": True, "Data": data}).encode())

    def _send(self, status: int, body: bytes, etag: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass
