#!/usr/bin/env python3
"""A monitor that is killed: its container goes on, the next command gives it another one, with its ports; nothing is lost.
And what is written about a container is for root alone."""
import json
import os
import pathlib
import signal
import subprocess
import time

import scenarios
from scenarios import harness
from harness import conductor


def monitors():
    """Processes of conductor-monitor with a file of this instance open, by number."""
    state = harness.ENVIRONMENT["CONDUCTOR_STATE"]
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == "conductor-mon\n" and any(
                    os.readlink(fd).startswith(state) for fd in (process / "fd").iterdir()):
                found.append(int(process.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class Monitor(harness.Case):
    def setUp(self):
        super().setUp()
        self.busybox_image(scenarios.IMAGE)
        self.before = scenarios.state()

    def run_detached(self, *words):
        self.addCleanup(conductor, "rm", "-f", "-v", "victim", check=False)
        return conductor("run", "-d", "--name", "victim", *words).stdout.strip()

    def kill_monitor(self):
        [monitor] = monitors()
        os.kill(monitor, signal.SIGKILL)
        self.assertTrue(until(lambda: monitor not in monitors()))
        return monitor

    def status(self):
        return {row["Names"]: row["State"] for row in harness.rows("ps", "-a")}

    def process(self):
        found = json.loads(conductor("inspect", "victim").stdout)
        return (found[0] if isinstance(found, list) else found)["State"]["Pid"]

    def test_the_next_command_adopts_with_published_ports(self):
        port = harness.free_port()
        (self.folder / "index.html").write_text("served")
        self.run_detached("-p", f"{port}:80", "-v", f"{self.folder}:/www:ro", scenarios.IMAGE, "httpd", "-f", "-p", "80",
                          "-h", "/www")
        self.assertTrue(until(lambda: harness.fetch("127.0.0.1", port, "/index.html") == (200, "served")))
        process = self.process()
        for _ in range(3):
            self.kill_monitor()
            self.assertEqual(self.status(), {"victim": "running"})
            self.assertEqual(len(monitors()), 1)
            self.assertEqual(harness.fetch("127.0.0.1", port, "/index.html"), (200, "served"))
            self.assertEqual(harness.fetch("[::1]", port, "/index.html"), (200, "served"))
            self.assertEqual(self.process(), process)
        self.assertEqual(conductor("exec", "victim", "echo", "here").stdout, "here\n")
        conductor("rm", "-f", "victim")
        self.assertEqual(scenarios.state_once(self.before), self.before)

    def test_a_container_between_two_runs_is_started_again(self):
        self.run_detached("--restart", "always", scenarios.IMAGE, "sh", "-c", "echo run; exit 3")
        self.assertTrue(until(lambda: self.status() == {"victim": "restarting"}))
        self.assertTrue(until(lambda: len(monitors()) == 1))
        self.kill_monitor()
        runs = conductor("logs", "victim").stdout.count("run")
        conductor("system", "recover")
        self.assertTrue(until(lambda: conductor("logs", "victim").stdout.count("run") > runs))
        conductor("rm", "-f", "victim")
        self.assertEqual(scenarios.state_once(self.before), self.before)

    def test_one_that_ended_with_its_monitor_is_started_again(self):
        self.run_detached("--restart", "always", "--internet", scenarios.IMAGE, "sleep", "1000")
        process = self.process()
        self.kill_monitor()
        os.kill(process, signal.SIGKILL)
        conductor("system", "recover")
        self.assertEqual(self.status(), {"victim": "running"})
        self.assertNotEqual(self.process(), process)
        conductor("rm", "-f", "victim")
        self.assertEqual(scenarios.state_once(self.before), self.before)

    def test_one_without_policy_is_reported_as_ended(self):
        self.run_detached("--internet", scenarios.IMAGE, "sleep", "1000")
        process = self.process()
        self.kill_monitor()
        os.kill(process, signal.SIGKILL)
        conductor("system", "recover")
        self.assertEqual(self.status(), {"victim": "exited"})
        conductor("rm", "victim")
        self.assertEqual(scenarios.state_once(self.before), self.before)

    def test_what_is_written_is_for_root_alone(self):
        self.run_detached("-p", "80", "-v", "/data", "--internet", scenarios.IMAGE, "sh", "-c", "echo said; sleep 1000")
        # What containers see keeps its own modes: their trees, and the files bound into them.
        root, state = harness.ROOT, harness.ENVIRONMENT["CONDUCTOR_STATE"]
        seen = [root / "layers" / "*", root / "containers" / "*" / "upper", root / "volumes" / "*" / "data"]
        prune = [word for path in seen for word in ("-path", str(path), "-prune", "-o")]
        names = ["-name", "hosts", "-o", "-name", "resolv.conf", "-o", "-name", "hostname"]
        found = subprocess.run(["find", root, state, *prune, "(", "-perm", "/077", "!", "-type", "l", "!", "(", *names, ")",
                                "-print", ")"], capture_output=True, text=True, check=True).stdout
        self.assertEqual(found, "")
        for top in (root, pathlib.Path(state)):
            self.assertEqual(top.stat().st_mode & 0o777, 0o700)
        conductor("rm", "-f", "-v", "victim")


if __name__ == "__main__":
    harness.main()
