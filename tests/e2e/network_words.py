#!/usr/bin/env python3
"""The words for networks as a person types them: what opens, what stays closed, what is shown, and what is refused why."""
import json
import re
import socket
import subprocess
import threading
import time

import harness
from harness import conductor


class NetworkCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = self.busybox_image()

    def start(self, name, *flags, command=("sleep", "1000")):
        self.addCleanup(conductor, "rm", "-f", name, check=False)
        return conductor("run", "-d", "--name", name, *flags, self.image, *command).stdout.strip()

    def serve(self, name, *flags, port=8080):
        """A container with a web server that says its name; it is there when this returns."""
        script = f"mkdir /www; echo {name} > /www/name; httpd -p {port} -h /www; exec sleep 1000"
        self.start(name, *flags, command=("sh", "-c", script))
        self.until(lambda: self.ask(name, "127.0.0.1", port) == name)

    def until(self, holds, seconds=10):
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError("it does not come")

    def ask(self, container, host, port=8080):
        """What the server there says, or nothing."""
        request = 'printf "GET /name HTTP/1.0\\r\\n\\r\\n" | nc -w 2 "$0" "$1"'
        answer = conductor("exec", container, "sh", "-c", request, host, port, check=False).stdout
        return answer.splitlines()[-1].strip() if "200 OK" in answer else ""

    def pings(self, container, host):
        """Of a container with NET_RAW, which this ping needs."""
        return conductor("exec", container, "ping", "-c", "1", "-W", "2", host, check=False).returncode == 0

    def fetch(self, address, port):
        address = f"[{address}]" if ":" in address else address
        return harness.fetch(address, port, "/name", timeout=2)[1].strip()

    def inspect(self, name):
        return json.loads(conductor("inspect", name).stdout)[0]

    def network(self, *words):
        name = conductor("network", "create", *words).stdout.strip()
        self.addCleanup(conductor, "network", "rm", "-f", name, check=False)
        return name

    def refused(self, *words, says, code=125):
        done = conductor(*words, check=False)
        self.assertFails(done, *([says] if isinstance(says, str) else says))
        self.assertEqual(done.returncode, code, (words, done.stderr))
        self.assertEqual(done.stdout, "")


