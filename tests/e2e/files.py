#!/usr/bin/env python3
"""cp, diff, commit, export, volumes and lists of containers, as a person types them."""
import io
import json
import subprocess
import tarfile

import harness
from harness import conductor


class FilesCase(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = self.busybox_image()

    def create(self, name, *flags, command=("sleep", "1000"), run=True):
        self.addCleanup(conductor, "rm", "-f", "-v", name, check=False)
        words = ("run", "-d") if run else ("create",)
        conductor(*words, "--name", name, *flags, self.image, *command)
        return name

    def inside(self, name, *command):
        return conductor("exec", name, *command).stdout

    def refused(self, *words, says, code=None):
        done = conductor(*words, check=False)
        self.assertFails(done, says)
        if code is not None:
            self.assertEqual(done.returncode, code, (words, done.stderr))
        self.assertEqual(done.stdout, "")


class Copies(FilesCase):
    def test_a_file_goes_in_and_out_where_the_rules_say(self):
        self.create("box")
        source = self.write("greeting", "hello\n")
        done = conductor("cp", source, "box:/new")
        self.assertEqual((done.stdout, "Successfully copied" in done.stderr), ("", True))
        conductor("cp", "-q", source, "box:/bin")
        self.assertEqual(self.inside("box", "cat", "/new", "/bin/greeting"), "hello\nhello\n")
        back = self.folder / "back"
        self.assertEqual(conductor("cp", "-q", "box:/new", back).stderr, "")
        self.assertEqual(back.read_text(), "hello\n")
        self.refused("cp", source, "box:/none/", says="/none")
        self.refused("cp", "box:/absent", back, says="/absent")
        self.assertEqual(back.read_text(), "hello\n")

    def test_a_folder_goes_under_its_name_or_with_what_is_in_it(self):
        self.create("box", run=False)
        self.write("tree/a/b", "deep")
        conductor("cp", self.folder / "tree", "box:/made")
        conductor("cp", self.folder / "tree", "box:/made")
        conductor("cp", f"{self.folder}/tree/.", "box:/made")
        conductor("cp", "box:/made", self.folder / "out")
        found = sorted(str(path.relative_to(self.folder / "out")) for path in (self.folder / "out").rglob("*") if path.is_file())
        self.assertEqual(found, ["a/b", "tree/a/b"])

    def test_an_archive_goes_through_a_pipe_both_ways(self):
        self.create("box")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo("piped")
            entry.size, entry.mode = 4, 0o640
            archive.addfile(entry, io.BytesIO(b"tar\n"))
        subprocess.run([harness.PROGRAM, "cp", "-", "box:/bin"], input=packed.getvalue(), env=harness.ENVIRONMENT, check=True,
                       capture_output=True, timeout=60)
        out = subprocess.run([harness.PROGRAM, "cp", "box:/bin/piped", "-"], env=harness.ENVIRONMENT, check=True,
                             capture_output=True, timeout=60).stdout
        with tarfile.open(fileobj=io.BytesIO(out)) as archive:
            self.assertEqual([(entry.name, entry.mode) for entry in archive], [("piped", 0o640)])
            self.assertEqual(archive.extractfile("piped").read(), b"tar\n")

    def test_a_link_inside_leads_nowhere_outside(self):
        self.create("box")
        secret = self.write("secret", "of the host")
        self.inside("box", "ln", "-s", str(secret), "/out")
        self.refused("cp", "-L", "box:/out", self.folder / "stolen", says="there is no 'box:/out'")
        self.assertFalse((self.folder / "stolen").exists())
        conductor("cp", self.write("other", "of the box"), "box:/out", check=False)
        self.assertEqual(secret.read_text(), "of the host")

    def test_words_that_make_no_copy(self):
        self.create("box", run=False)
        for words, says in ((("box:/a", "box:/b"), "between two containers"), (("/a", "/b"), "on one side"), (("box:", "/b"), "on both sides")):
            self.refused("cp", *words, says=says, code=125)
        self.refused("cp", "bix:/a", "/tmp/b", says="bix")


class Trees(FilesCase):
    def test_diff_commit_and_export_agree(self):
        self.create("box", "-e", "KEPT=1", "-v", "/data")
        self.inside("box", "sh", "-c", "echo new > /added; rm /bin/vi; mkdir /folder; echo x > /folder/x; echo v > /data/volume")
        changes = {row["Path"]: row["Kind"] for row in harness.rows("diff", "box")}
        self.assertEqual({path: changes.get(path) for path in ("/added", "/folder", "/folder/x", "/bin", "/bin/vi", "/data/volume")},
                         {"/added": "A", "/folder": "A", "/folder/x": "A", "/bin": "C", "/bin/vi": "D", "/data/volume": None})
        self.assertIn("A /added\n", conductor("diff", "box").stdout)

        self.addCleanup(conductor, "rmi", "-f", "e2e-committed:1", check=False)
        digest = conductor("commit", "-m", "why", "-a", "me", "-c", "ENV MORE=2", "-c", 'CMD ["cat","/added"]', "box", "e2e-committed:1").stdout
        self.assertRegex(digest, r"^sha256:[0-9a-f]{64}\n$")
        self.assertEqual(conductor("run", "--rm", "e2e-committed:1").stdout, "new\n")
        look = "echo $KEPT$MORE; test -e /bin/vi || test -e /data/volume || echo gone"
        seen = conductor("run", "--rm", "e2e-committed:1", "sh", "-c", look).stdout
        self.assertEqual(seen, "12\ngone\n")
        self.refused("commit", "-c", "FROM x", "box", says="FROM")

        whole = self.folder / "whole.tar"
        conductor("export", "-o", whole, "box")
        with tarfile.open(whole) as archive:
            names = {name.removeprefix("./").rstrip("/") for name in archive.getnames()}
        self.assertLessEqual({"added", "folder/x", "bin/busybox"}, names)
        self.assertFalse(names & {"bin/vi", "data/volume"})

    def test_a_name_that_is_none(self):
        for words in (("diff",), ("commit",), ("export", "-o", self.folder / "no.tar")):
            self.refused(*words, "nobody", says="no such container: nobody")
        self.assertFalse((self.folder / "no.tar").exists())


class Volumes(FilesCase):
    def volume(self, *words):
        name = conductor("volume", "create", *words).stdout.strip()
        self.addCleanup(conductor, "volume", "rm", "-f", name, check=False)
        return name

    def names(self, *filters):
        words = [word for text in filters for word in ("--filter", text)]
        return set(conductor("volume", "ls", "-q", *words).stdout.split())

    def test_what_is_kept_is_there_for_the_next(self):
        self.volume("--label", "tier=back", "e2e-kept")
        conductor("run", "--rm", "-v", "e2e-kept:/data", self.image, "sh", "-c", "echo kept > /data/file")
        self.assertEqual(conductor("run", "--rm", "-v", "e2e-kept:/data:ro", self.image, "cat", "/data/file").stdout, "kept\n")
        self.assertEqual(self.names("label=tier=back"), {"e2e-kept"})
        self.assertEqual(json.loads(conductor("volume", "inspect", "e2e-kept").stdout)[0]["Labels"], {"tier": "back"})
        done = conductor("run", "--rm", "-v", "e2e-kept:/data:ro", self.image, "sh", "-c", "echo no > /data/file", check=False)
        self.assertFails(done, "Read-only file system")

    def test_one_in_use_is_not_removed_and_one_without_a_name_goes(self):
        self.volume("e2e-used")
        self.create("box", "-v", "e2e-used:/data", "-v", "/nameless", run=False)
        self.refused("volume", "rm", "e2e-used", says="box")
        self.assertNotIn("e2e-used", self.names("dangling=true"))
        before = self.names()
        conductor("rm", "-v", "box")
        self.assertEqual(len(before - self.names()), 1)
        self.assertIn("e2e-used", self.names("dangling=true"))
        conductor("volume", "rm", "e2e-used")
        self.refused("volume", "rm", "e2e-used", says="e2e-used")

    def test_words_that_mean_no_volume(self):
        self.refused("volume", "create", "-o", "type=nfs", "x", says="'type' is not supported")
        self.refused("volume", "create", "../x", says="../x")
        self.refused("run", "--rm", "-v", "e2e-x:data", self.image, says="data")


class Lists(FilesCase):
    def listed(self, *words):
        return conductor("ps", "-a", "--format", "{{.Names}}", *words).stdout.split()

    def test_filters_take_what_they_name_and_no_more(self):
        self.create("first", "--label", "tier=a", "-v", "/srv", run=False)
        self.create("second", "--label", "tier=b", "--expose", "8080")
        self.create("third", "--label", "tier=b", command=("sh", "-c", "exit 3"))
        conductor("wait", "third")
        for filters, names in (
                (("label=tier=b",), ["third", "second"]), (("label=tier",), ["third", "second", "first"]), (("status=created",), ["first"]),
                (("exited=3",), ["third"]), (("status=running", "label=tier"), ["second"]), (("name=first", "name=third"), ["third", "first"]),
                (("before=second", "label=tier"), ["first"]), (("since=first", "label=tier"), ["third", "second"]), (("volume=/srv",), ["first"]),
                (("expose=8080/tcp",), ["second"]), ((f"ancestor={self.image}", "name=sec"), ["second"])):
            words = [word for text in filters for word in ("--filter", text)]
            self.assertEqual(self.listed(*words), names, filters)
        self.assertEqual(self.listed("-n", "2"), ["third", "second"])
        self.assertEqual(self.listed("-l"), ["third"])
        self.refused("ps", "--filter", "nam=x", says="name")

    def test_formats(self):
        self.create("box", "--label", "org.tier=a,b", run=False)
        only = ("-a", "--filter", "name=box")
        self.assertEqual(conductor("ps", *only, "--format", '{{.Names}} {{.Label "org.tier"}}{{.Label "none"}} {{.State}}').stdout, "box a,b created\n")
        self.assertEqual(conductor("ps", *only, "--format", 'table {{.Names}}\\t{{.Label "org.tier"}}').stdout, "NAMES   TIER\nbox     a,b\n")
        row, = harness.rows("ps", *only)
        self.assertEqual((row["Names"], row["Labels"], "Label" in row), ("box", "org.tier=a,b", False))
        self.assertRegex(conductor("ps", *only, "-q").stdout, r"^[0-9a-f]{12}\n$")
        self.refused("ps", *only, "--format", "{{.Nams}}", says="did you mean 'Names'")


if __name__ == "__main__":
    harness.main()
