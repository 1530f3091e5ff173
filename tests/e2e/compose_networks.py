#!/usr/bin/env python3
"""Networks, reach and ports of compose files with the program: what is made, what opens, what changes in place."""
import json
import unittest

import harness
from harness import conductor, fetch, free_port

TWO_NETWORKS = """services:
  web:
    image: networks-busybox
    command: ["sh", "-c", "echo web > index.html; exec httpd -f -p 8080"]
    stop_grace_period: 0s
    networks: {front: , back: {aliases: [shopfront]}}
    ports: ["127.0.0.1:PORT:8080"]
  db:
    image: networks-busybox
    command: ["sh", "-c", "echo db > index.html; exec httpd -f -p 8080"]
    stop_grace_period: 0s
    networks: {back: {ipv4_address: 172.28.77.5}}
  probe:
    image: networks-busybox
    command: [sleep, "600"]
    stop_grace_period: 0s
    networks: [front]
  beside:
    image: networks-busybox
    command: [sleep, "600"]
    stop_grace_period: 0s
    network_mode: "service:db"
networks:
  front:
  back: {internal: true, ipam: {config: [{subnet: 172.28.77.0/24}]}}
"""


class Networks(harness.Case):
    def setUp(self):
        super().setUp()
        self.busybox_image("networks-busybox")
        self.port = free_port()
        self.addCleanup(conductor, "compose", "-p", "nets", "down", check=False)

    def compose(self, *words, check=True):
        return conductor("compose", "-p", "nets", *words, cwd=self.folder, check=check)

    def get(self, service, address):
        # busybox's own -T makes its static wget crash.
        done = self.compose("exec", "-T", service, "timeout", "5", "wget", "-q", "-O", "-", f"http://{address}:8080/index.html",
                            check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    def ids(self):
        return {row["Names"]: row["ID"] for row in harness.rows("ps", "-a")}

    def test_networks_open_what_they_say_and_go_with_down(self):
        self.write("compose.yaml", TWO_NETWORKS.replace("PORT", str(self.port)))
        self.compose("up", "-d")
        self.assertEqual({"nets_front", "nets_back"} - set(conductor("network", "ls", "--format", "{{.Name}}").stdout.split()), set())
        self.assertEqual(self.get("web", "db"), "db")
        self.assertEqual(self.get("web", "172.28.77.5"), "db")
        self.assertEqual(self.get("db", "shopfront"), "web")
        self.assertEqual(self.get("probe", "web"), "web")
        self.assertIsNone(self.get("probe", "db"))
        self.assertEqual(self.get("beside", "127.0.0.1"), "db")
        self.assertEqual(fetch("127.0.0.1", self.port, "/index.html"), (200, "web\n"))
        self.assertEqual(self.compose("plan").stdout.strip(), "Nothing to do.")
        self.compose("down")
        self.assertNotIn("nets_", conductor("network", "ls", "--format", "{{.Name}}").stdout)

    def test_reach_and_ports_change_in_place(self):
        text = """services:
  web:
    image: networks-busybox
    command: ["sh", "-c", "echo web > index.html; exec httpd -f -p 8080"]
    stop_grace_period: 0s
  probe:
    image: networks-busybox
    command: [sleep, "600"]
    stop_grace_period: 0s
"""
        self.write("conductor.yaml", text)
        self.compose("up", "-d")
        before = self.ids()
        self.assertIsNone(self.get("probe", "nets-web-1"))
        self.write("conductor.yaml", text.replace("stop_grace_period: 0s\n  probe",
                                                  f"stop_grace_period: 0s\n    ports: ['127.0.0.1:{self.port}:8080']\n  probe")
                   + "    peers: ['web:8080']\n")
        plan = self.compose("plan", check=False)
        self.assertEqual(plan.returncode, 2)
        self.assertIn("update network of container nets-probe-1", plan.stdout)
        self.assertIn("conductor.yaml:11: peers: [] -> [\"web:8080/tcp\"]", plan.stdout)
        self.compose("up", "-d")
        self.assertEqual(self.ids(), before)
        self.assertEqual(self.get("probe", "web"), "web")
        self.assertEqual(fetch("127.0.0.1", self.port, "/index.html"), (200, "web\n"))
        self.write("conductor.yaml", text)
        self.compose("up", "-d")
        self.assertEqual(self.ids(), before)
        self.assertIsNone(self.get("probe", "web"))
        self.assertEqual(fetch("127.0.0.1", self.port, "/index.html")[0], 0)

    def test_a_network_of_somebody_else_is_used_and_stays(self):
        text = """services:
  a:
    image: networks-busybox
    command: [sleep, "600"]
    stop_grace_period: 0s
    networks: [shared]
networks: {shared: {external: true, name: nets-company}}
"""
        self.write("compose.yaml", text)
        self.assertFails(self.compose("up", "-d", check=False), "compose.yaml:7:", "external network nets-company does not exist")
        conductor("network", "create", "nets-company")
        self.addCleanup(conductor, "network", "rm", "nets-company", check=False)
        self.compose("up", "-d")
        members = json.loads(conductor("network", "inspect", "nets-company").stdout)
        self.assertIn("nets-a-1", json.dumps(members))
        self.compose("down")
        self.assertIn("nets-company", conductor("network", "ls", "--format", "{{.Name}}").stdout)
        conductor("network", "rm", "nets-company")


if __name__ == "__main__":
    harness.main()
