#!/usr/bin/env python3
"""SIGKILL instead of any call that changes something: the next command puts things right and nothing is left."""
import signal

import scenarios
from scenarios import harness


class Kill(harness.Case):
    def sweep(self, kind):
        self.busybox_image(scenarios.IMAGE)
        before = scenarios.state()
        scenario = kind(self.folder, harness.free_port())
        scenario.prepare()
        calls = scenarios.calls_of(scenario, lambda name, changes: changes)
        scenario.converge()
        self.assertEqual(scenarios.state_once(before), before, "without a fault")
        for number, name in calls:
            with self.subTest(call=number, name=name):
                scenario.prepare()
                done = scenarios.injected(scenario, FAULT=f"{number}:kill")
                # A command that takes another way this time may have come to its end before.
                self.assertIn(done.returncode, (-signal.SIGKILL, 0), done.stderr)
                scenario.converge()
                found = scenarios.state_once(before)
                expected, before = before, found  # what one call leaves is not held against the next
                self.assertEqual(found, expected)


def add_test(kind):
    setattr(Kill, f"test_{kind.__name__}", lambda self: self.sweep(kind))


for each in scenarios.ALL:
    add_test(each)

if __name__ == "__main__":
    harness.main()
