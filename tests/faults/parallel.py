#!/usr/bin/env python3
"""Several commands at once: each does its work, or says who is in the way; nothing is left."""
import subprocess

import scenarios
from scenarios import harness
from harness import conductor


class Parallel(harness.Case):
    def setUp(self):
        super().setUp()
        self.busybox_image(scenarios.IMAGE)
        self.before = scenarios.state()

    def at_once(self, *commands):
        """Starts all of them, waits for all; their exit codes and what they said."""
        running = [subprocess.Popen([harness.PROGRAM, *map(str, words)], cwd=self.folder, env=harness.ENVIRONMENT,
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
                   for words in commands]
        results = []
        for each in running:
            output, errors = each.communicate(timeout=120)
            results.append((each.returncode, output, errors))
        return results

    def assertNothingLeft(self):
        self.assertEqual(scenarios.state_once(self.before), self.before)

    def test_twenty_runs(self):
        results = self.at_once(*[("run", "--rm", "--internet", scenarios.IMAGE, "echo", n) for n in range(20)])
        for n, (code, output, errors) in enumerate(results):
            self.assertEqual((code, output), (0, f"{n}\n"), errors)
        self.assertNothingLeft()

    def test_one_name_for_many(self):
        results = self.at_once(*[("create", "--name", "wanted", scenarios.IMAGE)] * 10)
        self.assertEqual(sorted(code == 0 for code, _, _ in results), [False] * 9 + [True])
        for code, _, errors in results:
            self.assertTrue(code == 0 or "is in use" in errors, errors)
        conductor("rm", "wanted")
        self.assertNothingLeft()

    def test_ten_removals_of_one_container(self):
        for _ in range(3):
            conductor("run", "-d", "--name", "victim", "--internet", scenarios.IMAGE, "sleep", "1000")
            for code, _, errors in self.at_once(*[("rm", "-f", "victim")] * 10):
                self.assertEqual(code, 0, errors)
            self.assertNothingLeft()

    def test_stops_and_removals_of_one_container(self):
        for _ in range(3):
            conductor("run", "-d", "--name", "victim", "--internet", scenarios.IMAGE, "sleep", "1000")
            for code, _, errors in self.at_once(*[("stop", "-t", "0", "victim"), ("rm", "-f", "victim")] * 4):
                self.assertTrue(code == 0 or "no such container" in errors, errors)
            self.assertNothingLeft()

    def test_two_ups_of_one_project(self):
        scenario = scenarios.ComposeUp(self.folder, harness.free_port())
        for code, _, errors in self.at_once(scenario.command(), scenario.command()):
            self.assertEqual(code, 0, errors)
        self.assertEqual([row["State"] for row in harness.rows("ps")], ["running"] * 2)
        scenario.converge()
        self.assertNothingLeft()

    def test_up_and_down_at_once(self):
        scenario = scenarios.ComposeDown(self.folder, harness.free_port())
        for _ in range(3):
            up = ("compose", "-p", "fault", "up", "-d")
            for code, _, errors in self.at_once(up, scenario.command(), up, scenario.command()):
                self.assertEqual(code, 0, errors)
            conductor(*scenario.command(), cwd=self.folder)
            self.assertNothingLeft()


if __name__ == "__main__":
    harness.main()
