#!/usr/bin/env python3
"""Two https servers on loopback, one of them with a certificate that nobody signed; for
src/fetch/media_fetcher_test.cpp and python/clients/test_images.py.

    media_server.py FOLDER

Makes certificates with openssl in FOLDER (trusted.pem is the one to trust), prints "PORT
UNTRUSTED_PORT" and serves until its parent is gone. The path says how it behaves: see Handler.
"""

import http.server
import json
import os
import pathlib
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse

from quiet_handler import QuietHandler

NAMES = ["images.test", "other.test", "both.test", "turning.test", "slow.test", "inside.test"]
PIECE = bytes(65536)
log: list[dict] = []


class Handler(QuietHandler):
    def start(self, **headers: str) -> None:
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.close_connection = True

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        log.append({"path": self.path, "headers": dict(self.headers)})
        name, _, argument = url.path[1:].partition("/")
        try:
            getattr(self, "get_" + name)(argument, urllib.parse.unquote(url.query))
        except OSError:  # the client has had enough
            self.close_connection = True

    def get_log(self, *_) -> None:
        self.answer(200, json.dumps(log).encode())
        log.clear()

    def get_bytes(self, count: str, _) -> None:
        self.answer(200, bytes(i % 251 for i in range(int(count))))

    # /file/NAME: of tests/golden/decode.
    def get_file(self, name: str, _) -> None:
        golden = pathlib.Path(__file__).parent / "golden/decode"
        self.answer(200, (golden / pathlib.PurePath(name).name).read_bytes())

    def get_status(self, status: str, _) -> None:
        self.answer(int(status), b"an explanation" * 1000)

    # /to?ADDRESS
    def get_to(self, _, address: str) -> None:
        self.answer(302, b"moved", Location=address, Set_Cookie="a=b; Path=/")

    # /hops/N: N redirects, then bytes.
    def get_hops(self, count: str, _) -> None:
        left = int(count)
        self.answer(307, Location=f"/hops/{left - 1}" if left > 1 else "/bytes/10")

    # The same, each within less than half a second.
    def get_lazyhops(self, count: str, _) -> None:
        time.sleep(0.4)
        left = int(count)
        self.answer(307, Location=f"/lazyhops/{left - 1}" if left > 1 else "/bytes/10")

    def get_nowhere(self, *_) -> None:
        self.answer(302)

    def get_loop(self, *_) -> None:
        self.answer(301, Location=self.path)

    def get_endless(self, *_) -> None:
        self.start()
        while True:
            self.wfile.write(PIECE)

    def get_endlesschunks(self, *_) -> None:
        self.start(Transfer_Encoding="chunked")
        while True:
            self.wfile.write(b"%x\r\n" % len(PIECE) + PIECE + b"\r\n")

    def get_endlessredirect(self, *_) -> None:
        self.send_response(302)
        self.send_header("Location", "/bytes/1")
        self.end_headers()
        while True:
            self.wfile.write(PIECE)

    def get_endlessheaders(self, *_) -> None:
        self.send_response(200)
        self.flush_headers()
        while True:
            self.wfile.write(b"X-More: " + PIECE[:1000].replace(b"\0", b"x") + b"\r\n")

    # /length/SAID/SENT
    def get_length(self, numbers: str, _) -> None:
        said, sent = numbers.split("/")
        self.start(Content_Length=said)
        self.wfile.write(bytes(int(sent)))

    # A small answer that a client may unpack to a large one: 64 MiB of zeros.
    def get_packed(self, where: str, _) -> None:
        packed = subprocess.run(["gzip", "-9"], input=bytes(64 << 20), capture_output=True,
                                check=True).stdout
        if where == "transfer":
            self.start(Transfer_Encoding="gzip, chunked")
            self.wfile.write(b"%x\r\n" % len(packed) + packed + b"\r\n0\r\n\r\n")
        else:
            self.answer(200, packed, Content_Encoding="gzip")

    def get_drip(self, *_) -> None:
        self.start(Content_Length="1000000")
        while True:
            self.wfile.write(b"x")
            time.sleep(0.05)

    def get_silence(self, *_) -> None:
        time.sleep(60)

    def get_slam(self, *_) -> None:
        self.close_connection = True


def make_certificate(folder: pathlib.Path, name: str) -> tuple[pathlib.Path, pathlib.Path]:
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    names = ",".join([f"DNS:{name}" for name in NAMES] + ["IP:127.0.0.1"])
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                    "-addext", f"subjectAltName={names}", "-keyout", key, "-out", certificate],
                   check=True, capture_output=True)
    return certificate, key


def serve(certificate: pathlib.Path, key: pathlib.Path) -> int:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    # Handshakes belong to the threads of the requests: one that fails must not stop the others.
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    server.handle_error = lambda *_: None
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_address[1]


def main() -> None:
    parent = os.getppid()
    folder = pathlib.Path(sys.argv[1])
    ports = [serve(*make_certificate(folder, name)) for name in ("trusted", "unknown")]
    print(*ports, flush=True)
    while os.getppid() == parent:
        time.sleep(0.1)


if __name__ == "__main__":
    main()
