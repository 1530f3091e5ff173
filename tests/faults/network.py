#!/usr/bin/env python3
"""What others take away from the network or add to it, while commands work, are killed, or take containers down. The host
is one of the test's own: a network namespace with an uplink."""
import ctypes
import json
import os
import pathlib
import signal
import subprocess
import unittest

import scenarios
from scenarios import harness
from harness import conductor
from kill_sweep import Killing
from monitor import monitors

NEW_NETWORK = 0x40000000  # CLONE_NEWNET, sched.h
STATE = pathlib.Path(harness.ENVIRONMENT["CONDUCTOR_STATE"])
FOREIGN = "table inet others {\n chain forward {\n type filter hook forward priority 0; policy drop;\n }\n}\n"


def tool(*words, check=True):
    """What a program says."""
    return subprocess.run(words, capture_output=True, text=True, check=check).stdout


def leave_the_machine():
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_NETWORK) != 0:
        raise unittest.SkipTest("needs a network namespace of its own")
    for words in ("link set lo up", "link add uplink type veth peer name beyond", "link set beyond up", "link set uplink up",
                  "address add 198.51.100.1/24 dev uplink", "route add default via 198.51.100.254"):
        tool("ip", *words.split())


def setUpModule():
    leave_the_machine()


def host():
    """All of the host that the network is made of, but for what interfaces come with."""
    return [line for words in ("nft list ruleset", "ip rule", "ip -6 rule", "ip xfrm policy", "ip -o address show dev lo",
                               "ip route show table all", "ip -o link")
            for line in tool(*words.split()).splitlines()]


def table():
    """The name of our table."""
    return next(name for line in tool("nft", "list", "tables").splitlines() if (name := line.split()[-1]) != "others")


def drop_rules():
    for family in ("-4", "-6"):
        for line in tool("ip", family, "rule").splitlines():
            if (priority := line.partition(":")[0]) not in ("0", "32766", "32767"):
                tool("ip", family, "rule", "del", "priority", priority)


class Parts:
    """Each takes one part of the two containers' network away."""

    def __init__(self):
        self.ids = [row["ID"] for row in harness.rows("ps", "--no-trunc")]
        self.interfaces = [(STATE / "network" / "attached" / each).read_text() for each in self.ids]

    def interfaces_of_the_host(self):
        for interface in self.interfaces:
            tool("ip", "link", "del", interface)

    def the_table(self):
        tool("nft", "delete", "table", "inet", table())

    def a_set(self):
        name = table()
        tool("nft", "flush", "table", "inet", name)
        tool("nft", "delete", "set", "inet", name, "links")

    def policy_rules(self):
        drop_rules()

    def guards(self):
        tool("ip", "xfrm", "policy", "flush")

    def namespaces(self):
        found = [row["State"]["Pid"] for row in json.loads(conductor("inspect", *self.ids).stdout)]
        for process in monitors() + found:
            os.kill(process, signal.SIGKILL)

    def routes(self):
        for interface in self.interfaces:
            tool("ip", "route", "flush", "dev", interface)
            tool("ip", "-6", "route", "flush", "dev", interface)

    def the_address_on_lo(self):
        for line in tool("ip", "-6", "-o", "address", "show", "dev", "lo").splitlines():
            if (address := line.split()[3]) != "::1/128":
                tool("ip", "address", "del", address, "dev", "lo")

    def files(self, *folder):
        for path in pathlib.Path(*folder).iterdir():
            path.unlink()

    def endpoint_records(self):
        self.files(harness.ROOT, "network", "endpoints")

    def one_endpoint_record(self):
        (harness.ROOT / "network" / "endpoints" / f"{self.ids[0]}.json").unlink()

    def port_files(self):
        self.files(harness.ROOT, "network", "ports")

    def address_files(self):
        self.files(harness.ROOT, "network", "addresses")

    def attached_records(self):
        self.files(STATE, "network", "attached")

    def what_was_built(self):
        (STATE / "network" / "foundation.json").unlink()


PARTS = [name for name in vars(Parts) if not name.startswith("_") and name != "files"]


