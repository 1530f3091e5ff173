#!/usr/bin/env python3
"""Logs: every line is there, in order, whatever is rotated, compressed, slow, full or gone; and what happens is told.
LOG_SECONDS (3) is how long a container writes at full speed, LOG_EXITS (60) how many print a line and exit at once."""
import concurrent.futures
import ctypes
import json
import os
import pathlib
import re
import socket
import subprocess
import threading
import time

import harness
from harness import conductor, until

SECONDS = float(os.environ.get("LOG_SECONDS", "3"))
EXITS = int(os.environ.get("LOG_EXITS", "60"))
WIDTH = 100  # bytes of a line
LINES = 400_000  # of the file that is written again and again
NUMBERED = "while :; do cat /data/lines; done"


def raw_logs(*words):
    return subprocess.run([harness.PROGRAM, "logs", *words], env=harness.ENVIRONMENT, capture_output=True, check=True).stdout


class Logs(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = self.busybox_image()
        self.addCleanup(conductor, "rm", "-f", "-v", "logged", check=False)

    def run_detached(self, *words, options=(), name="logged"):
        return conductor("run", "-d", "--name", name, *options, self.image, *words).stdout.strip()

    def run_to_its_end(self, script, options=()):
        identity = self.run_detached("sh", "-c", script, options=options)
        conductor("wait", "logged")
        return identity

    def files(self, identity):
        return sorted(path.name for path in (harness.ROOT / "containers" / identity).glob("log.*"))

    def numbered_lines(self):
        with open(self.folder / "lines", "w", encoding="ascii") as file:
            for number in range(LINES):
                file.write(f"{number:09d} ".ljust(WIDTH - 1, "x") + "\n")

    def check_numbers(self, stream):
        """Reads a stream to its end; how many lines it has, which follow each other without a gap."""
        expected = (self.folder / "lines").read_bytes()
        read = 0
        while piece := stream.read(1 << 20):
            at = read % len(expected)
            read += len(piece)
            while piece:
                part = piece[:len(expected) - at]
                self.assertTrue(expected.startswith(part, at), f"a line is missing or merged near byte {read}")
                piece, at = piece[len(part):], 0
        return read // WIDTH

    def test_lines_at_full_speed_across_many_rotations(self):
        self.numbered_lines()
        identity = self.run_detached("sh", "-c", NUMBERED,
                                     options=["-v", f"{self.folder}:/data:ro", "--log-opt", f"max-size={max(1, int(SECONDS * 2))}m",
                                              "--log-opt", "max-file=10000"])
        time.sleep(SECONDS)
        follower = subprocess.Popen([harness.PROGRAM, "logs", "-f", "logged"], env=harness.ENVIRONMENT, stdout=subprocess.PIPE)
        with concurrent.futures.ThreadPoolExecutor() as pool:
            followed = pool.submit(self.check_numbers, follower.stdout)
            conductor("stop", "-t", "0", "logged")
            self.assertEqual(follower.wait(), 0)
            lines = followed.result()
        follower.stdout.close()
        rotations = len(self.files(identity)) - 1
        print(f"{lines * WIDTH / SECONDS / 1e6:.0f} MB/s, {rotations} rotations", end=" ", flush=True)
        self.assertGreater(rotations, 10)
        reader = subprocess.Popen([harness.PROGRAM, "logs", "logged"], env=harness.ENVIRONMENT, stdout=subprocess.PIPE)
        self.assertEqual(self.check_numbers(reader.stdout), lines)
        reader.stdout.close()
        reader.wait()

    def test_the_last_line_of_those_that_end_at_once(self):
        def one(number):
            name = f"brief-{number}"
            conductor("run", "-d", "--network", "none", "--name", name, self.image, "echo", f"line {number}")
            conductor("wait", name)
            text = conductor("logs", name).stdout
            conductor("rm", name)
            return text
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            self.assertEqual(list(pool.map(one, range(EXITS))), [f"line {number}\n" for number in range(EXITS)])

    def test_files_are_rotated_and_compressed(self):
        identity = self.run_to_its_end("i=0; while [ $i -lt 20 ]; do seq $((i*1000)) $((i*1000+999)); i=$((i+1)); sleep 0.05; done",
                                       options=["--log-opt", "max-size=10k", "--log-opt", "max-file=30", "--log-opt", "compress=true"])
        whole = [str(number) for number in range(20_000)]
        self.assertEqual(conductor("logs", "logged").stdout.split(), whole)
        compressed = [name for name in self.files(identity) if name.endswith(".gz")]
        self.assertGreater(len(compressed), 2)
        for name in compressed:
            self.assertFalse((harness.ROOT / "containers" / identity / name.removesuffix(".gz")).exists())
        self.assertEqual(conductor("logs", "-n", "5000", "logged").stdout.split(), whole[-5000:])

    def test_the_oldest_file_goes(self):
        identity = self.run_to_its_end("i=0; while [ $i -lt 30 ]; do seq 1000 1999; i=$((i+1)); sleep 0.02; done",
                                       options=["--log-opt", "max-size=10k", "--log-opt", "max-file=2"])
        self.assertEqual(len(self.files(identity)), 2)
        self.assertTrue(conductor("logs", "logged").stdout.endswith("1998\n1999\n"))

    def test_what_is_asked_for_is_shown(self):
        self.run_to_its_end("echo one; echo two >&2; sleep 0.2; printf 'th\\0ree\\nfour'")
        done = subprocess.run([harness.PROGRAM, "logs", "logged"], env=harness.ENVIRONMENT, capture_output=True, check=True)
        self.assertEqual((done.stdout, done.stderr), (b"one\nth\0ree\nfour", b"two\n"))
        self.assertEqual(raw_logs("-n", "2", "logged"), b"th\0ree\nfour")
        self.assertEqual(raw_logs("--tail", "0", "logged"), b"")
        stamped = raw_logs("-t", "logged").splitlines()
        for line in stamped:
            self.assertRegex(line, rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z ")
        later = stamped[1].split()[0].decode()
        self.assertEqual(raw_logs("--since", later, "logged"), b"th\0ree\nfour")
        self.assertEqual(raw_logs("--since", later.replace("Z", "+00:00"), "logged"), b"th\0ree\nfour")
        self.assertEqual(raw_logs("--until", stamped[0].split()[0].decode(), "logged"), b"one\n")
        self.assertEqual(raw_logs("--since", "1h", "-n", "1", "logged"), b"four")
        self.assertEqual(raw_logs("--since", str(time.time() + 60), "logged"), b"")

    def test_a_container_without_log(self):
        self.run_to_its_end("echo said", options=["--log-driver", "none"])
        self.assertFails(conductor("logs", "logged", check=False), "keeps no log", "--log-driver none")

    def test_words_that_are_refused(self):
        for words, expected in ((["--log-driver", "syslog"], "not supported"), (["--log-driver", "jurnald"], "did you mean"),
                                (["--log-opt", "max-size=big"], "max-size"), (["--log-opt", "max-file=0"], "max-file"),
                                (["--log-opt", "labels=a"], "'labels' is not supported"), (["--log-opt", "mode=fast"], "blocking"),
                                (["--log-driver", "none", "--log-opt", "max-size=1m"], "takes no options"),
                                (["--log-opt", "max-buffer-size=1m"], "non-blocking"), (["--log-opt", "word"], "KEY=VALUE")):
            self.assertFails(conductor("run", *words, "--name", "logged", self.image, "true", check=False), expected)
        self.assertEqual([row["Names"] for row in harness.rows("ps", "-a")], [])

    def test_a_full_disk_does_not_stop_the_container(self):
        first, second = self.questions()
        self.run_detached("sh", "-c", "read line < /go/first; seq 1 200000; echo all >&2; read line < /go/second; echo later",
                          options=["-v", f"{self.folder}:/go"])
        identity = json.loads(conductor("inspect", "logged").stdout)[0]["Id"]
        place = harness.ROOT / "containers" / identity
        # The monitor goes on with the file it finds when it is made anew: one on a disk that is soon full.
        disk = self.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", disk], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", disk], check=False)
        (disk / "log").touch()
        subprocess.run(["mount", "--bind", disk / "log", place / "log.1"], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", place / "log.1"], check=False)
        subprocess.run(["kill", "-KILL", self.monitor()], check=True)
        conductor("ps")
        self.answer(first)
        with open(second, "w", encoding="ascii") as file:  # it has come to its second question: it was not blocked
            subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
            file.write("go\n")
        conductor("wait", "logged")
        done = conductor("logs", "logged")
        self.assertTrue(done.stdout.endswith("later\n"))
        self.assertTrue(done.stdout.startswith("1\n2\n3\n"))
        [lost] = re.findall(r"\[conductor: (\d+) bytes of output were not logged: no space\]\n", done.stderr)
        written = sum(len(str(number)) + 1 for number in range(1, 200_001)) + len("later\n") + len("all\n")
        kept = len(done.stdout) + (len("all\n") if "all\n" in done.stderr else 0)
        self.assertEqual(kept + int(lost), written)
        subprocess.run(["umount", "-l", place / "log.1"], check=True)
        conductor("rm", "-f", "logged")

    def monitor(self, comm="conductor-mon"):
        state = harness.ENVIRONMENT["CONDUCTOR_STATE"]
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (process / "comm").read_text().strip() == comm and any(
                        os.readlink(fd).startswith(state) for fd in (process / "fd").iterdir()):
                    found.append(process.name)
            except OSError:
                continue  # it has ended meanwhile
        [number] = found
        return number

    def test_one_that_must_not_wait_for_its_log(self):
        first, second = self.questions()
        self.run_detached("sh", "-c", "read line < /go/first; seq 1 300000; echo all >&2; read line < /go/second; echo later",
                          options=["-v", f"{self.folder}:/go", "--log-opt", "mode=non-blocking", "--log-opt", "max-buffer-size=200k"])
        self.assertTrue(until(lambda: self.can_find("conductor-log")))
        writer = self.monitor("conductor-log")
        os.kill(int(writer), 19)  # SIGSTOP: a disk that does not answer
        self.answer(first)
        self.answer(second)  # it has come to its second question: it did not wait for the log
        os.kill(int(writer), 18)
        conductor("wait", "logged")
        done = conductor("logs", "logged")
        dropped = sum(int(size) for size in re.findall(r"(\d+) bytes of output were not logged: its buffer was full", done.stderr))
        written = sum(len(str(number)) + 1 for number in range(1, 300_001)) + len("later\n") + len("all\n")
        told = re.sub(r"\[conductor: .*\]\n", "", done.stderr)
        self.assertEqual(len(done.stdout) + len(told) + dropped, written)
        self.assertGreater(dropped, 0)
        self.assertEqual(json.loads(conductor("inspect", "logged").stdout)[0]["LogDropped"], dropped)

    def can_find(self, comm):
        try:
            return bool(self.monitor(comm))
        except ValueError:
            return False

    def questions(self):
        """Two pipes that a container reads a line from, and waits until there is one."""
        pipes = [self.folder / "first", self.folder / "second"]
        for pipe in pipes:
            os.mkfifo(pipe)
        return pipes

    @staticmethod
    def answer(pipe):
        with open(pipe, "w", encoding="ascii") as file:
            file.write("go\n")


class Journal(harness.Case):
    """With a journal of the test's own in a mount namespace of its own."""

    def test_lines_go_to_the_journal(self):
        image = self.busybox_image()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                self.in_own_namespace(image)
                code = 0
            finally:
                os._exit(code)
        self.assertEqual(os.waitpid(child, 0)[1], 0)

    def test_a_machine_without_journal(self):
        if os.path.exists("/run/systemd/journal/socket"):
            self.skipTest("this machine has a journal")
        image = self.busybox_image()
        self.assertFails(conductor("run", "--log-driver", "journald", "--name", "logged", image, "true", check=False),
                         "log driver journald", "/run/systemd/journal/socket")
        self.assertEqual(harness.rows("ps", "-a"), [])

    def in_own_namespace(self, image):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x20000) != 0:  # CLONE_NEWNS
            raise OSError(ctypes.get_errno(), "unshare")
        subprocess.run(["mount", "--make-rprivate", "/"], check=True)
        os.makedirs("/run/systemd", exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "none", "/run/systemd"], check=True)
        os.makedirs("/run/systemd/journal")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
            journal.bind("/run/systemd/journal/socket")
            journal.settimeout(20)
            entries = []
            reader = threading.Thread(target=lambda: entries.extend(self.entry(journal.recv(1 << 20)) for _ in range(4)))
            reader.start()
            conductor("run", "--network", "none", "--name", "logged", "--log-driver", "journald", "--log-opt", "tag=t-{{.Name}}", image,
                      "sh", "-c", "echo one; sleep 0.1; echo two >&2; sleep 0.1; head -c 50000 /dev/zero | tr '\\0' x; echo")
            reader.join()
            self.assertEqual([(entry["MESSAGE"], entry["PRIORITY"]) for entry in entries[:2]], [("one", "6"), ("two", "3")])
            self.assertEqual("".join(entry["MESSAGE"] for entry in entries[2:]), "x" * 50000)
            self.assertEqual([entry.get("CONTAINER_PARTIAL_MESSAGE") for entry in entries[2:]], ["true", None])
            identity = json.loads(conductor("inspect", "logged").stdout)[0]["Id"]
            self.assertEqual({entry["CONTAINER_ID_FULL"] for entry in entries}, {identity})
            self.assertEqual({entry["CONTAINER_NAME"] for entry in entries}, {"logged"})
            self.assertEqual({entry["SYSLOG_IDENTIFIER"] for entry in entries}, {"t-logged"})
            self.assertFails(conductor("logs", "logged", check=False), f"journalctl CONTAINER_ID_FULL={identity}")
            conductor("rm", "logged")

    @staticmethod
    def entry(datagram):
        return dict(line.split("=", 1) for line in datagram.decode().splitlines())


