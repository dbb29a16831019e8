#!/usr/bin/env python3
"""A model hub on loopback, answering as the hub's documentation says; for src/app/hub_test.cpp.

Two ports: the hub and its CDN. The name of a repository says how it behaves. Prints
"HUB_PORT CDN_PORT" and serves until its parent is gone. GET /log tells what was asked, GET /reset
forgets it.
"""

import hashlib
import http.server
import json
import os
import threading
import time
import urllib.parse

from quiet_handler import QuietHandler

WEIGHTS = bytes(range(256)) * 1200  # 307,200 bytes, larger than any socket buffer piece
CONFIG = b'{"model_type": "gemma3_text"}\n'
SMALL = b"{}\n"
log: list[dict] = []
counts: dict[str, int] = {}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


SAFETENSORS = {"README.md": b"# card", "config.json": CONFIG, "tokenizer.json": SMALL,
               "tokenizer_config.json": SMALL, "generation_config.json": SMALL,
               "chat_template.jinja": SMALL, "model.safetensors": WEIGHTS,
               "onnx/model.safetensors": WEIGHTS, "empty.txt": b""}
GGUF = {"a-Q4_K_M.gguf": WEIGHTS, "sub/b-Q8_0-00001-of-00002.gguf": WEIGHTS,
        "sub/b-Q8_0-00002-of-00002.gguf": WEIGHTS[::-1], "mmproj-a.gguf": SMALL}
REPOS: dict[str, dict[str, bytes]] = {name: SAFETENSORS for name in (
    "plain", "gated", "truncating", "corrupt", "busy", "slow", "huge", "norange", "downgrade",
    "oversized", "etag-only", "stuck")}
REPOS["ggufs"] = GGUF
REPOS["one-gguf"] = {"only.gguf": WEIGHTS}
REPOS["evil"] = {"config.json": CONFIG, "model.safetensors": WEIGHTS,
                 "chat_template/../../../evil.safetensors": WEIGHTS,
                 "tokenizer\\..\\x.json": SMALL}


def listing(repo: str) -> dict:
    siblings = []
    for name, data in REPOS[repo].items():
        entry = {"rfilename": name, "size": len(data), "blobId": git_blob(data)}
        if name.endswith((".safetensors", ".gguf")):
            size = 9_000_000_000_000_00 if repo == "huge" else len(data)
            entry["size"] = size
            entry["blobId"] = git_blob(b"pointer")
            entry["lfs"] = {"sha256": sha256(data), "size": size, "pointerSize": 135}
        if repo == "etag-only":
            entry.pop("blobId")
            entry.pop("lfs", None)
        siblings.append(entry)
    return {"id": f"owner/{repo}", "sha": "0" * 40, "siblings": siblings}


class Handler(QuietHandler):
    cdn_port = 0

    def count(self, what: str) -> int:
        counts[what] = counts.get(what, 0) + 1
        return counts[what]

    def do_GET(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        if path == "/log":
            return self.answer(200, json.dumps(log).encode())
        if path == "/reset":
            log.clear()
            counts.clear()
            return self.answer(200, b"{}")
        log.append({"path": path, "port": self.server.server_address[1],
                    "range": self.headers.get("Range", ""),
                    "authorization": self.headers.get("Authorization", "")})
        if path.startswith("/cdn/"):
            return self.cdn(*path.split("/", 3)[2:])
        parts = path.split("/")
        api = path.startswith("/api/models/")
        repo, revision = (parts[4], parts[6]) if api else (parts[2], parts[4])
        token = self.headers.get("Authorization", "")
        if repo == "gated" and token != "Bearer good":
            return self.answer(403 if token else 401, b"{}", X_Error_Code="GatedRepo")
        if repo not in REPOS:
            return self.answer(401, b"{}", X_Error_Code="RepoNotFound")
        if revision not in ("main", "v2"):
            return self.answer(404, b"{}", X_Error_Code="RevisionNotFound")
        if repo == "busy" and self.count("busy") <= 2:
            return self.answer(429, b"slow down", Retry_After="1")
        if repo == "slow":
            return self.answer(429, b"slow down", Retry_After="86400")
        if api:
            return self.answer(200, json.dumps(listing(repo)).encode(),
                               Content_Type="application/json")
        self.resolve(repo, "/".join(parts[5:]))

    def resolve(self, repo: str, name: str) -> None:
        data = REPOS[repo][name]
        if not name.endswith((".safetensors", ".gguf")):
            return self.answer(200, data, ETag=f'"{git_blob(data)}"')
        host = "192.0.2.1" if repo == "downgrade" else "127.0.0.1"
        location = f"http://{host}:{self.cdn_port}/cdn/{repo}/{urllib.parse.quote(name)}"
        self.answer(302, b"Found", Location=location, X_Linked_ETag=f'"{sha256(data)}"',
                    X_Linked_Size=str(len(data)))

    def cdn(self, repo: str, name: str) -> None:
        if self.headers.get("Authorization"):
            return self.answer(400, b"a token reached the CDN")
        data = REPOS[repo][name]
        if repo in ("corrupt", "etag-only") and self.count(repo) == 1:
            data = data[:-1] + b"!"
        if repo == "oversized":
            data = data + b"more"
        start = 0
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and repo != "norange":
            start = int(wanted[len("bytes="):].rstrip("-"))
            if start >= len(data):
                return self.answer(416, Content_Range=f"bytes */{len(data)}")
        body = data[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"not-a-checksum"')
        self.end_headers()
        if repo == "stuck" or repo in ("truncating", "norange") and self.count(repo) <= 2:
            body = b"" if repo == "stuck" else body[:len(body) // 2]
            self.close_connection = True
        self.wfile.write(body)


def main() -> None:
    cdn = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Handler.cdn_port = cdn.server_address[1]
    for server in (cdn, hub):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    parent = os.getppid()
    print(hub.server_address[1], cdn.server_address[1], flush=True)
    while os.getppid() == parent:
        time.sleep(0.1)


if __name__ == "__main__":
    main()