class Networks(NetworkCase):
    def test_members_reach_each_other_under_their_aliases(self):
        self.network("back")
        self.serve("db", "--network", "back", "--network-alias", "database")
        self.serve("web", "--network", "name=back,alias=front", "--cap-add", "NET_RAW")
        self.serve("stranger", "--cap-add", "NET_RAW")
        for host in ("db", "database"):
            self.assertEqual(self.ask("web", host), "db", host)
        self.assertEqual(self.ask("db", "front"), "web")
        self.assertTrue(self.pings("web", "database"))
        address = self.inspect("db")["NetworkSettings"]["IPAddress"]
        self.assertEqual(self.ask("stranger", "db"), "")
        self.assertEqual(self.ask("stranger", address), "")
        self.assertFalse(self.pings("stranger", address))

        conductor("network", "connect", "--alias", "guest", "back", "stranger")
        self.assertEqual(self.ask("stranger", "database"), "db")
        self.assertEqual(self.ask("db", "guest"), "stranger")
        conductor("network", "disconnect", "back", "stranger")
        self.assertEqual(self.ask("stranger", address), "")
        self.assertEqual(self.ask("db", "guest"), "")

    def test_a_network_is_listed_and_inspected(self):
        self.network("shown", "--label", "team=a", "--internal", "--subnet", "172.27.200.0/24")
        ident = self.start("member", "--network", "shown", "--ip", "172.27.200.9", "--network-alias", "m")
        lines = {line["Name"]: line for line in harness.rows("network", "ls")}
        self.assertEqual(lines["shown"]["Subnets"], "172.27.200.0/24")
        self.assertEqual((lines["shown"]["Internal"], lines["shown"]["Containers"]), ("true", 1))
        self.assertRegex(lines["links"]["Subnets"], r"^10\.\d+\.\d+\.0/\d+(, fd[0-9a-f:]+/64)?$")
        self.assertEqual(lines["links"]["Driver"], "routed")
        self.assertEqual(conductor("network", "ls", "-q", "--filter", "label=team=a").stdout, "shown\n")
        self.assertEqual(conductor("network", "ls", "-q", "--filter", "type=builtin").stdout, "links\n")
        self.assertEqual(conductor("network", "list", "--filter", "dangling=true", "-q").stdout, "")
        self.assertEqual(conductor("network", "ls", "--filter", "name=how", "--format", "{{.Name}} {{.Scope}}").stdout,
                         "shown local\n")

        shown = json.loads(conductor("network", "inspect", "shown").stdout)[0]
        self.assertEqual(shown["Containers"][ident]["IPv4Address"], "172.27.200.9")
        self.assertEqual(shown["Containers"][ident]["Aliases"], ["m"])
        self.assertEqual(shown["IPAM"]["Config"][0]["Subnet"], "172.27.200.0/24")
        self.assertTrue(shown["Internal"])
        self.assertEqual(self.inspect("shown")["Name"], "shown")
        inner = self.inspect("member")
        self.assertEqual(inner["NetworkSettings"]["Networks"]["shown"]["IPAddress"], "172.27.200.9")
        self.assertEqual(inner["HostConfig"]["NetworkMode"], "shown")
        self.assertEqual(harness.rows("ps", "--filter", "network=shown")[0]["Networks"], "shown")

    def test_the_instance_says_what_it_chose(self):
        self.serve("target"), self.start("source", "--peer", "target:8080")
        links = json.loads(conductor("network", "inspect", "links").stdout)[0]
        instance = links["Instance"]
        self.assertEqual(links["IPAM"]["Config"][0]["Subnet"], instance["Range"])
        self.assertIn(instance["IPv6"]["State"], ("on", "off"))
        self.assertTrue(instance["IPv6"]["Why"])
        self.assertEqual(links["EnableIPv6"], instance["IPv6"]["State"] == "on")
        self.assertRegex(instance["Table"], r"^inet conductor")
        self.assertIn({"From": "source", "To": "target", "Ports": "tcp 8080"}, links["Links"])

    def test_an_address_is_asked_for(self):
        self.network("planned", "--subnet", "172.27.201.0/24")
        self.serve("fixed", "--network", "planned", "--ip", "172.27.201.77")
        self.start("asks", "--network", "planned")
        self.assertEqual(self.ask("asks", "172.27.201.77"), "fixed")
        self.refused("run", "--rm", "--network", "planned", "--ip", "172.27.201.77", self.image, "true", says="fixed")
        self.refused("run", "--rm", "--network", "planned", "--ip", "192.0.2.1", self.image, "true", says="192.0.2.1")

    def test_networks_come_and_go(self):
        self.network("one")
        self.assertEqual(conductor("network", "create", "one").stdout, "one\n")
        self.refused("network", "create", "--internal", "one", says="one")
        self.start("inside", "--network", "one")
        self.refused("network", "rm", "one", says=["one", "inside"], code=1)
        self.refused("network", "rm", "oen", says="did you mean 'one'", code=1)
        conductor("network", "rm", "-f", "oen")
        self.network("two")
        self.assertEqual(conductor("network", "prune", "-f").stdout, "Deleted Networks:\ntwo\n")
        self.refused("network", "prune", "--filter", "lable=x", says="did you mean 'label'")
        conductor("rm", "-f", "inside")
        self.assertFails(conductor("network", "prune", stdin="n\n", check=False), "one", "not confirmed")
        conductor("network", "remove", "one")
        self.assertEqual(conductor("network", "ls", "-q").stdout, "links\n")

    def test_internal_gives_neither_internet_nor_ports(self):
        self.network("--internal", "closed"), self.network("open")
        for flags in (("--internet",), ("-p", "80"), ("--internet=192.0.2.1",)):
            self.refused("run", "--rm", "--network", "closed", *flags, self.image, "true", says="'closed' is internal")
        self.start("both", "--network", "closed", "--network", "open", "-p", "80")
        self.start("alone", "--network", "closed")
        self.refused("addnetwork", "alone", "-i", says="'closed' is internal")

    def test_the_network_of_another(self):
        self.serve("owner", "-p", "8080")
        self.start("guest", "--network", "container:owner")
        self.assertEqual(self.ask("guest", "127.0.0.1"), "owner")
        hosts = [conductor("exec", name, "cat", "/etc/hosts").stdout for name in ("guest", "owner")]
        self.assertEqual(hosts[0], hosts[1])
        self.assertEqual(self.inspect("guest")["HostConfig"]["NetworkMode"], "container:owner")
        self.refused("run", "--rm", "--network", "container:ownr", self.image, "true", says="did you mean 'owner'")
        self.refused("network", "connect", "links", "guest", says="links")
        self.network("other")
        self.refused("network", "connect", "other", "guest", says="has no network of its own")

    def test_none_and_host(self):
        self.assertEqual(conductor("run", "--rm", "--network", "none", self.image, "ls", "/sys/class/net").stdout, "lo\n")
        inside = conductor("run", "--rm", "--network", "host", self.image, "readlink", "/proc/self/ns/net").stdout
        self.assertEqual(inside, subprocess.run(["readlink", "/proc/self/ns/net"], capture_output=True, text=True,
                                                check=True).stdout)


