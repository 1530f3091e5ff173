#!/usr/bin/env python3
"""An error instead of any call: the command succeeds or says in words what is wrong, and nothing is left."""
import errno
import itertools

import scenarios
from scenarios import harness

# As a full or failing disk and a machine without memory give them.
ERRORS = (errno.ENOSPC, errno.EIO, errno.ENOMEM)


class Error(scenarios.Sweep):
    def wants(self, changes):
        return True

    def faults(self):
        return itertools.cycle(ERRORS)

    def judge(self, done, name):
        self.assertGreaterEqual(done.returncode, 0, f"ended by signal {-done.returncode}\n{done.stderr}")
        if done.returncode != 0 and name != "write":  # which may have been the message itself
            self.assertRegex(done.stderr, r"(?m)^conductor: |: error: ")


Error.add_tests()

if __name__ == "__main__":
    harness.main()
