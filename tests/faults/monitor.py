#!/usr/bin/env python3
"""A monitor that is killed: its container goes on, the next command gives it another one, with its ports; nothing is lost.
And what is written about a container is for root alone."""
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import scenarios
from scenarios import harness
from harness import conductor, until


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


# How often a monitor is killed in each phase of a container's life.
KILLS = int(os.environ.get("MONITOR_KILLS", "8"))


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

    def kill_all_monitors(self):
        for monitor in monitors():
            try:
                os.kill(monitor, signal.SIGKILL)
            except ProcessLookupError:
                pass  # it was at its end

    def kill_while(self, *words):
        """Kills the monitor at some time while a command works; the command's exit code."""
        command = subprocess.Popen([harness.PROGRAM, *words], env=harness.ENVIRONMENT, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        until(lambda: monitors() or command.poll() is not None)
        time.sleep(random.random() * 0.03)
        self.kill_all_monitors()
        return command.wait(timeout=60)

    @staticmethod
    def copies(word):
        """Processes with that word among their arguments, but for those that such a one is about to make something else of."""
        parents = {}
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if word.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                    parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended meanwhile
        return sum(parent not in parents for parent in parents.values())

    def gone(self):
        conductor("rm", "-f", "-v", "victim", check=False)
        self.assertTrue(until(lambda: not monitors()))
        self.assertEqual(scenarios.state_once(self.before), self.before)

    def test_killed_while_starting(self):
        self.addCleanup(conductor, "rm", "-f", "-v", "victim", check=False)
        word = str(random.randrange(100_000_000, 999_999_999))  # seconds that nobody else sleeps
        for _ in range(KILLS):
            code = self.kill_while("run", "-d", "--name", "victim", scenarios.IMAGE, "sleep", word)
            found = self.status()
            if code == 0:
                self.assertIn(found, ({"victim": "running"}, {"victim": "exited"}))
            self.assertEqual(self.copies(word), list(found.values()).count("running"))
            conductor("rm", "-f", "victim", check=False)
            self.assertEqual(self.copies(word), 0)
        self.gone()

    def test_killed_while_running(self):
        self.run_detached(scenarios.IMAGE, "sleep", "1000")
        process = self.process()
        for _ in range(KILLS):
            self.kill_monitor()
            self.assertEqual(self.status(), {"victim": "running"})
            self.assertEqual(self.process(), process)
        conductor("kill", "-s", "TERM", "victim", check=False)
        conductor("stop", "-t", "0", "victim")
        [row] = harness.rows("ps", "-a")
        self.assertIn(row["ExitCode"], (137, 143, -1))
        self.gone()

    def test_killed_while_logging_at_full_speed(self):
        identity = self.run_detached("--log-opt", "max-size=5m", "--log-opt", "max-file=10000", scenarios.IMAGE, "sh", "-c",
                                     "seq 1 999999999")
        for _ in range(KILLS):
            files = lambda: list((harness.ROOT / "containers" / identity).glob("log.*"))
            written = sum(file.stat().st_size for file in files())
            self.assertTrue(until(lambda: sum(file.stat().st_size for file in files()) > written))
            time.sleep(random.random() * 0.03)
            self.kill_monitor()
            self.assertEqual(self.status(), {"victim": "running"})
        conductor("stop", "-t", "0", "victim")
        logs = subprocess.Popen([harness.PROGRAM, "logs", "victim"], env=harness.ENVIRONMENT, stdout=subprocess.PIPE)
        number, rest = 0, b""
        while piece := logs.stdout.read(1 << 20):
            *lines, rest = (rest + piece).split(b"\n")
            self.assertEqual(b"\n".join(lines), b"\n".join(b"%d" % n for n in range(number + 1, number + 1 + len(lines))))
            number += len(lines)
        logs.stdout.close()
        logs.wait()
        self.assertGreater(number, 0)
        self.assertTrue((b"%d" % (number + 1)).startswith(rest))
        self.gone()

    def test_killed_while_stopping(self):
        for _ in range(KILLS):
            self.run_detached(scenarios.IMAGE, "sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.05; done")
            self.kill_while("stop", "-t", "5", "victim")
            conductor("stop", "-t", "5", "victim")
            [row] = harness.rows("ps", "-a")
            self.assertEqual(row["State"], "exited")
            self.assertIn(row["ExitCode"], (5, -1, 137, 143))
            conductor("rm", "victim")
        self.gone()

    def test_killed_while_restarting(self):
        word = str(random.randrange(100_000_000, 999_999_999))
        self.run_detached("--restart", "always", scenarios.IMAGE, "sh", "-c", "sleep 0.05; exit 3", word)
        for _ in range(KILLS):
            self.assertTrue(until(lambda: len(monitors()) == 1))
            time.sleep(random.random() * 0.15)
            self.kill_all_monitors()
            conductor("system", "recover")
            self.assertLessEqual(self.copies(word), 1)
            self.assertTrue(until(lambda: self.status()["victim"] in ("running", "restarting")), self.status())
        self.gone()

    def test_a_stopped_monitor_is_named_and_keeps_nobody_else(self):
        self.run_detached(scenarios.IMAGE, "sleep", "1000")
        [monitor] = monitors()
        self.addCleanup(conductor, "rm", "-f", "other", check=False)
        conductor("run", "-d", "--name", "other", scenarios.IMAGE, "sleep", "1000")
        os.kill(monitor, signal.SIGSTOP)
        try:
            self.assertEqual(self.status(), {"victim": "running", "other": "running"})
            self.assertEqual(conductor("exec", "victim", "echo", "here").stdout, "here\n")
            self.assertFails(conductor("stop", "-t", "0", "victim", check=False), f"process {monitor}", "is stopped",
                             f"kill -CONT {monitor}")
            conductor("stop", "-t", "0", "other")
            conductor("rm", "other")
        finally:
            os.kill(monitor, signal.SIGCONT)
        conductor("rm", "-f", "victim")
        self.gone()

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