class Ports(NetworkCase):
    def test_forms_of_publishing(self):
        free = harness.free_port()
        self.serve("web", "-p", f"{free}:8080", "-p", "127.0.0.1::8080", "-p", "[::1]::8080", "-p", "8080",
                   "-p", "target=8080,host_ip=127.0.0.1", "-p", "9000-9002/udp")
        ports = harness.rows("port", "web")
        tcp = [(row["HostIp"], row["HostPort"]) for row in ports if row["ContainerPort"] == "8080/tcp"]
        self.assertIn(("0.0.0.0", str(free)), tcp)
        for address, port in tcp:
            self.assertNotEqual(port, "0")
            target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
            self.assertEqual(self.fetch(target, port), "web", (address, port))
        self.assertEqual(self.fetch(harness.host_address(), free), "web")
        shown = conductor("port", "web").stdout.splitlines()
        self.assertIn(f"8080/tcp -> 0.0.0.0:{free}", shown)
        self.assertIn(f"0.0.0.0:{free}", conductor("port", "web", "8080").stdout.splitlines())
        self.assertEqual(conductor("container", "port", "web", "8080/tcp").stdout, conductor("port", "web", "8080").stdout)
        self.assertRegex(conductor("port", "web", "9001/udp").stdout, r"^0\.0\.0\.0:\d+\n")
        self.refused("port", "web", "9001", says="does not publish its port 9001/tcp")
        text = conductor("ps", "--format", "{{.Ports}}").stdout
        self.assertIn(f"0.0.0.0:{free}->8080/tcp", text)
        self.assertRegex(text, r"0\.0\.0\.0:\d+-\d+->9000-9002/udp")
        bindings = self.inspect("web")["NetworkSettings"]["Ports"]["8080/tcp"]
        self.assertIn({"HostIp": "0.0.0.0", "HostPort": str(free)}, bindings)

    def test_random_ports_stay_when_something_else_changes(self):
        self.serve("web", "-p", "8080"), self.start("other")
        before = conductor("port", "web").stdout
        conductor("peer", "web", "other:80")
        self.assertEqual(conductor("port", "web").stdout, before)
        port = before.splitlines()[0].rpartition(":")[2]
        self.assertEqual(self.fetch("127.0.0.1", port), "web")

    def test_all_exposed_ports(self):
        context = self.folder / "exposing"
        context.mkdir()
        (context / "Conductorfile").write_text(f"FROM {self.image}\nEXPOSE 8080 8081/udp\n")
        conductor("build", "-q", "-t", "e2e-exposing", context)
        self.addCleanup(conductor, "rmi", "-f", "e2e-exposing", check=False)
        self.addCleanup(conductor, "rm", "-f", "exposing", check=False)
        free = harness.free_port()
        conductor("run", "-d", "--name", "exposing", "-P", "--expose", "8082", "-p", f"127.0.0.1:{free}:8080",
                  "e2e-exposing", "sleep", "1000")
        ports = harness.rows("port", "exposing")
        self.assertEqual({row["ContainerPort"] for row in ports}, {"8080/tcp", "8081/udp", "8082/tcp"})
        self.assertEqual([row["HostPort"] for row in ports if row["ContainerPort"] == "8080/tcp"], [str(free)])

    def test_scopes(self):
        for scope, others in (("all", True), ("host", True), ("loopback", False)):
            self.serve(scope, "-p", "8080", "--publish-scope", scope)
            port = harness.rows("port", scope)[0]
            self.assertEqual(port["Scope"], scope)
            self.assertEqual(self.fetch("127.0.0.1", port["HostPort"]), scope)
            self.assertEqual(self.fetch(harness.host_address(), port["HostPort"]) == scope, others, scope)
        with harness.Neighbour() as neighbour:
            for scope, reached in (("all", True), ("host", False), ("loopback", False)):
                port = harness.rows("port", scope)[0]["HostPort"]
                status, _ = neighbour.fetch(neighbour.gateway, port, "/name")
                self.assertEqual(status == 200, reached, scope)

    def test_a_port_in_use_names_its_holder(self):
        with socket.socket() as holder:
            holder.bind(("0.0.0.0", 0))
            holder.listen()
            port = holder.getsockname()[1]
            self.refused("run", "-d", "--name", "late", "-p", f"{port}:80", self.image, "sleep", "9",
                         says=[str(port), "python"])
            self.refused("run", "-d", "--name", "late", "-p", f"{port - 1}-{port + 1}:80-82", self.image, "sleep", "9",
                         says=[str(port), "python"])
        self.start("first", "-p", f"{port}:80")
        self.refused("run", "-d", "--name", "late", "-p", f"127.0.0.1:{port}:80", self.image, "sleep", "9",
                     says=[str(port), "first"])
        self.assertEqual([row["Names"] for row in harness.rows("ps", "-a")], ["first"])


