"""Commands that change something, each with the state it starts from and what a user does after it has failed; and the
sweep, which makes one call after the other the one at fault."""
import hashlib
import io
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import time

# A root of their own: the build's cache is emptied again and again.
os.environ.setdefault("CONDUCTOR_E2E_ROOT", str(pathlib.Path(os.environ["CONDUCTOR_BUILD"]) / "faults-root"))
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
STAGES = f"""FROM {IMAGE} AS one
WORKDIR /work/deep
COPY tree ./tree
RUN --mount=type=cache,target=/cache,id=fault --mount=type=secret,id=word,required=true \\
    --mount=type=tmpfs,target=/scratch --mount=type=bind,source=input,target=/given \\
    cat /given /run/secrets/word > /scratch/both && sha256sum < /scratch/both > sum && echo run >> /cache/runs

FROM {IMAGE} AS two
ADD archive.tar /unpacked/
RUN --mount=type=bind,rw,source=tree,target=/given touch /given/new && ls /given > /listed

FROM {IMAGE}
COPY --link --from=one /work /work
COPY --from=two /unpacked /listed /from-two/
RUN cat /from-two/listed /work/deep/sum > /result
WORKDIR /end
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
        self.conductor("system", "prune", "-f")
        self.conductor("system", "recover")


def digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


class BuildStages(Scenario):
    """Parallel stages, every kind of mount, every kind of output; it ends with the same bytes whatever came before."""
    points = 6

    def __init__(self, folder, port):
        super().__init__(folder, port)
        self.context, self.wanted = folder / "context", None
        (self.context / "tree" / "below").mkdir(parents=True)
        (self.context / "Conductorfile").write_text(STAGES)
        for name in ("input", "tree/first", "tree/below/second"):
            (self.context / name).write_text(f"{name}\n")
        with tarfile.open(self.context / "archive.tar", "w") as archive:
            for name in ("packed/one", "packed/two"):
                member = tarfile.TarInfo(name)
                member.size = len(name)
                archive.addfile(member, io.BytesIO(name.encode()))

    def command(self, made="made"):
        made = self.folder / made
        return ("build", "-q", "-t", "fault-built", "--load", "--build-arg", "SOURCE_DATE_EPOCH=1700000000",
                "--secret", f"id=word,src={self.context}/input", "--cache-to", f"type=local,dest={made}/cache",
                "-o", f"type=oci,dest={made}/image.tar", "-o", f"type=local,dest={made}/files", str(self.context))

    def prepare(self):
        self.conductor("rmi", "-f", "fault-built", check=False)
        self.conductor("system", "prune", "-f")
        shutil.rmtree(self.folder / "made", ignore_errors=True)
        (self.folder / "made").mkdir()

    def results(self, image, made="made"):
        """The image's id, and of every file that is made its name with its digest."""
        made = self.folder / made
        files = sorted(path for path in made.rglob("*") if path.is_file() and not path.is_symlink())
        # The cache names its layers by their digest; when its steps were of use is part of its record.
        return image.strip(), [(str(path.relative_to(made)), path.name == "cache.json" or digest(path)) for path in files]

    def same(self, image, made="made"):
        found = self.results(image, made)
        self.wanted = self.wanted or found
        if found != self.wanted:
            raise AssertionError(f"another result: {found} instead of {self.wanted}")

    def converge(self):
        """Builds again, with what the one that failed left in the cache."""
        self.same(self.conductor(*self.command()).stdout)
        self.prepare()
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


class InNetwork(Scenario):
    """A network with a subnet, and a container in it with links, names outside and a range of ports."""
    points = 4
    network = ("network", "create", "--subnet", "172.28.78.0/24", "fault-net")

    def start(self):
        self.conductor("run", "-d", "--name", "back", "--internet=example.com:443", IMAGE, "sleep", "1000")
        self.conductor(*self.network)

    def victim(self, *words):
        return ("run", "-d", "--name", "victim", *words, IMAGE, "sleep", "1000")

    def prepare(self):
        self.start()

    def command(self):
        return self.victim("--network", "fault-net", "--ip", "172.28.78.9", "--internet=example.com:443", "--peer", "back:8080",
                           "-p", "127.0.0.1:42310-42312:80-82")

    def verify(self):
        """Asserts that the network is right after one command that finishes what was begun."""
        self.conductor("system", "recover")
        found = self.conductor("network", "verify", check=False)
        if found.returncode != 0:
            raise AssertionError(f"network verify: {found.stdout}{found.stderr}")

    def converge(self):
        self.verify()
        self.conductor("rm", "-f", "-v", "victim", "back")
        self.conductor("network", "rm", "fault-net", check=False)  # it may never have been made
        self.verify()