class Events(harness.Case):
    def test_what_happens_is_told(self):
        image = self.busybox_image()
        began = str(time.time())
        follower = subprocess.Popen([harness.PROGRAM, "events", "--since", began, "--format", "json", "--filter", "container=told"],
                                    env=harness.ENVIRONMENT, stdout=subprocess.PIPE, text=True)
        self.addCleanup(follower.kill)
        conductor("run", "--network", "none", "--name", "told", "-l", "colour=red", image, "sh", "-c", "exit 3", check=False)
        conductor("start", "told")
        conductor("wait", "told")
        conductor("run", "-d", "--network", "none", "--name", "other", image, "sleep", "100")
        conductor("stop", "-t", "0", "other")
        conductor("rm", "other")
        conductor("rm", "told")
        expected = ["create", "start", "die", "start", "die", "destroy"]
        found = [json.loads(follower.stdout.readline()) for _ in expected]
        follower.kill()
        follower.wait()
        follower.stdout.close()
        self.assertEqual([event["Action"] for event in found], expected)
        self.assertEqual({event["Actor"]["Attributes"]["name"] for event in found}, {"told"})
        self.assertEqual(found[2]["Actor"]["Attributes"]["exitCode"], "3")
        past = ["events", "--since", began, "--until", str(time.time())]
        actions = lambda *words: conductor(*past, *words, "--format", "{{.Action}}").stdout.split()
        self.assertEqual(actions("--filter", "container=other"), ["create", "start", "die", "stop", "destroy"])
        self.assertEqual(actions("--filter", "label=colour=red", "--filter", "event=die"), ["die", "die"])
        conductor("volume", "create", "told")
        conductor("tag", image, "told:1")
        conductor("rmi", "told:1")
        conductor("volume", "rm", "told")
        past = ["events", "--since", began, "--until", str(time.time())]
        self.assertEqual(actions("--filter", "volume=told"), ["create", "destroy"])
        self.assertEqual(actions("--filter", "type=image"), ["tag", "untag"])
        self.assertRegex(conductor(*past, "--filter", "event=start", "--filter", "container=told").stdout.splitlines()[0],
                         r"^\S+Z container start [0-9a-f]{64} \(colour=red, image=\S+, name=told\)$")
        self.assertFails(conductor("events", "--filter", "colour=red", check=False), "filter")


if __name__ == "__main__":
    harness.main()
