#!/usr/bin/env python3
"""SIGKILL instead of any call that changes something: the next command puts things right and nothing is left."""
import itertools
import signal

import scenarios
from scenarios import harness


class Killing(scenarios.Sweep):
    def wants(self, changes):
        return changes

    def faults(self):
        return itertools.repeat("kill")

    def judge(self, done, name):
        # A command that takes another way this time may have come to its end before.
        self.assertIn(done.returncode, (-signal.SIGKILL, 0), done.stderr)


class Kill(Killing):
    pass


Kill.add_tests()

if __name__ == "__main__":
    harness.main()
