"""What the end-to-end tests share: the program under test with a private root, the census, and a neighbour host."""
import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

BUILD = pathlib.Path(os.environ["CONDUCTOR_BUILD"])
SOURCE = pathlib.Path(__file__).resolve().parents[2]
# Kept between runs of one build folder, so that the base is bootstrapped once.
ROOT = pathlib.Path(os.environ.get("CONDUCTOR_E2E_ROOT", BUILD / "e2e-root"))
PROGRAM = str(BUILD / "src" / "conductor")
ENVIRONMENT = {**os.environ, "CONDUCTOR_ROOT": str(ROOT),
               "CONDUCTOR_STATE": os.environ.get("CONDUCTOR_E2E_STATE", "/run/conductor-e2e")}


def conductor(*words, cwd=None, check=True, stdin=None, env=None, timeout=900):
    """Runs conductor; its result with text of both streams. With check: a failure is a failed test with both shown."""
    done = subprocess.run([PROGRAM, *map(str, words)], cwd=cwd, env={**ENVIRONMENT, **(env or {})}, text=True, input=stdin,
                          stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True, timeout=timeout, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"conductor {' '.join(map(str, words))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


def census():
    """What there is once the commands that clean up after ended containers, which nobody waits for, are through."""
    deadline = time.monotonic() + 10
    while True:
        lines = conductor("system", "census").stdout.splitlines()
        cleaning = [int(line.split()[1]) for line in lines if re.fullmatch(r"process \d+ conductor", line)]
        if not cleaning or time.monotonic() > deadline:
            return lines
        for pid in cleaning:
            try:
                descriptor = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            select.select([descriptor], [], [], 10)
            os.close(descriptor)


def until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def rows(*words, **options):
    """A list command's JSON, whether printed as one list or as a document a line."""
    text = conductor(*words, "--format", "json", **options).stdout.strip()
    if not text:
        return []
    if text.startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines()]


def fetch(address, port, path="/", timeout=10, prefix=()):
    """The status and body of one HTTP request made with curl, or (0, why) when there was no answer."""
    done = subprocess.run([*prefix, "curl", "-s", "-S", "--max-time", str(timeout), "-o", "-", "-w", "\n%{http_code}",
                           f"http://{address}:{port}{path}"], capture_output=True, text=True, check=False)
    body, _, code = done.stdout.rpartition("\n")
    return (int(code or 0), body) if done.returncode == 0 else (0, done.stderr.strip())


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def host_address():
    """An address of this host that is not loopback."""
    route = subprocess.run(["ip", "-4", "-o", "route", "get", "192.0.2.254"], capture_output=True, text=True, check=True)
    return re.search(r"src (\S+)", route.stdout).group(1)


class Neighbour:
    """Another host: a network namespace behind a veth of its own, 198.51.100.9, with a route to the containers through us."""
    address, gateway = "198.51.100.9", "198.51.100.1"

    def __init__(self):
        self.name = f"cdt-{os.getpid()}"
        self.link = f"cdtn{os.getpid() % 100000}"

    def __enter__(self):
        run = lambda *words: subprocess.run(words, check=True)
        run("ip", "netns", "add", self.name)
        run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        run("ip", "addr", "add", f"{self.gateway}/24", "dev", self.link)
        run("ip", "link", "set", self.link, "up")
        for key in ("forwarding", "src_valid_mark"):
            pathlib.Path(f"/proc/sys/net/ipv4/conf/{self.link}/{key}").write_text("1")
        run("ip", "-n", self.name, "addr", "add", f"{self.address}/24", "dev", "eth0")
        run("ip", "-n", self.name, "link", "set", "eth0", "up")
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        run("ip", "-n", self.name, "route", "add", "10.0.0.0/8", "via", self.gateway)
        return self

    def __exit__(self, *_):
        subprocess.run(["ip", "link", "del", self.link], check=False)
        subprocess.run(["ip", "netns", "del", self.name], check=False)

    def fetch(self, address, port, path="/", timeout=3):
        return fetch(address, port, path, timeout, prefix=("ip", "netns", "exec", self.name))


class Case(unittest.TestCase):
    """A test that leaves the census as it found it."""
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="conductor-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        before = census()
        self.addCleanup(lambda: self.assertEqual(census(), before, "the census differs from what it was before the test"))

    def write(self, name, text, mode=0o644):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def busybox_image(self, name="e2e-busybox"):
        """A 2 MB image with a shell, FROM scratch."""
        folder = self.folder / "busybox-image"
        folder.mkdir(exist_ok=True)
        shutil.copy("/bin/busybox", folder / "busybox")
        (folder / "Conductorfile").write_text(
            'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
            'ENV PATH=/bin\nCMD ["sh"]\n')
        conductor("build", "-q", "-t", name, folder)
        self.addCleanup(conductor, "rmi", "-f", name, check=False)
        return name

    def assertFails(self, done, *texts):
        """Exit code not 0, and one message that contains each text."""
        self.assertNotEqual(done.returncode, 0, done.stdout)
        for text in texts:
            self.assertIn(text, done.stderr)


def main():
    if os.geteuid() != 0:
        print("SKIP: the end-to-end tests need root")
        raise SystemExit(77)
    ROOT.mkdir(parents=True, exist_ok=True)
    ROOT.chmod(0o700)
    unittest.main(verbosity=2)
