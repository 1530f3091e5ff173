#!/usr/bin/env python3
"""What a person types and reads: exit codes, streams, terminals, messages that say what to do."""
import json
import os
import pty
import re
import select
import signal
import subprocess
import time

import harness
from harness import conductor


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *words, cwd=None):
        self.text = ""
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            if cwd:
                os.chdir(cwd)
            os.execve(harness.PROGRAM, [harness.PROGRAM, *words], harness.ENVIRONMENT)

    def read_until(self, pattern, seconds=30):
        deadline = time.monotonic() + seconds
        while not re.search(pattern, self.text):
            ready, _, _ = select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))
            try:
                piece = os.read(self.descriptor, 65536).decode(errors="replace") if ready else ""
            except OSError:
                piece = ""
            if not piece:
                raise AssertionError(f"'{pattern}' does not come; there is: {self.text!r}")
            self.text += piece

    def type(self, text):
        os.write(self.descriptor, text.encode())

    def wait(self, seconds=30):
        """The exit code; the rest of what is written is in `text`."""
        try:
            self.read_until(r"(?!)", seconds)
        except AssertionError:
            pass
        os.close(self.descriptor)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


class Run(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = self.busybox_image()

    def run_once(self, *words, stdin=None, flags=()):
        return conductor("run", "--rm", *flags, self.image, *words, stdin=stdin, check=False)

    def test_exit_codes(self):
        for code, words in ((0, ("true",)), (7, ("sh", "-c", "exit 7")), (127, ("no-such-program",)), (126, ("/etc",)),
                            (137, ("sh", "-c", "sh -c 'kill -9 $$'; exit $?"))):
            self.assertEqual(self.run_once(*words).returncode, code, words)
        self.assertEqual(self.run_once("true", flags=("-m", "1k")).returncode, 125)

    def test_standard_input_is_passed_on_with_i_only(self):
        self.assertEqual(self.run_once("cat", stdin="words\n", flags=("-i",)).stdout, "words\n")
        self.assertEqual(self.run_once("cat", stdin="words\n").stdout, "")

    def test_a_terminal(self):
        terminal = Terminal("run", "--rm", "-it", self.image, "sh")
        terminal.read_until(r"/ # ")
        terminal.type("echo $((40 + 2)); tty; exit 5\n")
        terminal.read_until(r"\r\n42\r\n/dev/")
        self.assertEqual(terminal.wait(), 5)
        self.assertFails(self.run_once("sh", flags=("-it",), stdin=""), "standard input is no terminal")

    def test_an_unknown_image_says_how_to_get_one(self):
        done = conductor("run", "--rm", "no-such-image", check=False)
        self.assertEqual(done.returncode, 125)
        self.assertFails(done, "no such image: no-such-image", "conductor build", "conductor images")

    def test_hosts_and_name_servers_are_addresses(self):
        for flags in (("--add-host", "a:here"), ("--add-host", "a:192.0.2.1\n192.0.2.2 b"), ("--add-host", "a b:192.0.2.1"),
                      ("--dns", "here"), ("--internet", "--dns", "192.0.2.1\nsearch x")):
            done = self.run_once("true", flags=flags)
            self.assertEqual(done.returncode, 125, flags)
            self.assertFails(done, "is no")
        hosts = self.run_once("cat", "/etc/hosts", flags=("--add-host", "db:192.0.2.1")).stdout
        self.assertRegex(hosts, r"(?m)^192\.0\.2\.1\s+db$")

    def test_hostile_users_are_shown_harmlessly(self):
        for user in ("../../etc", "a\nb", "\x1b[31mred", ":", "0:0:0", "99999999999"):
            done = self.run_once("true", flags=("-u", user))
            self.assertEqual(done.returncode, 125, user)
            self.assertNotIn("\x1b", done.stderr)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)

    def test_a_variable_has_a_name(self):
        for text in ("", "=x"):
            self.assertFails(self.run_once("env", flags=("-e", text)), "--env")

    def test_mount_makes_no_folder(self):
        source = self.folder / "absent"
        self.assertFails(self.run_once("true", flags=("--mount", f"type=bind,source={source},target=/d")), str(source))
        self.assertFalse(source.exists())
        self.run_once("true", flags=("-v", f"{source}:/d"))
        self.assertTrue(source.is_dir())

    def test_a_peer_that_is_not_there_yet_is_mentioned(self):
        done = self.run_once("true", flags=("--peer", "nobody:80"))
        self.assertEqual(done.returncode, 0)
        self.assertIn("no container 'nobody' yet", done.stderr)

    def test_start_of_what_runs_is_no_mistake(self):
        conductor("run", "-d", "--name", "runs", "-p", f"{harness.free_port()}:80", self.image, "sleep", "1000")
        self.addCleanup(conductor, "rm", "-f", "runs", check=False)
        before = harness.rows("ps")[0]["Status"]
        self.assertTrue(before.startswith("Up"))
        pid = json.loads(conductor("inspect", "runs").stdout)[0]["State"]["Pid"]
        self.assertEqual(conductor("start", "runs").stdout, "runs\n")
        self.assertEqual(json.loads(conductor("inspect", "runs").stdout)[0]["State"]["Pid"], pid)
        self.assertEqual({port["ContainerPort"] for port in harness.rows("port", "runs")}, {"80/tcp"})

    def test_tables_cannot_steer_the_terminal(self):
        conductor("run", "-d", "--name", "odd", "--label", "x=\x1b[31m", self.image, "sleep", "1000", "\x1b[31m\n")
        self.addCleanup(conductor, "rm", "-f", "odd", check=False)
        for words in (("ps", "-a", "--no-trunc"), ("ps", "-a", "--format", "{{.Labels}}")):
            shown = conductor(*words).stdout
            self.assertNotIn("\x1b", shown)
            self.assertIn("\\x1b[31m", shown)


