#!/usr/bin/env python3
"""What `conductor build` takes and says: every flag's effect, the forms of its progress, exit codes, Ctrl-C."""
import io
import json
import os
import re
import signal
import subprocess
import tarfile

import harness
from harness import conductor
from words import Terminal

UNIQUE = "cat /proc/sys/kernel/random/uuid"  # never the same twice


class Build(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = self.busybox_image()
        self.context = self.folder / "context"
        self.context.mkdir()

    def file(self, *lines, name="Conductorfile"):
        """A build file of those lines above the busybox image."""
        return self.write(f"context/{name}", "\n".join([f"FROM {self.image}", *lines]) + "\n")

    def build(self, *words, **options):
        return conductor("build", *words, self.context, **options)

    def refuse(self, *words, expected, code=125):
        done = self.build(*words, check=False)
        self.assertEqual(done.returncode, code, done.stderr)
        for text in expected:
            self.assertIn(text, done.stderr)
        return done

    def inspect(self, name):
        return json.loads(conductor("inspect", name).stdout)[0]

    def keep(self, *names):
        for name in names:
            self.addCleanup(conductor, "rmi", "-f", name, check=False)


class Results(Build):
    def test_the_id_is_the_same_everywhere_and_taken_everywhere(self):
        self.file("LABEL one=1")
        self.keep("cli-id", "cli-id-2")
        quiet = self.build("-q", "-t", "cli-id", "--iidfile", self.folder / "id", "--metadata-file", self.folder / "meta")
        self.assertEqual(quiet.stderr, "")
        image = quiet.stdout.strip()
        self.assertRegex(image, r"^sha256:[0-9a-f]{64}$")
        self.assertEqual((self.folder / "id").read_text(), image)
        meta = json.loads((self.folder / "meta").read_text())
        self.assertEqual(meta["containerimage.config.digest"], image)
        self.assertEqual(meta["image.name"], "cli-id:latest")
        self.assertEqual(self.inspect("cli-id")["Id"], image)
        self.assertEqual(conductor("images", "-q", "--no-trunc", "cli-id").stdout.strip(), image)
        self.assertEqual(conductor("images", "-q", "cli-id").stdout.strip(), image[7:19])
        self.assertEqual(conductor("run", "--rm", image, "echo", "x").stdout, "x\n")
        conductor("tag", image, "cli-id-2")
        self.assertEqual(set(self.inspect(image)["RepoTags"]), {"cli-id-2:latest", "cli-id:latest"})
        self.assertIn("Built " + image[7:19] + " as cli-id:latest", self.build("-t", "cli-id").stdout)

    def test_names_labels_arguments_and_target(self):
        self.file("ARG A=none", "ARG B", "LABEL a=$A b=$B", "FROM scratch AS Other", "LABEL stage=other")
        self.keep("cli-a", "cli-b:2", "cli-o")
        self.build("-t", "cli-a", "--tag=cli-b:2", "--target", "0", "--build-arg", "A=x y", "--build-arg", "B",
                   "--label", "l=1", "--label", "empty", env={"B": "from here"})
        config = self.inspect("cli-b:2")["Config"]
        self.assertEqual(config["Labels"], {"a": "x y", "b": "from here", "l": "1", "empty": ""})
        self.assertEqual(self.inspect("cli-a")["Id"], self.inspect("cli-b:2")["Id"])
        self.build("-t", "cli-o", "--target", "other")
        self.assertEqual(self.inspect("cli-o")["Config"]["Labels"], {"stage": "other"})

    def test_configuration_is_shown_in_dockers_words(self):
        self.file("VOLUME /data", "EXPOSE 80", "STOPSIGNAL QUIT", 'SHELL ["/bin/sh", "-ec"]', "ONBUILD RUN true",
                  "MAINTAINER me", "HEALTHCHECK --interval=5s --retries=2 CMD true")
        self.keep("cli-config")
        self.build("-t", "cli-config")
        shown = self.inspect("cli-config")
        config = shown["Config"]
        self.assertEqual(config["Volumes"], {"/data": {}})
        self.assertEqual(config["ExposedPorts"], {"80/tcp": {}})
        self.assertEqual(config["Shell"], ["/bin/sh", "-ec"])
        self.assertEqual(config["OnBuild"], ["RUN true"])
        self.assertEqual(config["Healthcheck"]["Interval"], 5_000_000_000)
        self.assertEqual(config["Healthcheck"]["Retries"], 2)
        self.assertTrue(config["StopSignal"].endswith("QUIT"))
        self.assertEqual(shown["Author"], "me")
        for layer in shown["RootFS"]["Layers"]:
            self.assertRegex(layer, r"^sha256:[0-9a-f]{64}$")
        self.assertEqual(len(shown["RootFS"]["Layers"]), len(shown["Layers"]))

    def test_history(self):
        self.file("RUN echo a file > /a", "ENV B=1")
        self.keep("cli-history")
        self.build("-t", "cli-history")
        rows = harness.rows("history", "--no-trunc", "cli-history")
        self.assertEqual(rows[0]["ID"], self.inspect("cli-history")["Id"])
        self.assertTrue(rows[0]["CreatedBy"].startswith("ENV B=1"), rows)
        self.assertIn("echo a file > /a", rows[1]["CreatedBy"])
        self.assertEqual((rows[0]["Size"], rows[1]["Size"]), ("0B", "7B"))
        self.assertEqual(conductor("history", "-q", "cli-history").stdout.splitlines()[1], "<missing>")
        self.assertFails(conductor("history", "no-such-image", check=False), "no such image")

    def test_outputs(self):
        self.file("FROM scratch", "COPY hello /sub/hello")
        (self.context / "hello").write_text("hello\n")
        self.build("-o", self.folder / "out")
        self.assertEqual((self.folder / "out" / "sub" / "hello").read_text(), "hello\n")
        self.build("-o", f"type=tar,dest={self.folder / 'files.tar'}")
        with tarfile.open(self.folder / "files.tar") as archive:
            self.assertEqual(archive.extractfile("sub/hello").read(), b"hello\n")
        done = subprocess.run([harness.PROGRAM, "build", "-o", "-", self.context], env=harness.ENVIRONMENT, check=True,
                              capture_output=True)
        with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
            self.assertIn("sub/hello", archive.getnames())
        self.build("-t", "cli-oci:1", "-o", f"type=oci,dest={self.folder / 'oci.tar'}", "--metadata-file", self.folder / "meta")
        with tarfile.open(self.folder / "oci.tar") as archive:
            index = json.load(archive.extractfile("index.json"))
        meta = json.loads((self.folder / "meta").read_text())
        self.assertEqual(index["manifests"][0]["digest"], meta["containerimage.digest"])
        self.build("-t", "cli-docker:1", "-o", f"type=docker,dest={self.folder / 'docker.tar'}")
        with tarfile.open(self.folder / "docker.tar") as archive:
            (manifest,) = json.load(archive.extractfile("manifest.json"))
        self.assertTrue(manifest["RepoTags"][0].endswith("cli-docker:1"))

    def test_the_same_digest_at_another_time(self):
        self.file("COPY hello /", "RUN mkdir /made && echo x > /made/x")
        digests = set()
        for words, env in ((("--build-arg", "SOURCE_DATE_EPOCH=1000"), {}), ((), {"SOURCE_DATE_EPOCH": "1000"})):
            (self.context / "hello").write_text("hello\n")
            digests.add(self.build("-q", "--no-cache", *words, env=env).stdout)
        self.assertEqual(len(digests), 1)


class Inputs(Build):
    def test_the_file_from_standard_input_or_another_place(self):
        self.file("RUN false")
        (self.context / "here").write_text("x")
        text = f"FROM {self.image}\nCOPY here /here\nRUN cat /here\n"
        self.build("-f", "-", stdin=text)
        self.build("-f-", stdin=text)
        other = self.write("elsewhere/My.Dockerfile", text)
        self.build("--file", other)

    def test_a_context_from_standard_input(self):
        text = f"FROM {self.image}\nRUN echo from a file\n"
        self.assertIn("from a file", conductor("build", "--progress=plain", "--no-cache", "-", stdin=text).stderr)
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for name, content in (("Dockerfile", f"FROM {self.image}\nCOPY data /\nRUN cat /data\n"), ("data", "packed\n")):
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content.encode()))
        done = subprocess.run([harness.PROGRAM, "build", "--progress=plain", "--no-cache", "-"], input=archive.getvalue(),
                              env=harness.ENVIRONMENT, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"packed", done.stderr)

    def test_what_a_run_finds(self):
        (self.folder / "secret").write_text("from a file")
        other = self.folder / "other"
        other.mkdir()
        (other / "named").write_text("named context\n")
        self.file("RUN --mount=type=secret,id=s cat /run/secrets/s",
                  "RUN --mount=type=secret,id=e,env=E echo =$E=",
                  "RUN cat /etc/hosts; ulimit -n; df -k /dev/shm | tail -1; ls /sys/class/net",
                  "COPY --from=extra named /named", "RUN cat /named")
        done = self.build("--no-cache", "--secret", f"id=s,src={self.folder / 'secret'}", "--secret", "id=e,env=TOKEN",
                          "--add-host", "db:192.0.2.7", "--ulimit", "nofile=77:99", "--shm-size", "3m", "--network", "none",
                          "--build-context", f"extra={other}", env={"TOKEN": "from a variable"})
        for text in ("from a file", "=from a variable=", "192.0.2.7", " 77\n", " 3072 ", "named context"):
            self.assertIn(text, done.stderr)
        self.assertNotIn("eth0", done.stderr)

    def test_an_agent_for_ssh(self):
        self.file("RUN --mount=type=ssh true")
        self.refuse("--ssh", "default", expected=["SSH_AUTH_SOCK"]) if "SSH_AUTH_SOCK" not in os.environ else None
        self.refuse("--ssh", f"default={self.context / 'Conductorfile'}", expected=["not the socket of an agent"])


