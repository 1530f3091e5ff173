#!/usr/bin/env python3
"""Three projects and a single container, from files to packets: what each says it may reach it reaches, in both families, and
nothing else; also after the firewall was flushed. All of it in a network namespace of its own, with a host beyond the uplink."""
import ctypes
import json
import os
import socket
import subprocess
import threading
import time

import harness
from harness import conductor

CLONE_NEWNET = 0x40000000
HOST, BEYOND = ("198.51.100.1", "2001:db8::1"), ("198.51.100.9", "2001:db8::9")
PORTS = (8080, 9090)  # every container serves both
HOST_PORT = 5432

SHOP = """
name: shop
services:
  web:
    image: {image}
    command: &serve sh -c "httpd -p 8080; exec httpd -f -p 9090"
    scale: 2
    peers: ["db:8080", "blog/work:9090"]
    internet: true
    stop_grace_period: 0s
  db:
    image: {image}
    command: *serve
    stop_grace_period: 0s
  queue:
    image: {image}
    command: *serve
    peers: [{{service: db}}]
    host: [5432]
    ports: ["3100:8080"]
    stop_grace_period: 0s
"""
BLOG = """
name: blog
services:
  web:
    image: {image}
    command: &serve sh -c "httpd -p 8080; exec httpd -f -p 9090"
    peers: ["work:8080-8090", "shop/db:8080"]
    internet: ["198.51.100.0/24:80"]
    stop_grace_period: 0s
  work:
    image: {image}
    command: *serve
    allow_peers: ["shop/web"]
    stop_grace_period: 0s
"""
# An open file: its services share a network.
OPEN = """
name: open
services:
  one: &service
    image: {image}
    command: sh -c "httpd -p 8080; exec httpd -f -p 9090"
    stop_grace_period: 0s
  two: *service
"""

# (from, to, port) by service; what is not here is closed. blog/web names shop/db, which does not allow it.
DECLARED = {("shop-web", "shop-db", 8080), ("shop-web", "blog-work", 9090), ("blog-web", "blog-work", 8080)} | \
    {("shop-queue", "shop-db", port) for port in PORTS} | {("open-one", "open-two", port) for port in PORTS} | \
    {("open-two", "open-one", port) for port in PORTS}
OUTSIDE = {("shop-web", 80), ("shop-web", 81), ("blog-web", 80), ("open-one", 80), ("open-one", 81), ("open-two", 80),
           ("open-two", 81)}
OUTSIDE_IPV4_ONLY = {("blog-web", 80)}
HOST_SERVICE = {"shop-queue"}


def sh(*words, check=True):
    return subprocess.run(words, check=check, capture_output=True, text=True).stdout


def close_each(service):
    """Takes connections, and ends them at once, until the service is shut down."""
    while True:
        try:
            service.accept()[0].close()
        except OSError:
            service.close()
            return