class NetworkCreate(InNetwork):
    def prepare(self):
        pass

    def command(self):
        return self.network


class NetworkConnect(InNetwork):
    def prepare(self):
        self.start()
        self.conductor(*self.victim())

    def command(self):
        return ("network", "connect", "fault-net", "victim")


class NetworkDisconnect(NetworkConnect):
    def prepare(self):
        super().prepare()
        self.conductor("network", "connect", "fault-net", "victim")

    def command(self):
        return ("network", "disconnect", "fault-net", "victim")


class NetworkRemove(InNetwork):
    def command(self):
        return ("network", "rm", "fault-net")


class ComposeNetworks(InNetwork):
    """A project with a static address, an alias, a link with ports, a name outside and a port for the host alone."""
    text = f"""services:
  back: &service
    image: {IMAGE}
    command: [sleep, '1000']
    stop_grace_period: 0s
    networks: {{inner: {{ipv4_address: 172.28.79.5, aliases: [store]}}}}
  front:
    <<: *service
    networks: [inner]
    peers: ['back:8080/tcp']
    internet: ['example.com:443']
    ports: ['127.0.0.1:42313:80']
networks:
  inner: {{ipam: {{config: [{{subnet: 172.28.79.0/24}}]}}}}
"""

    def prepare(self):
        (self.folder / "conductor.yaml").write_text(self.text)

    def command(self):
        return ("compose", "-p", "fault", "up", "-d")

    def converge(self):
        self.verify()
        self.conductor("compose", "-p", "fault", "down", "-v")
        self.verify()


class ComposeNetworksDown(ComposeNetworks):
    def prepare(self):
        super().prepare()
        self.conductor(*super().command())

    def command(self):
        return ("compose", "-p", "fault", "down", "-v", "-t", "0")


class ComposeLinks(ComposeNetworks):
    """Links and names outside that change while the containers run."""

    def prepare(self):
        super().prepare()
        self.conductor(*super().command())
        (self.folder / "conductor.yaml").write_text(self.text.replace("8080/tcp", "9090/tcp").replace(":443", ":80"))

    def converge(self):
        self.conductor(*super().command())  # what a second one makes of it
        super().converge()


NETWORKS = [ComposeNetworks, ComposeNetworksDown, ComposeLinks, InNetwork, NetworkCreate, NetworkConnect, NetworkDisconnect, NetworkRemove]
ALL = [*NETWORKS, RunDetached, RunForeground, RemoveRunning, Stop, Build, BuildStages, ComposeUp, ComposeUpAgain,
       ComposeDown]


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
    return conductor("system", "census", "--all").stdout.splitlines() + strays()


def once(look, wanted, seconds=5):
    """What is seen as soon as it is what is wanted, or after that time: what ends by itself needs a moment."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found == wanted or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def state_once(wanted):
    return once(state, wanted)


class Sweep(harness.Case):
    """A scenario over and over, each time with another call at fault, and each time all is as it was before."""

    def state(self):
        """What every command that fails has to leave as it was."""
        return state()

    def wants(self, changes):
        """Whether to a call of that kind the fault comes."""
        raise NotImplementedError

    def faults(self):
        """The faults, as the injector takes them; one a call."""
        raise NotImplementedError

    def judge(self, done, name):
        """Asserts that a command may end so, when the fault was at the call of that name."""
        raise NotImplementedError

    @classmethod
    def add_tests(cls):
        for kind in ALL:
            setattr(cls, f"test_{kind.__name__}", lambda self, kind=kind: self.sweep(kind))

    def sweep(self, kind):
        self.busybox_image(IMAGE)
        conductor("system", "prune", "-f")
        before = self.state()
        scenario = kind(self.folder, harness.free_port())
        scenario.prepare()
        calls = calls_of(scenario, lambda name, changes: self.wants(changes))
        scenario.converge()
        self.assertEqual(once(self.state, before), before, "without a fault")
        for (number, name), fault in zip(calls, self.faults()):
            with self.subTest(call=number, name=name, fault=fault):
                scenario.prepare()
                done = injected(scenario, FAULT=f"{number}:{fault}")
                self.judge(done, name)
                scenario.converge()
                found = once(self.state, before)
                expected, before = before, found  # what one call leaves is not held against the next
                self.assertEqual(found, expected, done.stderr)
