"""`gemma4 chat` on a terminal of its own: editing, streaming, Ctrl-C, history, leaving."""

import os
import pty
import re
import select
import subprocess
import tempfile
import time
import unittest

from server import ROOT, real_model

SECONDS = 20
# A base model made to chat: its answers make no sense, and seldom end.
CHATTY = (real_model(), "--chat-template", "gemma3")


class Terminal:
    """A program on a pseudo-terminal."""

    def __init__(self, *arguments, cache):
        self.master, slave = pty.openpty()
        environment = {**os.environ, "XDG_CACHE_HOME": cache, "TERM": "xterm"}
        self.process = subprocess.Popen([os.environ["GEMMA4"], *arguments], stdin=slave, stdout=slave,
                                        stderr=slave, env=environment, preexec_fn=own_terminal)
        os.close(slave)
        self.screen = ""

    def read(self, seconds):
        if not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.master, 4096)
        except OSError:  # the other side is closed
            return False
        self.screen += data.decode(errors="replace")
        return bool(data)

    def wait_for(self, pattern):
        """Reads until the pattern appears; what was on the screen up to its end, once."""
        end = time.monotonic() + SECONDS
        while not (found := re.search(pattern, self.screen)):
            if time.monotonic() > end or (not self.read(1) and self.process.poll() is not None):
                raise AssertionError(f"{pattern!r} did not appear in {self.screen!r}")
        seen, self.screen = self.screen[:found.end()], self.screen[found.end():]
        return seen

    def type(self, text):
        os.write(self.master, text.encode())

    def ends_within(self, seconds):
        end = time.monotonic() + seconds
        while self.process.poll() is None and time.monotonic() < end:
            self.read(0.1)
        return self.process.poll() is not None

    def end(self):
        self.ends_within(SECONDS)
        code = self.process.wait(timeout=1)
        os.close(self.master)
        return code


def own_terminal():
    """In the child: Ctrl-C typed into the terminal is a signal for it."""
    import fcntl
    import termios

    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Chat(unittest.TestCase):
    def setUp(self):
        self.cache = tempfile.TemporaryDirectory()
        self.addCleanup(self.cache.cleanup)

    def chat(self, *flags):
        terminal = Terminal("chat", *CHATTY, "--seed", "7", *flags, cache=self.cache.name)
        self.addCleanup(terminal.process.kill)
        terminal.wait_for(r"/help lists the commands")
        terminal.wait_for(r"> ")
        return terminal

    def test_a_conversation(self):
        terminal = self.chat("--max-tokens", "12")
        terminal.type("/help\n")
        self.assertIn("/system TEXT", terminal.wait_for(r"goes on in the next one"))
        terminal.type("Hello\n")
        first = terminal.wait_for(r"\[(\d+) prompt tokens in .*12 tokens in .*\]\s")
        terminal.type("And then?\n")
        second = terminal.wait_for(r"\[(\d+) prompt tokens in .*12 tokens in .*\]\s")
        count = lambda text: int(re.search(r"\[(\d+) prompt tokens", text)[1])
        self.assertGreater(count(second), count(first) + 12)  # the first turn is part of the second
        terminal.type("/reset\n")
        terminal.wait_for(r"> ")
        terminal.type("Hello\n")
        again = terminal.wait_for(r"\[(\d+) prompt tokens in .*\]\s")
        self.assertEqual(count(again), count(first))
        terminal.type("/nonsense\n")
        terminal.wait_for(r"There is no /nonsense")
        terminal.type("/exit\n")
        self.assertEqual(terminal.end(), 0)

    def test_ctrl_c_stops_the_answer_and_not_the_program(self):
        terminal = self.chat()
        terminal.type("Tell me everything\n")
        terminal.wait_for(r"Tell me everything\s+\S")
        time.sleep(0.3)  # in the middle of an answer without end
        terminal.type("\x03")
        terminal.wait_for(r"\[stopped; [^\]]*\]\s+> ")
        time.sleep(0.3)  # the line editor takes the terminal over
        terminal.type("\x03")  # with no answer to stop it clears the line
        time.sleep(0.3)
        terminal.type("/help\n")
        terminal.wait_for(r"next one\.\s+> ")  # between two lines a terminal keeps Ctrl-D to itself
        for _ in range(5):
            terminal.type("\x04")  # Ctrl-D leaves; one that comes too early for the line editor is lost
            if terminal.ends_within(3):
                break
        self.assertEqual(terminal.end(), 0)

    def test_lines_can_be_edited_and_are_remembered(self):
        terminal = self.chat("--max-tokens", "2")
        terminal.type("/hexp\x7f\x7flp\n")  # two letters taken back
        terminal.wait_for(r"/reset")
        terminal.type("/exit\n")
        self.assertEqual(terminal.end(), 0)
        terminal = self.chat()
        terminal.type("\x1b[A\x1b[A\n")  # up, up: the line of the earlier session
        terminal.wait_for(r"next one\.\s+> ")
        terminal.type("\x04")
        self.assertEqual(terminal.end(), 0)

    def test_lines_of_a_pipe_are_turns(self):
        done = subprocess.run([os.environ["GEMMA4"], "chat", *CHATTY, "--max-tokens", "3", "--temperature", "0"],
                              text=True,
                              input="Hello\nAnd then?\n", capture_output=True, timeout=SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(re.findall(r"3 tokens in", done.stderr)), 2, done.stderr)

    def test_images_and_videos_are_shown_with_the_next_words(self):
        files = ROOT / "tests/golden/decode"
        lines = ["/image nowhere.png", f"/image {files / 'png_rgb.png'}", f"/video {files / 'video_vp9.webm'}",
                 "What is it?", "And then?", "/reset", "Hello"]
        done = subprocess.run(
            [os.environ["GEMMA4"], "chat", str(ROOT / "tests/golden/models/gemma4-vision"), "--chat-template",
             "gemma4", "--frames", "3", "--max-tokens", "2", "--temperature", "0"],
            text=True, input="".join(line + "\n" for line in lines), capture_output=True, timeout=SECONDS)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("nowhere.png: cannot open", done.stderr)
        costs = [int(n) for n in re.findall(r": (\d+) tokens[;,]", done.stdout)]
        self.assertEqual(len(costs), 2, done.stdout)
        prompts = [int(n) for n in re.findall(r"\[(\d+) prompt tokens", done.stderr)]
        self.assertGreater(prompts[0], sum(costs))
        self.assertGreater(prompts[1], prompts[0])  # they stay in the conversation...
        self.assertLess(prompts[2], min(costs))  # ...until it is forgotten

    def test_a_model_without_eyes_is_shown_nothing(self):
        done = subprocess.run([os.environ["GEMMA4"], "chat", *CHATTY, "--max-tokens", "2"], text=True,
                              input="/image x.png\n", capture_output=True, timeout=SECONDS)
        self.assertIn("reads text only", done.stderr)

    def test_a_base_model_is_refused_before_the_first_question(self):
        done = subprocess.run([os.environ["GEMMA4"], "chat", real_model(), "--quiet"], text=True,
                              input="Hello\n", capture_output=True, timeout=SECONDS)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("chat template", done.stderr)


if __name__ == "__main__":
    unittest.main()
