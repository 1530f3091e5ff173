#!/usr/bin/env python3
"""compose graph, why, tighten and verify with the program: exit codes, a patch that patch(1) takes, rules that are lost."""
import json
import shutil
import subprocess
import unittest
import xml.dom.minidom

import harness
from harness import conductor

SHOP = """services:
  counter:
    image: reach-busybox
    command: ["httpd", "-f", "-p", "8080"]
    stop_grace_period: 0s
  external:
    image: reach-busybox
    command: ["sleep", "600"]
    stop_grace_period: 0s
    peers: ["counter:8080"]
"""

OPEN_SHOP = """# The shop.
services:
  web:
    image: nginx
    depends_on: [db]   # before all
  db:
    image: postgres
    expose: [5432]
"""


class OnTheFile(harness.Case):
    def compose(self, *words, check=True):
        return conductor("compose", *words, cwd=self.folder, check=check)

    def test_graph_in_every_format(self):
        self.write("conductor.yaml", SHOP)
        self.assertEqual(self.compose("graph").stdout,
                         "counter\n  reaches nothing\nexternal\n  → counter  8080/tcp\nnothing else is open\n")
        self.assertIn('n1 -> n0 [label="8080/tcp"]', self.compose("graph", "--format", "dot").stdout)
        self.assertIn('n1 -->|"8080/tcp"| n0', self.compose("graph", "--format", "mermaid").stdout)
        self.assertEqual(json.loads(self.compose("graph", "--format", "json").stdout)["reach"][0]["first_port"], 8080)
        self.compose("graph", "--format", "svg", "-o", "graph.svg")
        xml.dom.minidom.parse(str(self.folder / "graph.svg"))
        if shutil.which("dot"):
            dot = self.compose("graph", "--format", "dot").stdout
            subprocess.run(["dot", "-Tsvg", "-o", "/dev/null"], input=dot, text=True, check=True)
        self.assertFails(self.compose("graph", "--format", "png", check=False), "--format takes text, dot, mermaid")

    def test_why_says_the_line(self):
        self.write("conductor.yaml", SHOP)
        allowed = self.compose("why", "external", "counter", "8080")
        self.assertIn('conductor.yaml:10:13: peers: 8080/tcp\n        peers: ["counter:8080"]\n', allowed.stdout)
        denied = self.compose("why", "counter", "external", "8080", check=False)
        self.assertEqual(denied.returncode, 2)
        self.assertIn("counter has no peers", denied.stdout)
        self.assertFalse(json.loads(self.compose("why", "--format", "json", "counter", "internet", check=False).stdout)["allowed"])
        wrong = self.compose("why", "countre", "external", check=False)
        self.assertEqual(wrong.returncode, 1)
        self.assertFails(wrong, "did you mean 'counter'")

    def test_tighten_prints_a_patch(self):
        self.write("compose.yaml", OPEN_SHOP)
        patch = self.compose("tighten").stdout
        subprocess.run(["patch", "-p0"], cwd=self.folder, input=patch, text=True, check=True, capture_output=True)
        self.assertEqual((self.folder / "compose.yaml").read_text(),
                         OPEN_SHOP.replace("services:", "x-conductor: {isolation: strict}\nservices:")
                         .replace("# before all\n", '# before all\n    x-peers: ["db:5432"]\n'))
        self.assertEqual(self.compose("why", "web", "db", "5432").returncode, 0)
        again = self.compose("tighten")
        self.assertEqual((again.stdout, again.stderr), ("", "Nothing to tighten.\n"))


