#!/usr/bin/env python3
"""A build that is interrupted, that loses a process, or that is not alone: it ends as it must, nothing is left, and the
next one makes the same."""
import os
import pathlib
import random
import signal
import subprocess
import time

import scenarios
from scenarios import harness

# So many moments of a build, the same in every run as far as the machine's speed allows.
MOMENTS = 20 if scenarios.POINTS == "all" else int(scenarios.POINTS or 6)
INTERRUPTED = 130


def children(parent):
    """Processes that one's threads have started, by number, each with its name. Those that end meanwhile are left out."""
    found = {}
    for thread in pathlib.Path(f"/proc/{parent}/task").glob("*/children"):
        try:
            for process in thread.read_text().split():
                found[int(process)] = pathlib.Path(f"/proc/{process}/comm").read_text()
        except OSError:
            continue
    return found


class Build(harness.Case):
    def setUp(self):
        super().setUp()
        self.busybox_image(scenarios.IMAGE)
        harness.conductor("system", "prune", "-f")
        self.clean, self.before = harness.census(), scenarios.state()
        self.scenario = scenarios.BuildStages(self.folder, 0)
        self.addCleanup(self.scenario.prepare)
        self.scenario.prepare()
        begin = time.monotonic()
        self.scenario.same(self.scenario.conductor(*self.scenario.command()).stdout)
        self.seconds = time.monotonic() - begin
        self.scenario.prepare()

    def start(self, made="made"):
        build = subprocess.Popen([harness.PROGRAM, *self.scenario.command(made)], env=harness.ENVIRONMENT, text=True,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(build.communicate)
        self.addCleanup(build.kill)
        return build

    def kill_child(self, build, name, skipped):
        """Kills its first process whose name begins so after so many others of it; False: there was none, or it had ended."""
        seen = set()
        while build.poll() is None:
            for process, found in children(build.pid).items():
                if not found.startswith(name) or process in seen:
                    continue
                seen.add(process)
                if len(seen) > skipped:
                    return self.kill(process)
        return False

    @staticmethod
    def kill(process):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def assertConverges(self, said):
        self.scenario.converge()
        self.assertEqual(scenarios.state_once(self.before), self.before, said)

    def test_interrupted_at_any_moment(self):
        moments, interrupted = random.Random(1), 0
        for moment in (moments.uniform(0, self.seconds) for _ in range(MOMENTS)):
            with self.subTest(moment=moment):
                build = self.start()
                try:
                    build.wait(moment)
                except subprocess.TimeoutExpired:
                    build.send_signal(signal.SIGINT)
                _, errors = build.communicate(timeout=30)
                # Before main() it ends by the signal itself; a faster one had come to its end.
                self.assertIn(build.returncode, (INTERRUPTED, -signal.SIGINT, 0), errors)
                interrupted += build.returncode == INTERRUPTED
                self.assertEqual(harness.census(), self.clean, errors)  # without a command that puts things right
                self.assertConverges(errors)
        self.assertGreater(interrupted, 0)

    def lose(self, name, processes):
        """Kills one process of that name in every build, each time a later one."""
        hit = 0
        for skipped in range(processes):
            with self.subTest(skipped=skipped):
                build = self.start()
                killed = self.kill_child(build, name, skipped)
                _, errors = build.communicate(timeout=30)
                if killed and build.returncode != 0:
                    hit += 1
                    self.assertGreater(build.returncode, 0, errors)
                    self.assertRegex(errors, r"(?m)^conductor: |: error: ")
                else:
                    self.assertEqual(build.returncode, 0, errors)
                self.assertConverges(errors)
        self.assertGreater(hit, 0, "no process was killed in time")

    def test_transfer_is_killed(self):
        self.lose("conductor-trans", 1)

    def test_monitor_is_killed(self):
        self.lose("conductor-mon", 3)

    def test_two_at_once_and_one_is_killed(self):
        for name in ("made", "others"):
            (self.folder / name).mkdir(exist_ok=True)
        for moment in (0.2, 0.6):
            with self.subTest(moment=moment):
                killed, other = self.start("others"), self.start()
                try:
                    killed.wait(moment * self.seconds)
                except subprocess.TimeoutExpired:
                    killed.kill()
                output, errors = other.communicate(timeout=30)
                self.assertEqual(other.returncode, 0, errors)
                self.scenario.same(output)
                killed.communicate(timeout=30)
                self.assertConverges(errors)


if __name__ == "__main__":
    harness.main()