class Cache(Build):
    def test_no_cache_and_its_filter(self):
        self.file(f"RUN {UNIQUE} > /a", f"FROM {self.image} AS second", f"RUN {UNIQUE} > /b",
                  f"FROM {self.image}", "COPY --from=0 /a /", "COPY --from=second /b /", "RUN cat /a /b")
        first = self.build("-q").stdout
        self.assertEqual(self.build("-q").stdout, first)
        self.assertNotEqual(self.build("-q", "--no-cache").stdout, first)
        self.build()
        done = self.build("--no-cache-filter", "second").stderr
        number = re.search(r"#(\d+) \[second 2/2\]", done).group(1)
        self.assertIn(f"#{number} DONE", done)
        number = re.search(r"#(\d+) \[stage-0 2/2\]", done).group(1)
        self.assertIn(f"#{number} CACHED", done)

    def test_a_cache_goes_to_another_machine(self):
        self.write("context/Conductorfile", "FROM scratch\nCOPY busybox /bin/sh\nRUN echo slow > /made\n")
        subprocess.run(["cp", "/bin/busybox", self.context], check=True)
        cache = self.folder / "cache"
        self.build("--no-cache", "--cache-to", f"type=local,dest={cache}")
        env = {"CONDUCTOR_ROOT": str(self.folder / "root"), "CONDUCTOR_STATE": str(self.folder / "state")}
        done = self.build("--progress=plain", "--cache-from", f"type=local,src={cache}", env=env)
        self.assertEqual(done.stderr.count("CACHED"), 2, done.stderr)


