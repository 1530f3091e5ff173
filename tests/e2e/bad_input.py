#!/usr/bin/env python3
"""Bad input: one clear sentence with the place, exit code not 0, and nothing left behind (the census says so)."""
import socket
import subprocess

import harness
from harness import conductor


class Compose(harness.Case):
    def refuse(self, text, *expected, command=("up", "-d")):
        self.write("conductor.yaml", text)
        done = conductor("compose", *command, cwd=self.folder, check=False)
        self.assertFails(done, *expected)
        return done

    def test_missing_file(self):
        self.assertFails(conductor("compose", "up", "-d", cwd=self.folder, check=False), "conductor.yaml")
        self.assertFails(conductor("compose", "-f", "absent.yaml", "up", check=False), "absent.yaml")

    def test_bad_yaml(self):
        self.refuse("services:\n  a: [1,\n", "conductor.yaml:")

    def test_unknown_key(self):
        self.refuse("services:\n  a:\n    imagee: x\n", "conductor.yaml:3:5", "imagee", "did you mean 'image'")

    def test_cyclic_depends_on(self):
        self.refuse("services:\n  a:\n    image: x\n    depends_on: [b]\n  b:\n    image: x\n    depends_on: [a]\n",
                    "conductor.yaml:", "a", "b")

    def test_port_already_taken(self):
        image = self.busybox_image()
        with socket.socket() as holder:
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind(("0.0.0.0", 0))
            holder.listen()
            port = holder.getsockname()[1]
            text = (f"services:\n  first:\n    image: {image}\n    command: [sleep, '1000']\n"
                    f"  second:\n    image: {image}\n    command: [sleep, '1000']\n    ports: ['{port}:80']\n"
                    "    depends_on: [first]\n")
            self.refuse(text, str(port), "python")
        self.assertEqual(harness.rows("ps", "-a"), [])

    def test_image_that_does_not_exist(self):
        self.refuse("services:\n  a:\n    image: no-such-image-here\n", "no-such-image-here")
        self.assertFails(conductor("run", "--rm", "no-such-image-here", check=False), "no-such-image-here")


class Build(harness.Case):
    def test_missing_file(self):
        self.assertFails(conductor("build", "-t", "x", self.folder, check=False), "Conductorfile")

    def test_run_that_fails(self):
        image = self.busybox_image()
        self.write("Conductorfile", f"FROM {image}\nRUN true\nRUN exit 7\n")
        done = conductor("build", "-t", "bad-run", self.folder, check=False)
        self.assertFails(done, "Conductorfile:3:1: error: RUN exit 7: exit code 7\n    RUN exit 7\n    ^")

    def test_disk_full_while_building(self):
        root = self.folder / "small"
        root.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", root], check=True)
        self.addCleanup(subprocess.run, ["umount", root], check=True)
        env = {"CONDUCTOR_ROOT": str(root / "root"), "CONDUCTOR_STATE": str(root / "state")}
        context = self.folder / "context"
        context.mkdir()
        subprocess.run(["cp", "/bin/busybox", context], check=True)
        good = 'FROM scratch\nCOPY busybox /bin/busybox\nRUN ["/bin/busybox", "true"]\n'
        (context / "Conductorfile").write_text(good)
        conductor("build", "-t", "fits", context, env=env)
        before = conductor("system", "census", env=env).stdout
        (context / "Conductorfile").write_text(
            good + 'RUN ["/bin/busybox", "dd", "if=/dev/zero", "of=/big", "bs=1M", "count=64"]\n')
        self.assertFails(conductor("build", "-t", "too-big", context, env=env, check=False), "No space left on device")
        big = context / "big"
        big.write_bytes(b"\0" * (40 << 20))
        (context / "Conductorfile").write_text("FROM scratch\nCOPY big /big\n")
        self.assertFails(conductor("build", "-t", "too-big", context, env=env, check=False), "No space left on device")
        self.assertEqual(conductor("system", "census", env=env).stdout, before)
        self.assertEqual(conductor("run", "--rm", "fits", "/bin/busybox", "echo", "still", env=env).stdout, "still\n")


class Words(harness.Case):
    def test_unknown_command_and_flag(self):
        self.assertFails(conductor("imagse", check=False), "imagse", "images")
        self.assertFails(conductor("ps", "--frmat", "json", check=False), "--frmat")

    def test_container_that_does_not_exist(self):
        for words in (("stop", "nobody"), ("logs", "nobody"), ("exec", "nobody", "true"), ("rm", "nobody")):
            self.assertFails(conductor(*words, check=False), "nobody")


if __name__ == "__main__":
    harness.main()
