"""Runs every test beside it; the last line counts them."""

import sys
import unittest

result = unittest.main(module=None, argv=["unittest", "discover", "--verbose"], exit=False).result
failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
sys.stderr.flush()
print(f"{max(result.testsRun - failed, 0)} passed, {failed} failed")  # an error before a class's tests is no test run
sys.exit(failed > 0)
