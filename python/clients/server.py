"""A gemma4 server for tests: started on a free port, stopped by SIGTERM, its exit code checked."""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOY = str(ROOT / "tests/golden/models/gemma4-moe")  # random Gemma 4 with experts; has a chat format


def real_model() -> str:
    """Gemma 3 270M: a base model with real words."""
    folder = os.environ.get("G4_TEST_MODELS")
    if not folder:
        raise RuntimeError("G4_TEST_MODELS should name the folder that ./test.sh fills")
    return str(Path(folder) / "gemma3-270m.gguf")


class Server:
    def __init__(self, model: str, *flags: str, **environment: str):
        self._start([os.environ["GEMMA4"], "serve", model, "--port", "0", "--quiet", *flags], environment)

    def _start(self, command, environment):
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                                        env={**os.environ, **environment})
        self.told = False
        line = self.process.stdout.readline()  # "NAME is served at http://127.0.0.1:PORT"
        if " is served at " not in line:
            raise RuntimeError(f"the server said {line!r}")
        self.name, self.url = line.strip().split(" is served at ")

    def get(self, path: str, headers=None):
        return self._send(urllib.request.Request(self.url + path, headers=headers or {}))

    def post(self, path: str, body, headers=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **(headers or {})}
        return self._send(urllib.request.Request(self.url + path, data=data, headers=headers))

    def running(self) -> int:
        return self.get("/ready")[2]["running"]

    def wait_until_idle(self) -> None:
        deadline = time.monotonic() + 5
        while self.running() > 0:
            if time.monotonic() > deadline:
                raise AssertionError("the generation goes on for nobody")
            time.sleep(0.02)

    @staticmethod
    def _send(request):
        """Status, headers, parsed body."""
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return answer.status, answer.headers, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, error.headers, json.loads(error.read())

    def terminate(self) -> None:
        self.told = True
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """SIGTERM unless it was sent, then the exit code. (A second one would end it at once.)"""
        if not self.told and self.process.poll() is None:
            self.terminate()
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code


class ScriptedServer(Server):
    """Says what the user's message tells it to (scripted.py)."""

    def __init__(self):
        self._start([str(Path(os.environ["GEMMA4"]).parent / "scripted_server")], {})
