#!/usr/bin/env python3
"""An error instead of any call: the command succeeds or says in words what is wrong, and nothing is left."""
import errno
import itertools

import scenarios
from scenarios import harness

# As a full or failing disk and a machine without memory give them.
ERRORS = (errno.ENOSPC, errno.EIO, errno.ENOMEM)


class Error(harness.Case):
    def sweep(self, kind):
        self.busybox_image(scenarios.IMAGE)
        before = scenarios.state()
        scenario = kind(self.folder, harness.free_port())
        scenario.prepare()
        calls = scenarios.calls_of(scenario, lambda name, changes: True)
        scenario.converge()
        self.assertEqual(scenarios.state_once(before), before, "without a fault")
        for (number, name), code in zip(calls, itertools.cycle(ERRORS)):
            with self.subTest(call=number, name=name, error=errno.errorcode[code]):
                scenario.prepare()
                done = scenarios.injected(scenario, FAULT=f"{number}:{code}")
                self.assertGreaterEqual(done.returncode, 0, f"ended by signal {-done.returncode}\n{done.stderr}")
                if done.returncode != 0 and name != "write":  # which may have been the message itself
                    self.assertRegex(done.stderr, r"(?m)^conductor: |: error: ")
                scenario.converge()
                found = scenarios.state_once(before)
                expected, before = before, found  # what one call leaves is not held against the next
                self.assertEqual(found, expected, done.stderr)


def add_test(kind):
    setattr(Error, f"test_{kind.__name__}", lambda self: self.sweep(kind))


for each in scenarios.ALL:
    add_test(each)

if __name__ == "__main__":
    harness.main()