class OnTheMachine(harness.Case):
    def setUp(self):
        super().setUp()
        self.busybox_image("reach-busybox")
        self.write("conductor.yaml", SHOP)
        self.project = f"reach{self.folder.name[-6:].lower().replace('_', '')}"
        self.addCleanup(self.compose, "down", "-t", "0", check=False)
        self.compose("up", "-d")

    def compose(self, *words, check=True):
        return conductor("compose", "-p", self.project, *words, cwd=self.folder, check=check)

    def findings(self, *words):
        done = self.compose("verify", "--format", "json", *words, check=False)
        self.assertIn(done.returncode, (0, 2), done.stderr)
        found = json.loads(done.stdout)
        self.assertEqual(done.returncode, 2 if found else 0)
        return [finding["text"] for finding in found]

    def test_what_runs_is_what_the_file_says(self):
        self.assertEqual(self.findings(), [])
        self.assertEqual(self.findings("--probe"), [])
        self.assertEqual(self.compose("verify").stdout, "Exact: 2 containers, nothing missing, nothing extra.\n")

    def test_a_file_that_says_something_else(self):
        self.write("conductor.yaml", SHOP.replace("counter:8080", "counter:8081"))
        found = self.findings()
        self.assertEqual(len(found), 1, found)
        self.assertIn(f"the reach of {self.project}-external-1 is not as the file says: conductor.yaml:10: peers", found[0])
        self.assertIn("run 'conductor compose up'", found[0])

    def test_a_container_that_does_not_run(self):
        self.compose("stop", "counter")
        self.assertTrue(any(f"{self.project}-counter-1 does not run" in text for text in self.findings()))

    def table(self):
        return json.loads(conductor("network", "inspect", "links").stdout)[0]["Instance"]["Table"].split()

    def test_a_lost_table_and_a_lost_link_are_named(self):
        family, table = self.table()
        links = subprocess.run(["nft", "-j", "list", "set", family, table, "links"], capture_output=True, text=True, check=True)
        element = next(part["set"]["elem"] for part in json.loads(links.stdout)["nftables"] if "set" in part)[0]["concat"]
        subprocess.run(["nft", "delete", "element", family, table, "links", "{", " . ".join(map(str, element)), "}"], check=True)
        found = self.findings()
        self.assertEqual(len(found), 1, found)
        self.assertRegex(found[0], f"{self.project}-external-1 .*{self.project}-counter-1 .*8080")
        subprocess.run(["nft", "delete", "table", family, table], check=True)
        self.assertTrue(any(table in text for text in self.findings()))
        self.compose("up", "-d")
        self.assertEqual(self.findings(), [])

    def test_what_is_wrong_with_others_is_not_told(self):
        other = self.project + "-other"
        self.addCleanup(conductor, "compose", "-p", other, "down", "-t", "0", cwd=self.folder, check=False)
        conductor("compose", "-p", other, "up", "-d", cwd=self.folder)
        family, table = self.table()
        links = subprocess.run(["nft", "-j", "list", "set", family, table, "links"], capture_output=True, text=True, check=True)
        elements = next(part["set"]["elem"] for part in json.loads(links.stdout)["nftables"] if "set" in part)
        self.assertTrue(elements)
        address = json.loads(conductor("inspect", f"{other}-external-1").stdout)[0]["NetworkSettings"]["IPAddress"]
        for element in elements:
            if element["concat"][0] == address:
                subprocess.run(["nft", "delete", "element", family, table, "links", "{",
                                " . ".join(map(str, element["concat"])), "}"], check=True)
        self.assertEqual(self.findings(), [])
        done = conductor("compose", "-p", other, "verify", cwd=self.folder, check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("1 finding.", done.stdout)

    def test_an_open_file_becomes_strict_by_what_is_seen(self):
        self.compose("down", "-t", "0")
        (self.folder / "conductor.yaml").unlink()
        self.write("compose.yaml", SHOP.replace('    peers: ["counter:8080"]\n', "    depends_on: [counter]\n"))
        self.compose("up", "-d")
        self.assertEqual(self.findings(), [])
        self.compose("exec", "-T", "external", "wget", "-q", "-O", "-", "http://counter:8080/", check=False)
        patch = self.compose("tighten", "--observe", "0s")
        self.assertIn("without internet from now on: counter, external", patch.stderr)
        subprocess.run(["patch", "-p0"], cwd=self.folder, input=patch.stdout, text=True, check=True, capture_output=True)
        self.assertIn('    x-peers: ["counter:8080"]\n', (self.folder / "compose.yaml").read_text())
        self.assertEqual(self.compose("why", "external", "counter", "8081", check=False).returncode, 2)
        self.compose("up", "-d")
        self.assertEqual(self.findings("--probe"), [])

    def test_tighten_from_what_is_seen(self):
        self.write("conductor.yaml", SHOP.replace("counter:8080", "counter"))
        self.compose("up", "-d")
        observer = subprocess.Popen([harness.PROGRAM, "compose", "-p", self.project, "tighten", "--observe", "60s"],
                                    cwd=self.folder, env=harness.ENVIRONMENT, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertIn("watching", observer.stderr.readline())
        self.compose("exec", "-T", "external", "wget", "-q", "-O", "-", "http://counter:8080/", check=False)
        observer.send_signal(2)
        patch, notes = observer.communicate(timeout=20)
        self.assertEqual(observer.returncode, 0, notes)
        self.assertIn('-    peers: ["counter"]\n+    peers: ["counter:8080"]\n', patch)


if __name__ == "__main__":
    harness.main()