class Disk(Build):
    def setUp(self):
        super().setUp()
        self.env = {"CONDUCTOR_ROOT": str(self.folder / "root"), "CONDUCTOR_STATE": str(self.folder / "state")}
        subprocess.run(["cp", "/bin/busybox", self.context], check=True)
        self.write("context/Conductorfile", "FROM scratch\nCOPY busybox /bin/sh\n"
                   "RUN --mount=type=cache,target=/c echo kept > /c/file; echo made > /made\n")

    def usage(self):
        return {row["Type"]: row for row in harness.rows("system", "df", env=self.env)}

    def test_prune_leaves_what_has_a_name(self):
        self.build("-t", "cli-disk", env=self.env)
        (self.context / "busybox").write_bytes((self.context / "busybox").read_bytes() + b"longer")
        self.build(env=self.env)  # an image without a name
        before = self.usage()
        self.assertEqual((before["Images"]["TotalCount"], before["Cache Mounts"]["TotalCount"]), ("1", "1"))
        self.assertNotEqual(before["Build Cache"]["Reclaimable"], "0B")
        refused = conductor("system", "prune", stdin="n\n", env=self.env, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertEqual(self.usage(), before)
        self.assertRegex(conductor("builder", "prune", "-f", env=self.env).stdout, r"Total reclaimed space: [1-9][\d.]*MB\n")
        after = self.usage()
        self.assertEqual((after["Images"]["TotalCount"], after["Cache Mounts"]["TotalCount"]), ("1", "0"))
        self.assertEqual(after["Build Cache"]["Size"], "0B")
        self.assertEqual(conductor("run", "--rm", "cli-disk", "/bin/sh", "-c", "read x < /made; echo $x", env=self.env).stdout, "made\n")
        conductor("system", "prune", "-a", "-f", env=self.env)
        self.assertEqual(self.usage()["Images"]["TotalCount"], "0")


class Progress(Build):
    def test_plain_lines(self):
        self.file("RUN echo out; echo err >&2", "RUN printf 'a\\033[2Jb'", "ENV X=1")
        shown = self.build("--no-cache", "--progress=plain").stderr
        number = re.search(r"(?m)^#(\d+) \[stage-0 2/\d\] RUN echo out", shown)[1]
        self.assertRegex(shown, rf"(?m)^#{number} \d+\.\d{{3}} out$")
        self.assertRegex(shown, rf"(?m)^#{number} \d+\.\d{{3}} err$")
        self.assertRegex(shown, rf"(?m)^#{number} DONE \d+\.\ds$")
        self.assertNotIn("\x1b[2J", shown)
        self.assertRegex(self.build("--progress=plain").stderr, rf"(?m)^#{number} CACHED$")

    def test_json_has_an_object_a_line(self):
        self.file("RUN echo out")
        done = self.build("--no-cache", "--progress=json", "-t", "cli-json")
        self.keep("cli-json")
        events = [json.loads(line) for line in done.stderr.splitlines()]
        self.assertIn("began", {event["kind"] for event in events})
        self.assertEqual("".join(event["text"] for event in events if event["kind"] == "output"), "out\n")
        self.assertEqual(events[-1]["kind"], "result")
        self.assertEqual(events[-1]["names"], ["cli-json:latest"])
        self.file("RUN exit 3")
        done = self.build("--progress=json", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stderr.splitlines()[-1])["kind"], "error")

    def test_a_failed_step_is_shown_with_its_place_and_last_lines(self):
        self.file("RUN seq 100 130; exit 3")
        for words in ((), ("-q",), ("--progress=plain",)):
            done = self.build(*words, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stdout, "")
            end = done.stderr[done.stderr.index("------"):]
            self.assertIn("RUN seq 100 130; exit 3:\n111\n112\n", end)
            self.assertIn("130\n------\n", end)
            self.assertIn("Conductorfile:2:1: error:", end)
            self.assertIn("exit code 3\n    RUN seq 100 130; exit 3\n    ^", end)

    def test_a_terminal_has_a_view_that_is_drawn(self):
        self.file("RUN echo first line; sleep 0.3; printf '\\033[2J'", "RUN true")
        terminal = Terminal("build", "--no-cache", str(self.context))
        terminal.read_until(r"\| first line")
        self.assertEqual(terminal.wait(), 0)
        self.assertRegex(terminal.text, r"=> \[stage-0 2/3\] RUN echo first line.* +\d+\.\ds\r\n")
        self.assertNotIn("\x1b[2J", terminal.text)
        self.assertRegex(terminal.text, r"Built [0-9a-f]{12}\r\n$")