class Words(harness.Case):
    def test_formats_that_are_not_there(self):
        self.assertFails(conductor("system", "census", "--format", "xml", check=False), "text or json")

    def test_what_is_missing_or_misplaced_is_named(self):
        self.assertFails(conductor("run", "--name", check=False), "option --name needs a value")
        self.assertFails(conductor("compose", "up", "-f", "x.yaml", check=False), "conductor compose -f … up")
        self.assertFails(conductor("build", "-t", "x", "--push", ".", check=False), "--push is not supported", "type=oci")

    def test_commands_of_other_tools_are_known(self):
        self.assertFails(conductor("pull", "debian", check=False), "'pull' is not supported yet")
        self.assertFails(conductor("compose", "run", "web", check=False), "'compose run' is not supported yet")

    def test_every_command_has_help(self):
        names = re.findall(r"(?m)^  (\S+(?: \S+)?)  +\S", conductor("help").stdout)
        self.assertIn("compose up", names)
        for name in names:
            self.assertIn(f"Usage: conductor {name}" if name != "help" else "Usage: conductor", conductor(*name.split(), "--help").stdout)
        self.assertIn("--project-name NAME", conductor("compose", "--help").stdout)


class Compose(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = self.busybox_image()
        self.addCleanup(conductor, "compose", "-p", "words", "down", "-v", "-t", "0", check=False)

    def compose(self, *words, **options):
        return conductor("compose", "-p", "words", *words, cwd=self.folder, **options)

    def test_ctrl_c_stops_what_is_in_the_foreground(self):
        self.write("conductor.yaml", f"""services:
  first: {{image: {self.image}, init: true, command: [sh, -c, "echo first; sleep 1000"]}}
  second:
    image: {self.image}
    command: [sh, -c, "trap 'echo farewell; exit 0' TERM; echo second; while :; do sleep 0.1; done"]
    depends_on: [first]
""")
        terminal = Terminal("compose", "-p", "words", "up", cwd=self.folder)
        terminal.read_until(r"words-second-1.*\| .*second\r\n")
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 128 + signal.SIGINT)
        self.assertIn("farewell", terminal.text)
        self.assertLess(terminal.text.index("words-second-1  Stopped"), terminal.text.index("words-first-1  Stopped"))
        self.assertEqual({row["State"] for row in harness.rows("compose", "-p", "words", "ps", "-a", cwd=self.folder)}, {"exited"})

    def test_a_dependency_that_fails_is_named_with_its_last_lines(self):
        self.write("conductor.yaml", f"""services:
  db: {{image: {self.image}, command: [sh, -c, "echo cannot open the database; exit 3"]}}
  web: {{image: {self.image}, command: [sleep, "1000"], depends_on: {{db: {{condition: service_completed_successfully}}}}}}
""")
        done = self.compose("up", "-d", check=False)
        self.assertFails(done, "conductor: dependency db (container words-db-1) has exited with code 3",
                         "cannot open the database", "not begun: start container words-web-1")

    def test_config_can_be_read_back(self):
        self.write("conductor.yaml", f"services:\n  a: {{image: {self.image}, command: [echo, $$HOME]}}\n")
        once = self.compose("config").stdout
        self.assertIn("$$HOME", once)
        again = subprocess.run([harness.PROGRAM, "compose", "-p", "words", "-f", "-", "config"], input=once, text=True,
                               env=harness.ENVIRONMENT, cwd=self.folder, capture_output=True, check=True)
        self.assertEqual(again.stdout, once)

    def test_names_of_the_kernel_are_checked_before_anything_is_made(self):
        self.write("conductor.yaml", f"services:\n  a:\n    image: {self.image}\n    scale: 2\n    cap_add: [FOO, NET_RAW]\n"
                   "    cap_drop: [ALL]\n    stop_signal: BAR\n")
        done = self.compose("up", "-d", check=False)
        self.assertFails(done, "conductor.yaml:5:5: error: unknown capability 'FOO'",
                         "conductor.yaml:7:5: error: unknown signal 'BAR'")
        self.assertEqual(done.stderr.count("error:"), 2, done.stderr)
        self.assertEqual(harness.rows("ps", "-a"), [])

    def test_hosts_and_name_servers_have_their_place(self):
        self.write("conductor.yaml", f"services:\n  a:\n    image: {self.image}\n    extra_hosts: [x=here]\n    dns: there\n")
        self.assertFails(self.compose("config", check=False), "conductor.yaml:4:19", "conductor.yaml:5:10")


if __name__ == "__main__":
    harness.main()