class Teardown(harness.Case):
    """With any part gone containers are taken down, and nothing of the others is left."""

    def setUp(self):
        super().setUp()
        self.busybox_image(scenarios.IMAGE)
        self.project = scenarios.ComposeNetworks(self.folder, harness.free_port())
        self.project.prepare()

    def whole(self):
        return scenarios.state() + host()

    def take_down_without(self, *words):
        before = self.whole()
        for part in PARTS:
            with self.subTest(part=part):
                self.project.conductor(*self.project.command())
                getattr(Parts(), part)()
                self.project.conductor(*words)
                self.project.conductor("compose", "-p", "fault", "down", "-v")
                found = scenarios.once(self.whole, before)
                expected, before = before, found
                self.assertEqual(found, expected)

    def test_down(self):
        self.take_down_without("compose", "-p", "fault", "down", "-v")

    def test_remove(self):
        self.take_down_without("rm", "-f", "fault-front-1", "fault-back-1")


class Foreign(Killing):
    """A firewall of others that drops what it forwards: our rule in it goes with the last container, whoever is killed."""

    def setUp(self):
        super().setUp()
        subprocess.run(["nft", "-f", "-"], input=FOREIGN, text=True, check=True)
        self.addCleanup(tool, "nft", "delete", "table", "inet", "others")

    def state(self):
        return scenarios.state() + tool("nft", "list", "ruleset").splitlines()

    def test_without_anybody_killed(self):
        self.busybox_image(scenarios.IMAGE)
        conductor("run", "-d", "--name", "victim", scenarios.IMAGE, "sleep", "1000")
        self.assertRegex(tool("nft", "list", "table", "inet", "others"), r"mark .* accept comment \"conductor ")
        conductor("rm", "-f", "victim")
        self.assertNotIn("accept", tool("nft", "list", "table", "inet", "others"))


for kind in (scenarios.InNetwork, scenarios.RemoveRunning, scenarios.ComposeDown):
    setattr(Foreign, f"test_{kind.__name__}", lambda self, kind=kind: self.sweep(kind))


class LostTable(harness.Case):
    def setUp(self):
        super().setUp()
        self.busybox_image(scenarios.IMAGE)

    def test_twenty_commands_while_the_table_is_deleted(self):
        before = scenarios.state() + host()
        conductor("network", "create", "--subnet", "172.28.77.0/24", "fault-net")
        names, new = [f"victim{n}" for n in range(9)], [f"new{n}" for n in range(6)]
        self.addCleanup(conductor, "network", "rm", "-f", "fault-net", check=False)
        self.addCleanup(conductor, "rm", "-f", *names, *new, check=False)
        for name in names:
            conductor("run", "-d", "--name", name, "--internet=example.com:443", scenarios.IMAGE, "sleep", "1000")
        detached = ("run", "-d", "--peer", "victim8:80", "--network", "fault-net", "--name")
        commands = [*((*detached, name, scenarios.IMAGE, "sleep", "1000") for name in new),
                    *(("stop", "-t", "0", f"victim{n}") for n in range(4)), *[("ps", "-a")] * 4,
                    *(("peer", f"victim{n}", "victim8:8080") for n in range(4, 7)),
                    *(("network", "connect", "fault-net", f"victim{n}") for n in range(6, 9))]
        running = [subprocess.Popen([harness.PROGRAM, *words], env=harness.ENVIRONMENT, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for words in commands]
        ours, ended = table(), []
        for number, each in enumerate(running):
            output, errors = each.communicate(timeout=120)
            ended.append((each.returncode, errors))
            if number % 4 == 0:
                tool("nft", "delete", "table", "inet", ours, check=False)  # it may be gone already
        for words, (code, errors) in zip(commands, ended):
            self.assertEqual(code, 0, f"{words}: {errors}")
        conductor("ps")
        verified = conductor("network", "verify", check=False)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.assertEqual(len(harness.rows("ps")), 11)
        conductor("rm", "-f", *names, *new)
        conductor("network", "rm", "fault-net")
        self.assertEqual(scenarios.once(lambda: scenarios.state() + host(), before), before)


if __name__ == "__main__":
    harness.main()