class Calls(Build):
    def test_what_a_file_offers(self):
        self.file("ARG VERSION=1", "FROM scratch AS small", "ARG VERSION", "RUN --mount=type=secret,id=key true")
        self.assertIn("small", self.build("--call=targets").stdout)
        outline = json.loads(self.build("--call=outline,format=json").stdout)
        self.assertIn("VERSION", json.dumps(outline))
        self.assertIn("key", self.build("--call=outline").stdout)
        self.assertEqual(self.build("--call=ast").stdout.splitlines()[0], f'(from "{self.image}")')

    def test_checks(self):
        self.file("CMD echo a")
        self.assertEqual(self.build("--check", check=False).returncode, 1 if self.warnings_fail() else 0)
        self.assertIn("JSONArgsRecommended", self.build("--call=check", check=False).stdout)
        self.file("RUN true")
        self.build("--check")

    def warnings_fail(self):
        return self.build("--call=check,format=json", check=False).returncode != 0


class Mistakes(Build):
    def test_options(self):
        self.file()
        self.refuse("--outptu", "x", expected=["--outptu", "did you mean '--output'"])
        self.refuse("--output", "type=lcoal,dest=x", expected=["unknown type 'lcoal'", "type is local"])
        self.refuse("--push", expected=["--push is not supported", "type=oci"])
        self.refuse("--platform=linux/s390x", expected=["'linux/s390x' is not the platform"])
        self.refuse("--secret", "id=a,src=/absent", expected=["there is no file '/absent'"])
        self.refuse("--progress=loud", expected=["'loud' is not auto"])
        self.refuse("-f", "-", "-", expected=["one context"])
        self.refuse("--memory=1g", expected=["--memory is not supported"])
        self.assertFails(conductor("build", "/absent", check=False), "is no directory")

    def test_the_file(self):
        self.file("RUNN x")
        self.refuse(expected=["Conductorfile:2:1", "did you mean"], code=1)
        self.file()
        self.refuse("--target", "absent", expected=["absent"], code=1)

    def test_what_means_nothing_here_is_taken(self):
        self.file()
        self.build("-q", "--rm", "--force-rm=false", "--compress", "--provenance=false", "--sbom=false", "--load",
                   "--platform=linux", "--pull=false")


class Interrupted(Build):
    def test_ctrl_c_leaves_nothing(self):
        self.file("RUN echo before; sleep 1000")
        terminal = Terminal("build", str(self.context))
        terminal.read_until(r"\| before")
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 130)
        self.assertIn("interrupted", terminal.text.lower())

    def test_a_signal_stops_stages_that_run_at_the_same_time(self):
        self.file("RUN echo one; sleep 1000", f"FROM {self.image}", "RUN echo two; sleep 1000", f"FROM {self.image}",
                  "COPY --from=0 /x /", "COPY --from=1 /y /")
        build = subprocess.Popen([harness.PROGRAM, "build", "--progress=plain", str(self.context)], text=True,
                                 env=harness.ENVIRONMENT, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wanted = {"one", "two"}
        for line in build.stderr:
            wanted -= {line.strip().rpartition(" ")[2]} if "sleep" not in line else set()
            if not wanted:
                break
        build.send_signal(signal.SIGTERM)
        rest = build.stderr.read()
        build.stderr.close()
        self.assertEqual(build.wait(timeout=30), 130, rest)


if __name__ == "__main__":
    harness.main()
