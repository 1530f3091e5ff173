#!/usr/bin/env python3
"""Containers at a real pseudo-terminal: job control, full-screen programs, sizes, leaving and coming back; and what is passed on
without one: bytes, signals, exit codes."""
import errno
import fcntl
import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import termios
import time

import harness
from harness import conductor


class Terminal:
    """conductor on a pseudo-terminal of its own, as a shell would start it."""

    def __init__(self, *words, size=(24, 80)):
        self.controller, self.peer = pty.openpty()
        self.resize(*size)
        self.mode = termios.tcgetattr(self.peer)
        self.seen = b""
        self.process = subprocess.Popen([harness.PROGRAM, *words], stdin=self.peer, stdout=self.peer, stderr=self.peer,
                                        env=harness.ENVIRONMENT, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))

    def resize(self, rows, columns):
        fcntl.ioctl(self.controller, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.controller, text.encode())

    def expect(self, pattern, seconds=30):
        """Reads until the pattern comes; what was before it is dropped. The match."""
        deadline = time.monotonic() + seconds
        while not (found := re.search(pattern.encode(), self.seen, re.DOTALL)):
            ready, _, _ = select.select([self.controller], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise AssertionError(f"'{pattern}' does not come; there is: {self.seen!r}")
            self.seen += os.read(self.controller, 65536)
        self.seen = self.seen[found.end():]
        return found

    def say(self, command, pattern):
        self.type(command + "\r")
        return self.expect(pattern)

    def restored(self):
        return termios.tcgetattr(self.peer) == self.mode

    def wait(self, seconds=30):
        """The exit code; what is still written is read meanwhile."""
        deadline = time.monotonic() + seconds
        pidfd = os.pidfd_open(self.process.pid)
        try:
            while time.monotonic() < deadline:
                ready, _, _ = select.select([self.controller, pidfd], [], [], deadline - time.monotonic())
                if self.controller in ready:
                    self.seen += os.read(self.controller, 65536)
                elif pidfd in ready:
                    return self.process.wait()
        finally:
            os.close(pidfd)
        raise AssertionError(f"it does not end; there is: {self.seen!r}")

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for end in (self.controller, self.peer):
            os.close(end)


def monitor_of(identifier):
    """The pid of a container's monitor: the one process that holds its specification open."""
    spec = f"{harness.ENVIRONMENT['CONDUCTOR_STATE']}/containers/{identifier}/spec"
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if any(os.readlink(fd) == spec for fd in (process / "fd").iterdir()):
                return int(process.name)
        except OSError:
            continue
    raise AssertionError(f"nobody holds {spec}")


def await_end(pid):
    try:
        pidfd = os.pidfd_open(pid)
    except OSError as error:
        if error.errno == errno.ESRCH:
            return
        raise
    select.select([pidfd], [], [], 30)
    os.close(pidfd)


class Rig(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = self.bash_image()

    def bash_image(self, name="e2e-bash"):
        """busybox, and bash with the libraries it needs."""
        folder = self.folder / "bash-image"
        (folder / "files").mkdir(parents=True)
        for file in ("/bin/bash", *re.findall(r"(/\S+) \(0x", subprocess.run(["ldd", "/bin/bash"], capture_output=True, text=True,
                                                                          check=True).stdout)):
            place = folder / "files" / file.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        shutil.copy("/bin/busybox", folder / "files/bin/busybox")
        (folder / "Conductorfile").write_text('FROM scratch\nCOPY files /\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
                                              'RUN ["/bin/busybox", "mkdir", "-p", "/tmp", "/root"]\nENV PATH=/bin PS1="$ "\nCMD ["sh"]\n')
        conductor("build", "-q", "-t", name, folder)
        self.addCleanup(conductor, "rmi", "-f", name, check=False)
        return name

    def terminal(self, *words, **options):
        terminal = Terminal(*words, **options)
        self.addCleanup(terminal.close)
        return terminal

    def detached(self, *words, name="box"):
        self.addCleanup(conductor, "rm", "-f", "-v", name, check=False)
        return conductor("run", "-d", "--name", name, *words).stdout.strip()

    def state(self, name="box"):
        return json.loads(conductor("inspect", name).stdout)[0]["State"]

    def log_has(self, text, name="box", seconds=20):
        """Waits until the container has written it."""
        with subprocess.Popen([harness.PROGRAM, "logs", "-f", name], env=harness.ENVIRONMENT, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as follower:
            seen, deadline = b"", time.monotonic() + seconds
            while text.encode() not in seen:
                ready, _, _ = select.select([follower.stdout], [], [], max(0, deadline - time.monotonic()))
                piece = os.read(follower.stdout.fileno(), 65536) if ready else b""
                if not piece:
                    follower.kill()
                    raise AssertionError(f"'{text}' does not come: {seen!r}")
                seen += piece
            follower.kill()


class AtATerminal(Rig):
    def bash(self, *flags, size=(24, 80)):
        shell = self.terminal("run", "--rm", "-it", "--name", "box", *flags, self.image, "bash", "--norc", "-i", size=size)
        self.addCleanup(conductor, "rm", "-f", "box", check=False)
        shell.expect(r"\$ ")
        return shell

    def test_job_control(self):
        shell = self.bash()
        shell.say("sleep 1000", r"sleep 1000\r\n")
        shell.type("\x1a")
        shell.expect(r"\[1\]\+ +Stopped +sleep 1000")
        shell.say("bg", r"\[1\]\+ sleep 1000 &")
        shell.say("jobs", r"\[1\]\+ +Running +sleep 1000 &")
        shell.say("fg", r"fg\r\n.*sleep 1000\r\n")
        shell.type("\x03")
        shell.say("echo code $?", r"code 130\r\n")
        shell.say("tty; ps -o pid,sid,comm | grep bash", r"/dev/pts/0\r\n +1 +1 bash")
        self.assertFalse(shell.restored(), "the terminal is in raw mode meanwhile")
        shell.type("exit 7\r")
        self.assertEqual(shell.wait(), 7)
        self.assertTrue(shell.restored())

    def test_full_screen_programs(self):
        shell = self.bash(size=(30, 90))
        shell.say("vi /tmp/text", r"\x1b\[\?1049h|~")
        shell.type("ione\rtwo")
        shell.expect(r"I /tmp/text \[Modified\]")
        shell.type("\x1b")  # by itself: what follows at once would be a key's sequence
        shell.expect(r"- /tmp/text \[Modified\]")
        shell.type(":wq\r")
        shell.expect(r"\$ ")
        shell.say("cat /tmp/text", r"one\r\ntwo\r\n")
        shell.say("top", r"Mem: .*PID +PPID +USER")
        shell.type("q")
        shell.expect(r"\$ ")
        shell.type("exit\r")
        self.assertEqual(shell.wait(), 0)

    def test_the_size_is_followed(self):
        shell = self.bash(size=(33, 101))
        shell.say("stty size", r"33 101\r\n")
        shell.say("trap 'stty size' WINCH; echo set", r"\nset\r\n")
        shell.resize(20, 60)
        shell.expect(r"20 60\r\n")
        guest = self.terminal("exec", "-it", "box", "bash", "--norc", "-i", size=(11, 44))
        guest.expect(r"\$ ")
        guest.say("stty size", r"11 44\r\n")
        guest.say("trap 'stty size' WINCH; echo set", r"\nset\r\n")
        guest.resize(50, 150)
        guest.expect(r"50 150\r\n")
        guest.type("exit 9\r")
        self.assertEqual(guest.wait(), 9)
        self.assertTrue(guest.restored())
        other = self.terminal("attach", "box", size=(40, 120))
        other.say("", r"\$ ")
        other.say("stty size", r"40 120\r\n")
        other.type("exit 3\r")
        self.assertEqual((other.wait(), shell.wait()), (3, 3))

    def test_leaving_and_coming_back(self):
        shell = self.bash()
        shell.say("word=kept", r"\$ ")
        shell.type("\x10\x11")
        self.assertEqual(shell.wait(), 0)
        self.assertEqual(shell.seen, b"")
        self.assertTrue(shell.restored())
        self.assertTrue(self.state()["Running"])
        for keys, typed in ((None, "\x10\x11"), ("ctrl-a,x", "\x01x"), ("q", "q")):
            again = self.terminal("attach", *(() if keys is None else (f"--detach-keys={keys}",)), "box")
            again.say("", r"\$ ")
            again.say("echo $word", r"\nkept\r\n")
            again.type(typed)
            self.assertEqual(again.wait(), 0, keys)
            self.assertTrue(again.restored())
        command = self.terminal("exec", "-it", "--detach-keys", "ctrl-x", "box", "sh", "-c", "echo begun; read x; sleep 1000")
        command.expect("begun\r\n")
        command.type("\x18")
        self.assertEqual(command.wait(), 0)
        self.assertIn("read x", conductor("exec", "box", "ps", "-o", "args").stdout)
        last = self.terminal("attach", "box")
        last.type("exit 4\r")
        self.assertEqual(last.wait(), 4)

    def test_the_first_keys_of_a_sequence_are_not_lost(self):
        shell = self.bash("--detach-keys", "a,b")
        shell.say("echo a\x7facb", r"\nacb\r\n")
        shell.type("ab")
        self.assertEqual(shell.wait(), 0)

    def test_start_again_at_a_terminal(self):
        conductor("create", "-it", "--name", "box", self.image, "bash", "--norc", "-i")
        self.addCleanup(conductor, "rm", "-f", "box", check=False)
        for code in (1, 0):
            shell = self.terminal("start", "-ai", "box")
            shell.say("", r"\$ ")
            shell.type(f"exit {code}\r")
            self.assertEqual(shell.wait(), code)
        self.assertFails(conductor("start", "-a", "box", "box", check=False), "only one container")

    def test_output_is_byte_for_byte(self):
        terminal = self.terminal("run", "--rm", "-it", self.image, "printf", r"\033[1;31mred\033[0m \342\202\254\377\n")
        self.assertEqual(terminal.wait(), 0)
        self.assertEqual(terminal.seen, b"\x1b[1;31mred\x1b[0m \xe2\x82\xac\xff\r\n")

    def test_a_caller_that_is_ended_leaves_the_container_running(self):
        shell = self.bash()
        shell.process.send_signal(signal.SIGTERM)
        self.assertEqual(shell.wait(), 128 + signal.SIGTERM)
        self.assertTrue(shell.restored())
        self.assertTrue(self.state()["Running"])
        again = self.terminal("attach", "box")
        again.say("echo here", r"\nhere\r\n")
        again.process.kill()
        again.wait()
        self.assertTrue(self.state()["Running"])

    def test_it_outlives_its_monitor(self):
        identifier = self.detached("-it", self.image, "bash", "--norc", "-i")
        shell = self.terminal("attach", "box")
        shell.say("word=kept; echo said", r"\nsaid\r\n")
        for _ in range(2):
            os.kill(monitor_of(identifier), signal.SIGKILL)
            # Whoever is attached is so with the next monitor as well.
            shell.say("echo $word", r"\nkept\r\n")
        shell.type("exit 6\r")
        self.assertIn(shell.wait(), (6, 125))  # 125: the kernel does not tell how it has ended


class Attached(Rig):
    counting = "trap 'exit 5' TERM; i=0; while :; do echo line $((i+=1)); sleep 0.05 & wait $!; done"

    def attach(self, *words, **options):
        client = subprocess.Popen([harness.PROGRAM, "attach", *words], env=harness.ENVIRONMENT, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, **options)
        self.addCleanup(lambda: (client.kill(), client.wait(), client.stdout.close()))
        return client

    def test_several_at_once_and_one_is_killed(self):
        self.detached(self.image, "sh", "-c", self.counting)
        clients = [self.attach("box") for _ in range(3)]
        for client in clients:
            self.assertRegex(client.stdout.readline(), rb"^line \d+\n$")
        clients[0].kill()
        numbers = [[int(client.stdout.readline().split()[1]) for _ in range(20)] for client in clients[1:]]
        for seen in numbers:
            self.assertEqual(seen, list(range(seen[0], seen[0] + 20)))
        conductor("stop", "box")
        self.assertEqual([client.wait(30) for client in clients[1:]], [5, 5])

    def test_a_client_that_does_not_read_loses_nothing_for_the_others(self):
        # It ticks until somebody types, so that both are known to be attached.
        self.detached("-i", self.image, "sh", "-c", "while :; do echo tick; sleep 0.05; done & read x; kill $!; wait; seq 1 200000; "
                      "exec sleep 1000")
        slow, other = self.attach("box"), self.attach("box")
        for client in (slow, other):
            self.assertEqual(client.stdout.readline(), b"tick\n")
        feeder = subprocess.Popen([harness.PROGRAM, "attach", "box"], env=harness.ENVIRONMENT, stdin=subprocess.PIPE,
                                  stdout=subprocess.DEVNULL)
        self.addCleanup(lambda: (feeder.kill(), feeder.wait()))
        feeder.stdin.write(b"go\n")
        feeder.stdin.close()
        while (line := other.stdout.readline()) != b"1\n":
            self.assertEqual(line, b"tick\n")
        slow.kill()  # its pipe is full by now, or will be
        slow.wait()
        for number in range(2, 200001):
            self.assertEqual(other.stdout.readline(), b"%d\n" % number)

    def test_input_is_shared_and_stays_open(self):
        self.detached("-i", self.image, "sh", "-c", "while read line; do echo got $line; done")
        for word in ("one", "two"):
            client = subprocess.Popen([harness.PROGRAM, "attach", "box"], env=harness.ENVIRONMENT, stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
            client.stdin.write(word.encode() + b"\n")
            client.stdin.close()
            self.assertEqual(client.stdout.readline(), b"got " + word.encode() + b"\n")
            client.kill()
            client.wait()
            client.stdout.close()
        self.assertTrue(self.state()["Running"])

    def test_signals(self):
        self.detached(self.image, "sh", "-c", "trap 'echo usr1' USR1; " + self.counting)
        client = self.attach("box")
        client.stdout.readline()
        client.send_signal(signal.SIGUSR1)
        while (line := client.stdout.readline()) != b"usr1\n":
            self.assertRegex(line, rb"^line")
        client.send_signal(signal.SIGTERM)
        self.assertEqual(client.wait(30), 5)
        self.assertEqual(self.state()["ExitCode"], 5)
        conductor("start", "box")
        alone = self.attach("--sig-proxy=false", "box", stderr=subprocess.PIPE)
        alone.stdout.readline()
        alone.send_signal(signal.SIGINT)
        self.assertEqual(alone.wait(30), 130)
        alone.stderr.close()
        self.assertTrue(self.state()["Running"])

    def test_what_cannot_be_attached_to(self):
        self.assertFails(conductor("attach", "nobody", check=False), "no such container")
        self.detached(self.image, "true")
        conductor("wait", "box")
        self.assertFails(conductor("attach", "box", check=False), "not running")
        self.assertFails(conductor("attach", "--detach-keys=nonsense", "box", check=False), "nonsense", "ctrl-p,ctrl-q")

    def test_streams_of_run(self):
        both = "echo out; echo err >&2"
        for flags, out, err in (((), "out\n", "err\n"), (("-a", "stdout"), "out\n", ""), (("-a", "stderr"), "", "err\n"),
                                (("-a", "stdout", "-a", "stderr"), "out\n", "err\n")):
            done = conductor("run", "--rm", *flags, self.image, "sh", "-c", both)
            self.assertEqual((done.stdout, done.stderr), (out, err), flags)
        self.assertFails(conductor("run", "--rm", "-a", "stdx", self.image, "true", check=False), "stdx")
        self.assertFails(conductor("run", "-d", "-a", "stdout", self.image, "true", check=False), "exclude each other")


class Exec(Rig):
    def test_every_exit_code(self):
        self.detached(self.image, "sleep", "1000")
        for code in range(256):
            self.assertEqual(conductor("exec", "box", "sh", "-c", f"exit {code}", check=False).returncode, code)
        for number in (1, 2, 6, 9, 11, 13, 15):
            self.assertEqual(conductor("exec", "box", "sh", "-c", f"kill -{number} $$; sleep 5", check=False).returncode,
                             128 + number)
        for code, words in ((127, ["absent"]), (126, ["/root"]), (126, ["/lib"])):
            self.assertEqual(conductor("exec", "box", *words, check=False).returncode, code, words)
        self.assertEqual(conductor("exec", "--no-such-option", "box", "true", check=False).returncode, 125)
        self.assertEqual(conductor("exec", "absent", "true", check=False).returncode, 125)

    def test_exit_codes_of_run(self):
        for code in (0, 1, 2, 42, 125, 126, 127, 128, 129, 137, 254, 255):
            self.assertEqual(conductor("run", "--rm", self.image, "sh", "-c", f"exit {code}", check=False).returncode, code)
        for words, code in ((("absent",), 127), (("/root",), 126), (("/bin/no/such",), 127)):
            self.assertEqual(conductor("run", "--rm", self.image, *words, check=False).returncode, code, words)
        done = conductor("run", "--rm", "--init", self.image, "sh", "-c", "kill -TERM $$; sleep 5", check=False)
        self.assertEqual(done.returncode, 143)

    def test_ctrl_c_is_130(self):
        terminal = self.terminal("run", "--rm", "--init", self.image, "sh", "-c", "echo ready; exec sleep 1000")
        terminal.expect("ready")
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 130)

    def test_pipes_are_binary_safe_and_closed_by_half(self):
        self.detached(self.image, "sleep", "1000")
        data = os.urandom(1 << 20)
        done = subprocess.run([harness.PROGRAM, "exec", "-i", "box", "cat"], input=data, env=harness.ENVIRONMENT,
                              capture_output=True, timeout=60, check=True)
        self.assertEqual(done.stdout, data)
        done = subprocess.run([harness.PROGRAM, "run", "--rm", "-i", self.image, "sh", "-c", "wc -c; echo after"], input=data,
                              env=harness.ENVIRONMENT, capture_output=True, timeout=60, check=True)
        self.assertEqual(done.stdout, b"1048576\nafter\n")
        self.assertEqual(conductor("exec", "box", "cat", stdin="not passed on").stdout, "")

    def test_words(self):
        self.detached("-e", "A=1", self.image, "sleep", "1000")
        self.write("variables", "B=2\n# none\nC=3\n")
        done = conductor("exec", "--env-file", self.folder / "variables", "-e", "C=4", "-w", "/tmp", "-u", "7:8", "box", "sh", "-c",
                         "echo $A $B $C $(pwd) $(id -u):$(id -g)")
        self.assertEqual(done.stdout, "1 2 4 /tmp 7:8\n")
        status = lambda *flags: dict(re.findall(r"(\w+):\t(\S+)", conductor("exec", *flags, "box", "cat", "/proc/self/status").stdout))
        own, free = status(), status("--privileged")
        self.assertEqual((own["Seccomp"], free["Seccomp"]), ("2", "0"))
        self.assertGreater(int(free["CapEff"], 16), int(own["CapEff"], 16))
        conductor("exec", "-d", "box", "sh", "-c", "echo begun > /tmp/begun; sleep 1000")
        conductor("exec", "box", "sh", "-c", "while [ ! -s /tmp/begun ]; do sleep 0.01; done")


class Paused(Rig):
    ticking = "i=0; while :; do i=$((i+1)); echo $i > /tmp/ticks; done"

    def test_pause_and_unpause(self):
        self.detached(self.image, "sh", "-c", self.ticking)
        conductor("exec", "box", "sh", "-c", "while [ ! -s /tmp/ticks ]; do sleep 0.01; done")
        pid = self.state()["Pid"]
        conductor("pause", "box")
        ticks = lambda: pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
        before = ticks()
        self.assertRegex(harness.rows("ps")[0]["Status"], r"\(Paused\)")
        state = self.state()
        self.assertEqual((state["Status"], state["Paused"], state["Running"]), ("paused", True, True))
        self.assertFails(conductor("exec", "box", "true", check=False), "paused", "conductor unpause box")
        self.assertFails(conductor("attach", "box", check=False), "paused")
        self.assertFails(conductor("pause", "box", check=False), "paused already")
        self.assertEqual(ticks(), before)
        conductor("unpause", "box")
        self.assertFails(conductor("unpause", "box", check=False), "not paused")
        conductor("exec", "box", "sh", "-c", "was=$(cat /tmp/ticks); while [ \"$(cat /tmp/ticks)\" = \"$was\" ]; do :; done")
        self.assertEqual(self.state()["Status"], "running")

    def test_a_paused_container_ends(self):
        for word, code in ((("stop",), 5), (("kill",), 137), (("kill", "-s", "TERM"), 5)):
            self.detached(self.image, "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.05; done")
            self.log_has("ready")
            conductor("pause", "box")
            conductor(*word, "box")
            self.assertEqual(conductor("wait", "box").stdout, f"{code}\n", word)
            self.assertEqual(self.state()["Status"], "exited")
            conductor("rm", "box")
        self.detached(self.image, "sleep", "1000")
        conductor("pause", "box")
        conductor("rm", "-f", "box")
        self.assertFails(conductor("pause", "box", check=False), "no such container")

    def test_it_stays_paused_without_its_monitor(self):
        identifier = self.detached(self.image, "sleep", "1000")
        conductor("pause", "box")
        os.kill(monitor_of(identifier), signal.SIGKILL)
        self.assertEqual(self.state()["Status"], "paused")
        conductor("unpause", "box")
        self.assertEqual(conductor("exec", "box", "echo", "on").stdout, "on\n")


class Life(Rig):
    def test_cidfile(self):
        path = self.folder / "cid"
        identifier = self.detached("--cidfile", path, self.image, "sleep", "1000")
        self.assertEqual(path.read_text(), identifier)
        self.assertFails(conductor("run", "--cidfile", path, self.image, "true", check=False), str(path), "already")
        self.assertEqual(path.read_text(), identifier)
        path.unlink()
        self.assertEqual(conductor("create", "--cidfile", path, "no-such-image", check=False).returncode, 125)
        self.assertFalse(path.exists())

    def test_stop_signals(self):
        script = "for s in TERM USR1 USR2; do trap \"echo $s; exit 3\" $s; done; echo ready; while :; do sleep 0.05; done"
        self.detached(self.image, "sh", "-c", script)
        for words, expected in ((("stop", "-s", "USR1"), "USR1"), (("restart", "-s", "USR2", "-t", "5"), "USR2"), (("stop",), "TERM")):
            conductor("start", "box")
            self.log_has("ready")
            conductor(*words, "box")
            self.assertIn(expected + "\n", conductor("logs", "box").stdout)
            if words[0] == "restart":
                self.assertTrue(self.state()["Running"])
        self.assertFails(conductor("stop", "-s", "NONE", "box", check=False), "unknown signal")
        self.assertFails(conductor("kill", "box", check=False), "not running")

    def test_a_stopped_container_stays_stopped(self):
        for policy in ("always", "unless-stopped", "on-failure"):
            self.detached("--restart", policy, self.image, "sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.05; done")
            conductor("stop", "box")
            conductor("system", "recover")
            state = self.state()
            self.assertEqual(state["Status"], "exited", policy)
            self.assertEqual(json.loads(conductor("inspect", "box").stdout)[0]["RestartCount"], 0)
            conductor("rm", "box")

    def test_failures_are_counted(self):
        self.detached("--restart", "on-failure:2", self.image, "sh", "-c", "echo run; exit 8")
        self.assertEqual(conductor("wait", "box").stdout, "8\n")
        self.assertEqual(conductor("logs", "box").stdout, "run\n" * 3)

    def test_wait_conditions(self):
        self.detached(self.image, "sh", "-c", "exit 4")
        self.assertEqual(conductor("wait", "--condition", "not-running", "box").stdout, "4\n")
        waiting = [subprocess.Popen([harness.PROGRAM, "wait", "--condition", condition, "box"], env=harness.ENVIRONMENT,
                                    stdout=subprocess.PIPE) for condition in ("next-exit", "removed")]
        for process in waiting:  # each watches the container's directory
            self.await_inotify(process.pid)
        conductor("start", "box")
        self.assertEqual(waiting[0].communicate(timeout=30)[0], b"4\n")
        conductor("wait", "box")
        conductor("rm", "box")
        self.assertEqual(waiting[1].communicate(timeout=30)[0], b"4\n")
        self.assertFails(conductor("wait", "--condition", "later", "box", check=False), "next-exit")

    def await_inotify(self, pid):
        def watches(info):
            try:
                return "inotify wd" in info.read_text()
            except FileNotFoundError:  # closed meanwhile
                return False
        deadline = time.monotonic() + 30
        while not any(watches(info) for info in pathlib.Path(f"/proc/{pid}/fdinfo").iterdir()):
            self.assertLess(time.monotonic(), deadline, "it watches nothing")

    def test_prune(self):
        self.detached("-l", "kind=old", self.image, "true", name="ended")
        conductor("wait", "ended")
        self.detached("-l", "kind=new", self.image, "true", name="kept")
        conductor("wait", "kept")
        self.detached(self.image, "sleep", "1000")
        self.assertEqual(conductor("container", "prune", "-f", "--filter", "until=1h").stdout, "")
        self.assertEqual(len(conductor("container", "prune", "-f", "--filter", "label=kind=old").stdout.splitlines()), 2)
        self.assertEqual({row["Names"] for row in harness.rows("ps", "-a")}, {"kept", "box"})
        self.assertFails(conductor("container", "prune", stdin="n\n", check=False), "not confirmed")
        conductor("container", "prune", "-f")
        self.assertEqual({row["Names"] for row in harness.rows("ps", "-a")}, {"box"})

    def test_init_reaps(self):
        self.detached("--init", self.image, "sh", "-c", "(sleep 0.01 &); (sleep 0.01 &); exec sleep 1000")
        conductor("exec", "box", "sh", "-c", "while ps -o args | grep -v grep | grep -q 'sleep 0.01'; do :; done")
        self.assertNotIn(" Z ", conductor("exec", "box", "ps", "-o", "pid,stat,args").stdout)
        self.assertEqual(conductor("exec", "box", "readlink", "/proc/1/exe", check=False).stdout, "")

    def test_an_exit_code_is_kept_without_the_monitor(self):
        identifier = self.detached(self.image, "sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.05; done")
        self.log_has("ready")
        os.kill(monitor_of(identifier), signal.SIGKILL)
        conductor("stop", "box")
        self.assertEqual(self.state()["ExitCode"], 3)


if __name__ == "__main__":
    harness.main()