class Reach(NetworkCase):
    def test_links_with_ports_aliases_and_what_is_exposed(self):
        self.serve("db", "--expose", "8080")
        conductor("exec", "db", "httpd", "-p", "8081", "-h", "/www")
        self.start("exact", "--peer", "db:8081"), self.start("aliased", "--link", "db:sql", "--cap-add", "NET_RAW"), self.start("none")
        self.assertEqual([self.ask("exact", "db", port) for port in (8080, 8081)], ["", "db"])
        self.assertEqual([self.ask("aliased", "sql", port) for port in (8080, 8081)], ["db", ""])
        self.assertTrue(self.pings("aliased", "sql"))
        self.assertEqual(self.ask("none", "db"), "")

    def test_a_link_is_made_and_taken_away(self):
        self.serve("a"), self.serve("b")
        conductor("peer", "a", "b:8080")
        self.assertEqual((self.ask("a", "b"), self.ask("b", "a")), ("b", ""))
        conductor("peer", "a", "b")
        self.assertEqual((self.ask("a", "b"), self.ask("b", "a")), ("b", "a"))
        address = self.inspect("b")["NetworkSettings"]["IPAddress"]
        conductor("peer", "--remove", "a", "b")
        self.assertEqual((self.ask("a", "b"), self.ask("a", address)), ("", ""))
        self.refused("peer", "--remove", "a", "b", says="there is no link")
        self.refused("peer", "a", "a", says="reaches itself")
        self.refused("peer", "a", "nobody", says="no such container: nobody")

    def test_a_link_into_a_project(self):
        self.write("conductor.yaml", f"name: shop\nservices:\n  db:\n    image: {self.image}\n    command: [sh, -c, "
                                     "'mkdir /www; echo db > /www/name; exec httpd -f -p 8080 -h /www']\n")
        self.addCleanup(conductor, "compose", "down", cwd=self.folder, check=False)
        conductor("compose", "up", "-d", cwd=self.folder)
        self.start("visitor", "--peer", "shop/db:8080")
        self.assertEqual(self.ask("visitor", "db"), "")
        conductor("peer", "visitor", "shop/db:8080")
        self.until(lambda: self.ask("visitor", "db") == "db")
        self.assertEqual(self.inspect("shop-db-1")["NetworkSettings"]["AllowPeers"], ["visitor"])
        conductor("peer", "--remove", "visitor", "shop/db:8080")
        self.assertEqual(self.ask("visitor", "db"), "")
        self.assertEqual(self.inspect("shop-db-1")["NetworkSettings"]["AllowPeers"], [])
        self.refused("peer", "visitor", "shop/dB", says="no such service: shop/dB")

    def test_services_of_the_host(self):
        with socket.socket() as allowed, socket.socket() as other:
            for listener in (allowed, other):
                listener.bind(("0.0.0.0", 0))
                listener.listen()
                threading.Thread(target=self.answer, args=(listener,), daemon=True).start()
            open_port, closed_port = allowed.getsockname()[1], other.getsockname()[1]
            self.start("guest", "--host-port", f"{open_port}/tcp", "--add-host", "host.docker.internal:host-gateway")
            self.start("stranger", "--add-host", "host.docker.internal:host-gateway")
            self.assertEqual(self.ask("guest", "host.docker.internal", open_port), "host")
            self.assertEqual(self.ask("guest", "host.docker.internal", closed_port), "")
            self.assertEqual(self.ask("stranger", "host.docker.internal", open_port), "")

    @staticmethod
    def answer(listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\nhost\n")

    def test_internet_is_a_list(self):
        with harness.Neighbour() as neighbour:
            servers = [subprocess.Popen(["ip", "netns", "exec", neighbour.name, "busybox", "httpd", "-f", "-p", str(port),
                                         "-h", self.folder]) for port in (8080, 8081)]
            try:
                (self.folder / "name").write_text("outside\n")
                self.until(lambda: all(self.fetch(neighbour.address, port) == "outside" for port in (8080, 8081)))
                self.start("some", f"--internet={neighbour.address}:8080")
                self.start("all", "--internet"), self.start("nothing", "--internet=false")
                reach = {name: [self.ask(name, neighbour.address, port) for port in (8080, 8081)]
                         for name in ("some", "all", "nothing")}
                self.assertEqual(reach, {"some": ["outside", ""], "all": ["outside"] * 2, "nothing": ["", ""]})
                conductor("addnetwork", "nothing", "-i")
                self.assertEqual(self.ask("nothing", neighbour.address, 8080), "outside")
            finally:
                for server in servers:
                    server.kill()
                    server.wait()

    def test_names_and_resolvers(self):
        words = ("--dns", "192.0.2.53", "--dns-search", "example.org", "--dns-option", "ndots:2", "--internet",
                 "-h", "box", "--domainname", "example.org", "--add-host", "db:192.0.2.7")
        shown = conductor("run", "--rm", *words, self.image, "sh", "-c", "cat /etc/resolv.conf /etc/hosts; hostname").stdout
        for line in (r"nameserver 192\.0\.2\.53", r"search example\.org", r"options ndots:2", r"192\.0\.2\.7\s+db",
                     r"box\.example\.org"):
            self.assertRegex(shown, rf"(?m)^{line}$")

    def test_verify_says_what_differs_and_the_next_command_heals_it(self):
        self.serve("db"), self.start("web", "--peer", "db:8080")
        done = conductor("network", "verify")
        self.assertEqual(done.stdout, "The network is as declared.\n")
        self.assertEqual(conductor("network", "verify", "--probe", "web", "db").returncode, 0)
        table = json.loads(conductor("network", "inspect", "links").stdout)[0]["Instance"]["Table"].split()
        subprocess.run(["nft", "delete", "table", *table], check=True)
        done = conductor("network", "verify", check=False)
        self.assertEqual(done.returncode, 2)
        self.assertIn("table", done.stdout)
        self.assertEqual(json.loads(conductor("network", "verify", "--format", "json", check=False).stdout.splitlines()[0])
                         ["Kind"], "missing")
        for words in (("system", "recover"), ("ps",), ("network", "ls"), ("port", "web")):
            subprocess.run(["nft", "delete", "table", *table], capture_output=True, check=False)
            conductor(*words)
            self.assertEqual(conductor("network", "verify").returncode, 0, words)
        self.assertEqual(self.ask("web", "db"), "db")


    def test_repair_mends_what_verify_names(self):
        self.serve("db"), self.start("web", "--peer", "db:8080")
        self.assertEqual(conductor("network", "repair").stdout, "The network is as declared.\n")
        table = json.loads(conductor("network", "inspect", "links").stdout)[0]["Instance"]["Table"].split()
        subprocess.run(["nft", "flush", "set", *table, "links"], check=True)
        subprocess.run(["nft", "insert", "rule", *table, "forward", "accept"], check=True)
        self.assertEqual(self.ask("web", "db"), "")
        said = harness.rows("network", "repair")
        self.assertEqual({(row["Result"], row["Object"]) for row in said}, {("mended", "link"), ("mended", "table")})
        self.assertTrue(any("web may reach db on tcp 8080" in row["Text"] for row in said), said)
        self.assertEqual(conductor("network", "verify").returncode, 0)
        self.assertEqual(self.ask("web", "db"), "db")


class Refused(NetworkCase):
    def test_what_is_wrong_with_an_option_is_told_with_its_name(self):
        for option, value in (("--internet", "foo/99"), ("--host-port", "x"), ("--publish", "a:b"), ("--add-host", "foo"),
                              ("--dns", "x.y"), ("--expose", "q"), ("--peer", ",,"), ("--publish-scope", "q")):
            with self.subTest(option=option):
                self.refused("run", "--rm", f"{option}={value}", self.image, "true",
                             says=[f"option {option}: ", "expected"])

    def test_what_run_refuses(self):
        for flags, says in (
                (("-p", "80:80/sctp"), "tcp or udp"),
                (("-p", "8000-8002:80-81"), "same number of ports"),
                (("-p", "x"), "x"),
                (("-p", "target=80,scop=all"), "did you mean 'scope'"),
                (("--publish-scope", "world", "-p", "80"), "all, host or loopback"),
                (("--network", "nowhere"), "no such network: nowhere"),
                (("--network", "host", "-p", "80:80"), "--publish has no effect: a container with --network host"),
                (("--network", "none", "--internet"), "--internet has no effect: a container with --network none"),
                (("--network", "none", "--peer", "x"), "--peer has no effect"),
                (("--network", "container:x", "-h", "y"), "--hostname has no effect"),
                (("--network", "none", "--network", "host"), "there is no other beside it"),
                (("--network", "container:"), "container:NAME"),
                (("--network-alias", "x"), "belongs to a network"),
                (("--ip", "10.0.0.1"), "belongs to a network"),
                (("--ip6", "fd00::1", "--network", "a", "--network", "b"), "of several"),
                (("--network", "a", "--network", "a"), "named twice"),
                (("--network", "name=a,alais=b"), "did you mean 'alias'"),
                (("--internet=a b",), "a b"),
                (("--internet", "--internet=192.0.2.1"), "exclude each other"),
                (("--host-port", "http"), "http"),
                (("--expose", "0"), "0"),
                (("--dns-search", "a b"), "--dns-search"),
                (("--dns-option", "a\nb"), "--dns-option"),
                (("--domainname", "example.org"), "needs --hostname"),
                (("--mac-address", "02:00:00:00:00:01"), "--mac-address is not supported"),
                (("--peer", "a b"), "a b"),
                (("--link", "a:"), "alias")):
            with self.subTest(flags=flags):
                self.refused("run", "--rm", *flags, self.image, "true", says=says)
        self.assertEqual(harness.rows("ps", "-a"), [])

    def test_what_the_network_words_refuse(self):
        for words, says in (
                (("create", "links"), "it is a kind of network"),
                (("create", "host"), "it is a kind of network"),
                (("create", "a/b"), "invalid network name"),
                (("create", "-d", "overlay", "x"), "'overlay' is not supported; bridge is"),
                (("create", "--gateway", "10.0.0.1", "x"), "--gateway is not supported"),
                (("create", "--subnet", "10.0.0.0", "x"), "is no subnet"),
                (("create", "--subnet", "10.0.0.1/24", "x"), "option --subnet: '10.0.0.1/24' has bits beyond its prefix; did you mean 10.0.0.0/24?"),
                (("create", "--subnet", "10.20.0.0/24", "--subnet", "10.21.0.0/24", "x"), "of each family"),
                (("create", "--subnet", "127.0.0.0/24", "x"), "127.0.0.0"),
                (("connect", "nowhere", "nobody"), "no such network: nowhere"),
                (("disconnect", "nowhere", "nobody"), "no such container: nobody"),
                (("ls", "--filter", "colour=red"), "unknown filter"),
                (("verify", "web"), "--probe"),
                (("lst",), "did you mean 'ls'"),
                (("create",), "needs NAME")):
            with self.subTest(words=words):
                self.refused("network", *words, says=says)
        done = conductor("network", "inspect", "links", "nowhere", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no such network: nowhere", done.stderr)
        self.assertEqual(json.loads(done.stdout)[0]["Name"], "links")
        done = conductor("network", "inspect", "nowhere", check=False)
        self.assertEqual((done.returncode, done.stdout), (1, "[]\n"))  # as docker has it
        ranges = json.loads(conductor("network", "inspect", "links").stdout)[0]["Instance"]["Range"]
        self.refused("network", "create", "--subnet", ranges, "x", says="overlaps")

    def test_help_names_the_words(self):
        text = conductor("help").stdout
        for word in ("network create", "network verify", "peer", "port"):
            self.assertRegex(text, rf"(?m)^  {re.escape(word)} ")
        self.assertNotRegex(text, r"(?m)^  resolved ")
        self.assertIn("prune", conductor("network", "--help").stdout)
        self.assertIn("--internet[=LIST]", conductor("run", "--help").stdout)


if __name__ == "__main__":
    harness.main()
