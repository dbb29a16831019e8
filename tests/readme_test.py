#!/usr/bin/env python3
"""Runs every `sh` block of README.md as a reader would, and looks for what it says it prints.

    readme_test.py GEMMA4_PROGRAM

The block with ./serve.sh is started and left running for the others; its port is moved from 8000 to
a free one. "# prints: TEXT" after a command must be found in what the commands before it printed.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVER_SECONDS = 300
BLOCK_SECONDS = 300


def blocks(text: str) -> list[str]:
    return re.findall(r"^```sh\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def steps(block: str) -> list[tuple[str, str]]:
    """(commands, what they must print): a block is cut after each `# prints:` line."""
    found, commands = [], []
    for line in block.splitlines():
        if line.startswith("# prints: "):
            found.append(("\n".join(commands), line.removeprefix("# prints: ")))
            commands = []
        else:
            commands.append(line)
    return found + ([("\n".join(commands), "")] if commands else [])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_server(block: str, environment: dict, port: int, log) -> subprocess.Popen:
    server = subprocess.Popen(["bash", "-euc", block], cwd=ROOT, env=environment, stdout=log,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              start_new_session=True)
    end = time.monotonic() + SERVER_SECONDS
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=5).close()
            return server
        except OSError:
            time.sleep(0.3)
    stop(server)
    log.seek(0)
    raise SystemExit(f"README.md: the server did not come up:\n{log.read()}")


def stop(server: subprocess.Popen) -> None:
    if server.poll() is None:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)


def run_step(commands: str, expected: str, environment: dict) -> str | None:
    """What went wrong, or None."""
    ran = subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=ROOT, env=environment,
                         capture_output=True, text=True, stdin=subprocess.DEVNULL,
                         timeout=BLOCK_SECONDS)
    if ran.returncode != 0:
        return f"exit code {ran.returncode}\n{ran.stdout}{ran.stderr}"
    if expected not in ran.stdout:
        return f"should print {expected!r}, but printed\n{ran.stdout}{ran.stderr}"
    return None


def main() -> int:
    if len(sys.argv) != 2:
        raise SystemExit("usage: readme_test.py GEMMA4_PROGRAM")
    program = pathlib.Path(sys.argv[1]).resolve()
    port = free_port()
    environment = dict(os.environ, PATH=f"{program.parent}:{os.environ['PATH']}", PORT=str(port))
    text = (ROOT / "README.md").read_text().replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    server, ran, faults = None, 0, 0
    with tempfile.TemporaryFile("w+") as log:
        try:
            for block in blocks(text):
                if "./serve.sh" in block:
                    server = start_server(block, environment, port, log)
                    ran += 1
                    continue
                for commands, expected in steps(block):
                    ran += 1
                    fault = run_step(commands, expected, environment)
                    if fault:
                        faults += 1
                        print(f"README.md:\n{commands}\n{fault}")
        finally:
            if server:
                stop(server)
    print(f"README.md: {ran} steps, {faults} faults")
    return 1 if faults or ran < 5 else 0


if __name__ == "__main__":
    sys.exit(main())
