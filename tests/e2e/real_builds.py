#!/usr/bin/env python3
"""Dockerfiles that people use (examples/builds), built and run. What needs a network that is not there is skipped, loudly."""
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request

import harness
from harness import conductor

EXAMPLES = harness.SOURCE / "examples" / "builds"


def reachable(url):
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=10).close()
    except urllib.error.HTTPError:
        return True  # somebody has answered
    except OSError:
        return False
    return True


def output_of(*words):
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


class RealBuilds(harness.Case):
    def setUp(self):
        super().setUp()
        sites = output_of("apt-get", "indextargets", "--format", "$(SITE)").splitlines()
        self.need("the distribution's archive", sites[0] if sites else "")

    def need(self, what, url):
        if not url or not reachable(url):
            print(f"\nSKIP: {self.id()}: {what} cannot be reached", flush=True)
            self.skipTest(f"{what} cannot be reached")

    def example(self, name):
        """A copy, so that nothing is left in the source tree."""
        shutil.copytree(EXAMPLES / name, self.folder / name)
        return self.folder / name

    def build(self, name, *words, tag=None):
        tag = tag or f"e2e-{name}"
        self.addCleanup(conductor, "rmi", "-f", tag, check=False)
        return conductor("build", "--progress=plain", "-t", tag, *words, self.folder / name).stderr

    def run_image(self, name, *words):
        return conductor("run", "--rm", f"e2e-{name}", *words).stdout

    def config(self, name):
        return json.loads(conductor("inspect", f"e2e-{name}").stdout)[0]["Config"]

    def test_cpp_with_make_in_stages(self):
        folder = self.example("cpp")
        self.build("cpp", "--build-arg", "VERSION=1.2")
        self.assertEqual(self.run_image("cpp", "5"), "2 3 5 7 11\n")
        self.assertEqual(self.run_image("cpp", "--version"), "1.2\n")
        self.assertEqual(conductor("run", "--rm", "--entrypoint", "sh", "e2e-cpp", "-c",
                                   "stat -c '%U %a' /usr/local/bin/primes; command -v g++ || echo none").stdout,
                         "nobody 755\nnone\n")
        self.assertEqual(self.config("cpp")["Healthcheck"]["Test"], ["CMD", "primes", "3"])
        # Touched, nothing runs again; one source changed, only what depends on it does.
        os.utime(folder / "main.cpp")
        shown = self.build("cpp", "--build-arg", "VERSION=1.2")
        self.assertRegex(shown, r"#(\d+) \[build \d/\d\] RUN make[^\n]*\n(?s:.*)#\1 CACHED")
        source = (folder / "main.cpp").read_text()
        (folder / "main.cpp").write_text(source.replace("<< VERSION", '<< "v" << VERSION'))
        shown = self.build("cpp", "--build-arg", "VERSION=1.2")
        self.assertRegex(shown, r"#(\d+) \[build \d/\d\] RUN --mount[^\n]*\n(?s:.*)#\1 CACHED")
        self.assertEqual(self.run_image("cpp", "--version"), "v1.2\n")

    def test_a_static_program_from_scratch(self):
        self.example("static")
        self.build("static")
        self.assertRegex(self.run_image("static"), r"^Hello from linux/\w+ as user 1000\n$")
        conductor("build", "-o", self.folder / "files", self.folder / "static")
        self.assertEqual(sorted(path.name for path in (self.folder / "files").rglob("*") if path.is_file()),
                         ["hello", "passwd"])

    def test_python_with_pips_cache_mounted(self):
        self.example("python")
        self.build("python")
        self.assertEqual(self.run_image("python", "you", "me"), "Hello you!\nHello me!\n")
        shown = conductor("run", "--rm", "--entrypoint", "sh", "e2e-python", "-c",
                          "id -un; ls /wheels /root/.cache 2>&1 | grep -c whl || true").stdout
        self.assertEqual(shown, "app\n0\n")

    def test_node_with_npm(self):
        registry = output_of("npm", "config", "get", "registry")
        self.need("the npm registry", registry)
        authority = output_of("npm", "config", "get", "cafile")
        settings = [f"registry={registry}"]
        secrets = ["--secret", f"id=npmrc,src={self.folder / 'npmrc'}"]
        if authority not in ("", "null", "undefined"):
            settings.append("cafile=/run/secrets/ca.crt")
            secrets += ["--secret", f"id=ca,src={authority}"]
        (self.folder / "npmrc").write_text("\n".join(settings) + "\n")
        folder = self.example("node")
        self.build("node", *secrets)
        self.assertEqual(self.run_image("node"), "node satisfies >=12\n")
        self.assertEqual(self.run_image("node", "node", "index.js", "<1"), "node does not satisfy <1\n")
        found = conductor("run", "--rm", "-u", "root", "e2e-node", "sh", "-c", "ls /root/.npmrc /run/secrets /root/.npm",
                          check=False).stdout
        self.assertEqual(found, "")
        # A change of a source installs nothing.
        (folder / "index.js").write_text((folder / "index.js").read_text() + "// changed\n")
        self.assertRegex(self.build("node", *secrets),
                         r"#(\d+) \[packages \d/\d\] RUN --mount[^\n]*npm ci[^\n]*\n(?s:.*)#\1 CACHED")


if __name__ == "__main__":
    harness.main()