def enter_own_network():
    """A namespace for this process, with an uplink to a second one."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        print(f"SKIP: no network namespace: {os.strerror(ctypes.get_errno())}")
        raise SystemExit(77)
    beyond = subprocess.Popen(["unshare", "-n", "sh", "-c", "echo; exec sleep 100000"], stdout=subprocess.PIPE)
    beyond.stdout.readline()
    inside = ("nsenter", "-t", str(beyond.pid), "-n")
    sh("ip", "link", "set", "lo", "up")
    sh("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns", str(beyond.pid))
    for prefix, device, addresses in (((), "up0", HOST), (inside, "eth0", BEYOND)):
        sh(*prefix, "ip", "link", "set", device, "addrgenmode", "none")  # or its address comes a second later
        sh(*prefix, "ip", "addr", "add", f"{addresses[0]}/24", "dev", device)
        sh(*prefix, "ip", "addr", "add", f"{addresses[1]}/64", "dev", device, "nodad")
        sh(*prefix, "ip", "link", "set", device, "up")
    sh("ip", "route", "add", "default", "via", BEYOND[0])
    sh("ip", "-6", "route", "add", "default", "via", BEYOND[1])
    servers = [subprocess.Popen([*inside, "busybox", "httpd", "-f", "-p", port], stdin=subprocess.DEVNULL)
               for port in ("80", "81")]
    return [beyond, *servers], inside


def state():
    """What must be as before when the last container is gone."""
    words = (("nft", "list", "ruleset"), ("ip", "rule"), ("ip", "-6", "rule"), ("ip", "route", "show", "table", "all"),
             ("ip", "-6", "route", "show", "table", "all"), ("ip", "xfrm", "policy"), ("ip", "-o", "addr", "show", "dev", "lo"),
             ("sh", "-c", "grep -r . /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf 2>/dev/null | grep -E '/(all|default|lo|up0)/'"))
    return [sh(*line, check=False) for line in words]


class Matrix(harness.Case):
    def setUp(self):
        super().setUp()
        image = self.busybox_image("e2e-network")
        self.projects = []
        for name, text in (("conductor.yaml", SHOP), ("conductor.yaml", BLOG), ("compose.yaml", OPEN)):
            path = self.write(f"project{len(self.projects)}/{name}", text.format(image=image))
            self.projects.append(path.parent)
        self.before = state()
        for project in self.projects:
            self.addCleanup(conductor, "compose", "down", cwd=project, check=False)
        service = socket.create_server(("::", HOST_PORT), family=socket.AF_INET6, dualstack_ipv6=True)
        threading.Thread(target=close_each, args=(service,), daemon=True).start()
        self.addCleanup(service.shutdown, socket.SHUT_RDWR)
        for project in self.projects:
            conductor("compose", "up", "-d", cwd=project)
        self.addresses = {}
        for row in harness.rows("ps"):
            name = row["Names"] if isinstance(row["Names"], str) else row["Names"][0]
            settings = json.loads(conductor("inspect", name).stdout)[0]["NetworkSettings"]
            self.addresses[name] = [a for a in (settings["IPAddress"], settings.get("GlobalIPv6Address")) if a]

    def probe(self, name, targets):
        """The targets (address, port) that answer inside a container; each must be told at once."""
        lines = [f"nc -w 3 {a} {port} </dev/null >/dev/null 2>&1 && echo {a} {port}" for a, port in targets]
        lines.append("true")
        start = time.monotonic()
        found = conductor("exec", name, "sh", "-c", "\n".join(lines)).stdout.split("\n")
        self.assertLess(time.monotonic() - start, 3 + len(targets) * 0.2, f"{name} waits for something that is refused")
        return {(line.split()[0], int(line.split()[1])) for line in found if line}

    def check_all(self):
        for name, _ in self.addresses.items():
            service = name.rsplit("-", 1)[0]
            expected, targets = set(), []
            for other, addresses in self.addresses.items():
                if other == name:
                    continue
                for address in addresses:
                    for port in PORTS:
                        targets.append((address, port))
                        if (service, other.rsplit("-", 1)[0], port) in DECLARED:
                            expected.add((address, port))
            families = range(len(self.addresses[name]))
            for family in families:
                for port in (80, 81):
                    targets.append((BEYOND[family], port))
                    if (service, port) in OUTSIDE and not (family == 1 and (service, port) in OUTSIDE_IPV4_ONLY):
                        expected.add((BEYOND[family], port))
            targets.append(("169.254.1.1", HOST_PORT))
            if service in HOST_SERVICE:
                expected.add(("169.254.1.1", HOST_PORT))
            targets += [(HOST[0], 3100)]
            with self.subTest(container=name):
                self.assertEqual(self.probe(name, targets), expected)

    def check_isolation_from_outside(self):
        tried = {name: subprocess.Popen([*INSIDE, "curl", "-s", "-m", "1", f"http://{addresses[0]}:8080/"],
                                        stdout=subprocess.DEVNULL) for name, addresses in self.addresses.items()}
        for name, curl in tried.items():
            self.assertNotEqual(curl.wait(), 0, name)

    def test_declared_reach_is_the_whole_reach(self):
        for service in ("shop-db-1", "shop-queue-1", "blog-web-1", "blog-work-1", "open-one-1", "open-two-1"):
            self.assertIn(service, self.addresses)
        sh(*INSIDE, "ip", "route", "replace", "10.0.0.0/8", "via", HOST[0])
        self.check_all()
        self.check_isolation_from_outside()
        for project in self.projects:
            conductor("compose", "verify", cwd=project)

        sh("nft", "flush", "ruleset")
        self.assertEqual(conductor("compose", "verify", cwd=self.projects[0], check=False).returncode, 2)
        self.check_isolation_from_outside()
        for name in self.addresses:
            self.assertEqual(self.silent_probe(name), "", f"{name} reaches something without the table")
        conductor("compose", "up", "-d", cwd=self.projects[0])
        self.check_all()

        for project in self.projects:
            conductor("compose", "down", cwd=project)
        self.assertNotIn("\nlink ", conductor("system", "census").stdout)  # waits until the kernel has taken them down
        self.assertEqual(state(), self.before)

    def silent_probe(self, name):
        """All at the same time, for without the table nothing is refused: it is silent."""
        own = set(self.addresses[name])
        targets = [(a, 8080) for addresses in self.addresses.values() for a in addresses if a not in own]
        targets += [("169.254.1.1", HOST_PORT), (HOST[0], HOST_PORT), (BEYOND[0], 80)]
        words = [f"(timeout 2 nc {a} {port} </dev/null >/dev/null 2>&1 && echo {a} {port}) &" for a, port in targets]
        return conductor("exec", name, "sh", "-c", "\n".join([*words, "wait"])).stdout.strip()


if __name__ == "__main__":
    if os.geteuid() == 0:
        PROCESSES, INSIDE = enter_own_network()
        try:
            harness.main()
        finally:
            for process in reversed(PROCESSES):
                process.kill()
    else:
        harness.main()
