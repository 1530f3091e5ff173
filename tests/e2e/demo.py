#!/usr/bin/env python3
"""The two services of examples/services, from nothing to nothing (examples/services/README.md)."""
import json
import os
import pathlib
import shutil
import signal
import subprocess

import harness
from harness import conductor, fetch

GREETING = "Hello CS695 Explorers! You have sent request to this container {} times."


class Demo(harness.Case):
    def setUp(self):
        super().setUp()
        self.services = self.folder / "services"
        shutil.copytree(harness.SOURCE / "examples" / "services", self.services)
        self.port = harness.free_port()
        self.env = {"DEMO_PORT": str(self.port)}
        self.addCleanup(self.compose, "down", check=False)

    def compose(self, *words, **options):
        return conductor("compose", *words, cwd=self.services, env=self.env, **options)

    def address(self, container):
        return json.loads(conductor("inspect", container).stdout)[0]["NetworkSettings"]["IPAddress"]

    def from_container(self, container, target, port):
        """A TCP connection tried from inside: "open", "refused", or what bash says."""
        done = conductor("exec", container, "bash", "-c", f"timeout 3 bash -c '</dev/tcp/{target}/{port}'", check=False)
        if done.returncode == 0:
            return "open"
        return "hang" if done.returncode == 124 else "closed"

    def test_answers_from_everywhere_it_should_and_nowhere_else(self):
        self.compose("up", "--wait")
        own = harness.host_address()
        self.assertEqual(fetch("localhost", self.port), (200, GREETING.format(1)))
        self.assertEqual(fetch(own, self.port), (200, GREETING.format(2)))
        counter, external = self.address("services-counter-1"), self.address("services-external-1")
        with harness.Neighbour() as neighbour:
            self.assertEqual(neighbour.fetch(neighbour.gateway, self.port), (200, GREETING.format(3)))
            self.assertEqual(neighbour.fetch(counter, 8080)[0], 0)
            self.assertEqual(neighbour.fetch(external, 8080)[0], 0)
        self.assertEqual(fetch(counter, 8080, "//get_counter"), (200, "4"))
        self.assertEqual(fetch(counter, 8080, "/reset_counter"), (200, "1"))
        self.assertEqual(fetch(counter, 8080, "/other")[0], 404)

        self.assertEqual(self.from_container("services-external-1", "counter", 8080), "open")
        self.assertEqual(self.from_container("services-external-1", "counter", 8081), "closed")
        self.assertEqual(self.from_container("services-counter-1", external, 8080), "closed")
        self.assertEqual(self.from_container("services-counter-1", external, 3000), "closed")

        # Unchanged, a second `up` does nothing and says so; the same containers go on.
        before = harness.rows("compose", "ps", cwd=self.services, env=self.env)
        again = self.compose("up", "--wait")
        self.assertIn("nothing to do", (again.stdout + again.stderr).lower())
        self.assertEqual([row.get("ID") for row in before],
                         [row.get("ID") for row in harness.rows("compose", "ps", cwd=self.services, env=self.env)])
        self.assertEqual(self.compose("plan", check=False).returncode, 0)

        # Without the counter the other one answers, and does not hang.
        conductor("stop", "-t", "2", "services-counter-1")
        self.assertIn(fetch("localhost", self.port, timeout=9)[0], (500, 502))

    def test_killed_in_the_middle_of_up_leaves_nothing_after_down(self):
        self.compose("build")
        for lines in (1, 2, 4):
            with self.subTest(lines=lines):
                up = subprocess.Popen([harness.PROGRAM, "compose", "up", "-d"], cwd=self.services, text=True,
                                      env={**harness.ENVIRONMENT, **self.env}, stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                for _ in range(lines):
                    if not up.stdout.readline():
                        break
                os.kill(up.pid, signal.SIGKILL)
                up.wait()
                up.stdout.close()
                self.compose("down")
                self.assertEqual([line for line in harness.census() if "services-" in line], [])

    def test_counter_service_says_how_it_is_used(self):
        self.compose("build", "counter")
        done = conductor("run", "--rm", "--entrypoint", "/app/counter-service", "services-counter", "8080", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("usage: counter-service PORT THREADS", done.stderr)


if __name__ == "__main__":
    harness.main()
