#!/usr/bin/env python3
"""Faults that tools of this kind have had, each by name."""
import os
import pathlib
import subprocess

import harness
from harness import conductor


class Layers(harness.Case):
    def setUp(self):
        super().setUp()
        self.base = self.busybox_image()

    def build(self, text, name, *flags, check=True):
        self.write("Conductorfile", text)
        self.addCleanup(conductor, "rmi", "-f", name, check=False)
        return conductor("build", "-t", name, *flags, self.folder, check=check)

    def read(self, image, path):
        return conductor("run", "--rm", image, "cat", path).stdout

    def test_a_base_file_changed_by_run_shows_its_new_content(self):
        self.build(f"FROM {self.base}\nRUN echo old > /file\nRUN echo new > /file\nRUN cat /file > /seen\n", "old-order")
        self.assertEqual(self.read("old-order", "/file"), "new\n")
        self.assertEqual(self.read("old-order", "/seen"), "new\n")

    def test_cached_layers_are_those_of_their_step(self):
        text = f"FROM {self.base}\nRUN echo one > /one\nRUN echo two > /two\n"
        self.build(text, "old-cache")
        again = self.build(text, "old-cache-2")
        self.assertIn("cached", (again.stdout + again.stderr).lower())
        self.assertEqual(self.read("old-cache-2", "/one") + self.read("old-cache-2", "/two"), "one\ntwo\n")

    def test_cache_key_has_the_parent(self):
        self.build(f"FROM {self.base}\nRUN echo a > /first\nRUN cat /first > /second\n", "old-parent-a")
        self.build(f"FROM {self.base}\nRUN echo b > /first\nRUN cat /first > /second\n", "old-parent-b")
        self.assertEqual(self.read("old-parent-b", "/second"), "b\n")

    def test_cache_key_has_the_destination_of_copy(self):
        self.write("input", "text\n")
        self.build(f"FROM {self.base}\nCOPY input /here\n", "old-destination-a")
        self.build(f"FROM {self.base}\nCOPY input /there\n", "old-destination-b")
        self.assertEqual(self.read("old-destination-b", "/there"), "text\n")

    def test_a_failed_run_is_not_taken_as_cached(self):
        marker = self.folder / "marker"
        text = f"FROM {self.base}\nRUN echo half > /half; exit 3\n"
        first = self.build(text, "old-failed", check=False)
        second = self.build(text, "old-failed", check=False)
        for done in (first, second):
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("Conductorfile:2", done.stderr)
            self.assertIn("3", done.stderr)
        self.assertFalse(marker.exists())
        self.assertEqual([row for row in harness.rows("images") if "old-failed" in str(row)], [])

    def test_misspelt_instructions_are_refused(self):
        done = self.build(f"FROM {self.base}\nRUNN echo x\n", "old-misspelt", check=False)
        self.assertFails(done, "Conductorfile:2:1", "RUN")

    def test_triggers_run_in_the_image_that_stands_on_theirs_alone(self):
        self.build(f"FROM {self.base}\nONBUILD RUN echo triggered > /made\n", "old-onbuild")
        self.assertEqual(conductor("run", "--rm", "old-onbuild", "ls", "/made", check=False).stdout, "")
        self.build("FROM old-onbuild\n", "old-onbuild-child")
        self.assertEqual(self.read("old-onbuild-child", "/made"), "triggered\n")


class Containers(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = self.busybox_image()

    def start(self, name, *flags):
        self.addCleanup(conductor, "rm", "-f", name, check=False)
        return conductor("run", "-d", "--name", name, *flags, self.image, "sleep", "1000").stdout.strip()

    def test_names_of_40_letters(self):
        name = "n" * 40
        self.start(name)
        self.assertEqual(conductor("exec", name, "echo", "here").stdout, "here\n")

    def test_a_name_that_is_a_prefix_of_another(self):
        self.start("a"), self.start("ab")
        conductor("exec", "a", "sh", "-c", "echo in-a > /who")
        self.assertNotEqual(conductor("exec", "ab", "cat", "/who", check=False).returncode, 0)
        conductor("rm", "-f", "a")
        self.assertEqual([row["Names"] for row in harness.rows("ps")], ["ab"])
        self.assertEqual(conductor("exec", "ab", "echo", "alive").stdout, "alive\n")

    def test_words_are_not_parsed_again(self):
        done = conductor("run", self.image, "c", "--", "printf", "%s|", "a b", "$x")
        self.addCleanup(conductor, "rm", "-f", "c", check=False)
        self.assertEqual(done.stdout, "a b|$x|")
        self.start("words")
        self.assertEqual(conductor("exec", "words", "--", "printf", "%s|", "a b", "$x").stdout, "a b|$x|")

    def test_the_last_stop_leaves_the_firewall_of_others(self):
        table = f"cdt_others_{os.getpid()}"
        subprocess.run(["nft", "add", "table", "inet", table], check=True)
        self.addCleanup(subprocess.run, ["nft", "delete", "table", "inet", table], check=True)
        self.start("last", "--internet")
        conductor("stop", "-t", "0", "last")
        tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
        self.assertIn(f"table inet {table}", tables)

    def test_the_resolver_file_of_the_host_is_never_written(self):
        path = pathlib.Path("/etc/resolv.conf")
        before = (path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino)
        self.start("resolver", "--internet")
        conductor("rm", "-f", "resolver")
        self.assertEqual((path.read_bytes(), path.stat().st_mtime_ns, path.stat().st_ino), before)

    def test_stop_keeps_and_stop_rm_removes(self):
        self.start("kept")
        conductor("stop", "-t", "0", "kept")
        self.assertEqual([row["Names"] for row in harness.rows("ps", "-a")], ["kept"])
        conductor("start", "kept")
        conductor("stop", "-t", "0", "--rm", "kept")
        self.assertEqual(harness.rows("ps", "-a"), [])

    def test_older_words_for_networks(self):
        self.start("one"), self.start("two")
        serve = "while true; do echo served | nc -l -p 8080; done"
        conductor("exec", "-d", "two", "sh", "-c", serve)
        ask = ("exec", "one", "sh", "-c", "nc -w 2 two 8080 </dev/null")
        self.assertNotIn("served", conductor(*ask, check=False).stdout)
        conductor("peer", "one", "two")
        self.assertIn("served", conductor(*ask, check=False).stdout)
        port = harness.free_port()
        conductor("addnetwork", "two", "-e", f"8080-{port}")
        answer = subprocess.run(["curl", "-s", "--http0.9", "--max-time", "5", f"http://localhost:{port}"],
                                capture_output=True, text=True, check=False).stdout
        self.assertIn("served", answer)
        for bad in ("8080", "x-1", "8080-99999", "8080-1-2"):
            self.assertNotEqual(conductor("addnetwork", "two", "-e", bad, check=False).returncode, 0)


if __name__ == "__main__":
    harness.main()
