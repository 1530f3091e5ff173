"""Commands that change something, each with the state it starts from and what a user does after it has failed."""
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402
from harness import conductor  # noqa: E402

INJECTOR = harness.BUILD / "tests" / "libfault_injector.so"
IMAGE = "fault-busybox"
# How many calls of each command are made to fail: some, evenly spread, or every one with FAULT_POINTS=all.
POINTS = os.environ.get("FAULT_POINTS", "")
COMPOSE = f"""services:
  back:
    image: {IMAGE}
    command: [sleep, '1000']
    stop_grace_period: 0s
    volumes: ['kept:/data']
  front:
    image: {IMAGE}
    command: [sleep, '1000']
    stop_grace_period: 0s
    ports: ['{{port}}:80']
    peers: ['back:8080/tcp']
    depends_on: [back]
volumes:
  kept:
"""


class Scenario:
    """Class members: `command`, the words; `prepare` before it, `converge` after it has failed or been killed."""
    points = 12  # of them in a short run

    def __init__(self, folder, port):
        self.folder, self.port = folder, port
        (folder / "conductor.yaml").write_text(COMPOSE.format(port=port))
        (folder / "input").write_text("input\n")
        (folder / "Conductorfile").write_text(f"FROM {IMAGE}\nCOPY input /input\nRUN cat /input > /output\n")

    def conductor(self, *words, **options):
        return conductor(*words, cwd=self.folder, **options)

    def start(self):
        self.conductor("run", "-d", "--name", "victim", "-v", "/anonymous", "-p", f"{self.port}:80", "--internet", IMAGE,
                       "sleep", "1000")

    def prepare(self):
        pass

    def converge(self):
        self.conductor("rm", "-f", "-v", "victim")


class RunDetached(Scenario):
    def command(self):
        return ("run", "-d", "--name", "victim", "-v", "/anonymous", "-p", "80", "--internet", IMAGE, "sleep", "1000")


class RunForeground(Scenario):
    def command(self):
        return ("run", "--rm", "--name", "victim", "-v", "/anonymous", "--internet", IMAGE, "true")


class RemoveRunning(Scenario):
    def prepare(self):
        self.start()

    def command(self):
        return ("rm", "-f", "-v", "victim")


class Stop(Scenario):
    def prepare(self):
        self.start()

    def command(self):
        return ("stop", "-t", "0", "victim")


class Build(Scenario):
    def command(self):
        return ("build", "--no-cache", "-t", "fault-built", ".")

    def converge(self):
        self.conductor("rmi", "-f", "fault-built", check=False)
        self.conductor("system", "recover")


class ComposeUp(Scenario):
    points = 16

    def command(self):
        return ("compose", "-p", "fault", "up", "-d")

    def converge(self):
        self.conductor("compose", "-p", "fault", "down", "-v")


class ComposeUpAgain(ComposeUp):
    """What a second `up` makes of it is what the first one should have."""

    def converge(self):
        self.conductor(*self.command())
        rows = {row["Names"]: row["State"] for row in harness.rows("ps", "-a")}
        if rows != {"fault-back-1": "running", "fault-front-1": "running"}:
            raise AssertionError(f"a second up ends with {rows}")
        again = self.conductor("compose", "-p", "fault", "plan", check=False)
        if again.returncode != 0:
            raise AssertionError(f"after a second up there is still something to do: {again.stdout}{again.stderr}")
        super().converge()


class ComposeDown(ComposeUp):
    points = 12

    def prepare(self):
        self.conductor(*super().command())

    def command(self):
        return ("compose", "-p", "fault", "down", "-v", "-t", "0")


ALL = [RunDetached, RunForeground, RemoveRunning, Stop, Build, ComposeUp, ComposeUpAgain, ComposeDown]


def injected(scenario, **variables):
    """Runs the scenario's command with the injector; its result."""
    environment = {**harness.ENVIRONMENT, **variables, "LD_PRELOAD": str(INJECTOR),
                   "ASAN_OPTIONS": "verify_asan_link_order=0"}
    return subprocess.run([harness.PROGRAM, *scenario.command()], cwd=scenario.folder, env=environment, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=120, check=False)


def calls_of(scenario, wanted):
    """Numbers and names of the calls its command makes, those that `wanted` picks; some of them in a short run."""
    log = scenario.folder / "calls"
    log.unlink(missing_ok=True)
    done = injected(scenario, FAULT_LOG=str(log))
    if done.returncode != 0:
        raise AssertionError(f"without a fault: exit {done.returncode}\n{done.stderr}")
    calls = [line.split() for line in log.read_text().splitlines()]
    calls = [(int(number), name) for number, name, kind in calls if wanted(name, kind == "changes")]
    if POINTS == "all":
        return calls
    count = min(int(POINTS or scenario.points), len(calls))
    return [calls[(2 * i + 1) * len(calls) // (2 * count)] for i in range(count)]


def strays():
    """Files that a writer of records made and did not live to rename."""
    root, state = harness.ROOT, pathlib.Path(harness.ENVIRONMENT["CONDUCTOR_STATE"])
    found = []
    for top in (root / "names", root / "network", root / "projects", root / "volumes", root / "tmp", state):
        for folder, folders, names in os.walk(top):
            if pathlib.Path(folder).name == "data":
                folders.clear()
            found += [f"stray {folder}/{name}" for name in names if name.startswith(".tmp-")]
    return sorted(found)


def state():
    return harness.census() + strays()


def state_once(wanted, seconds=5):
    """The state as soon as it is the one that is wanted, or after that time: what ends by itself needs a moment."""
    deadline = time.monotonic() + seconds
    while True:
        found = state()
        if found == wanted or time.monotonic() > deadline:
            return found
        time.sleep(0.02)
