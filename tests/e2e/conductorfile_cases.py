#!/usr/bin/env python3
"""The cases of tests/cases/conductorfile that are built: what is in the image afterwards.

A case is a folder with a Conductorfile and, of these, what it needs:
  context/        files of the context; context.txt: more of them, and what git does not keep (see make_context)
  arguments.txt   words of `build`, one a line; {context} and {case} stand for the folders
  image.txt       facts of the configuration, one a line: `Cmd: ["x"]`, `Env.NAME: "value"`, `Labels.a.b: null`
  files.txt       the image's tree, a line an entry: type mode uid:gid path, then -> target or = "content";
                  `# only: /a /b` above restricts it to paths, `# times` adds the times of modification of files
  failure.txt     the build fails, and says each line
UPDATE_CASES=1 writes what comes out instead (then read the diff).
"""
import concurrent.futures
import hashlib
import io
import json
import os
import pathlib
import shlex
import shutil
import stat
import subprocess
import tarfile
import tempfile

# A store of its own, which is thrown away whole.
STORE = tempfile.mkdtemp(prefix="conductor-cases-")
os.environ["CONDUCTOR_E2E_ROOT"], os.environ["CONDUCTOR_E2E_STATE"] = f"{STORE}/root", f"/run/conductor-cases-{os.getpid()}"

import harness  # noqa: E402
from harness import conductor  # noqa: E402

CASES = harness.SOURCE / "tests" / "cases" / "conductorfile"
KINDS = ("image.txt", "files.txt", "failure.txt")
BUSYBOX = pathlib.Path("/bin/busybox")
PROGRAMS = "case-programs"  # what such cases begin with
NAMES = "sh cat chmod chown echo env false grep id ip ls mkdir mv printf pwd rm sed stat test touch true wc".split()
PACKERS = {"tar": ["cat"], "gzip": ["gzip", "-cn"], "bzip2": ["bzip2", "-c"], "xz": ["xz", "-c"], "zstd": ["zstd", "-cq"]}
UPDATE = "UPDATE_CASES" in os.environ


# --- the context ------------------------------------------------------------------------------------------------------

def pack(folder, name, kind, entries):
    """An archive of a few entries: NAME/ is a directory, NAME=text a file, NAME@target a link."""
    plain = folder / (name + ".plain")
    with tarfile.open(plain, "w") as archive:
        for entry in entries:
            path, equals, text = entry.partition("=")
            link, at, target = entry.partition("@")
            info = tarfile.TarInfo((link if at else path).rstrip("/"))
            info.mode, info.uid, info.gid, info.mtime = 0o644, 7, 8, 1700000000
            if at:
                info.type, info.linkname = tarfile.SYMTYPE, target
                archive.addfile(info)
            elif equals:
                info.size = len(text)
                archive.addfile(info, fileobj=io.BytesIO(text.encode()))
            else:
                info.type, info.mode = tarfile.DIRTYPE, 0o750
                archive.addfile(info)
    with open(plain, "rb") as source, open(folder / name, "wb") as target:
        subprocess.run(PACKERS[kind], stdin=source, stdout=target, check=True)
    plain.unlink()


def make_context(case, folder):
    """Copies context/ and follows context.txt: a word of what to make, and its words, quoted as in a shell."""
    if (case / "context").is_dir():
        shutil.copytree(case / "context", folder, symlinks=True, dirs_exist_ok=True)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    if not (case / "context.txt").exists():
        return
    for line in (case / "context.txt").read_text().splitlines():
        what, *words = shlex.split(line)
        path = folder / words[0] if words else folder
        if what in ("file", "dir", "link", "fifo", "hard", "tar"):
            path.parent.mkdir(parents=True, exist_ok=True)
        if what == "file":
            path.write_bytes((words[1] if len(words) > 1 else "").encode().decode("unicode_escape").encode("latin-1"))
            path.chmod(0o644)
        elif what == "dir":
            path.mkdir(exist_ok=True)
            path.chmod(0o755)
        elif what == "link":
            path.symlink_to(words[1])
        elif what == "hard":
            os.link(folder / words[1], path)
        elif what == "fifo":
            os.mkfifo(path, 0o644)
        elif what == "mode":
            path.chmod(int(words[1], 8))
        elif what == "owner":
            os.chown(path, *map(int, words[1].split(":")), follow_symlinks=False)
        elif what == "time":
            os.utime(path, (int(words[1]), int(words[1])), follow_symlinks=False)
        elif what == "tar":
            pack(folder, words[0], words[1], words[2:])
        else:
            raise AssertionError(f"{case.name}/context.txt: what is '{what}'?")


# --- the image --------------------------------------------------------------------------------------------------------

def is_opaque(path):
    try:
        return os.getxattr(path, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def merge(layer, tree):
    """Lays a directory in overlay form on a tree {path: path on this machine}."""
    for folder, folders, files in os.walk(layer):
        inside = "/" + os.path.relpath(folder, layer) if folder != str(layer) else ""
        for name in sorted(folders + files):
            source, path = os.path.join(folder, name), f"{inside}/{name}"
            status = os.lstat(source)
            whiteout = stat.S_ISCHR(status.st_mode) and status.st_rdev == 0
            if whiteout or not stat.S_ISDIR(status.st_mode) or is_opaque(source):
                for below in [known for known in tree if known == path or known.startswith(path + "/")]:
                    del tree[below]
            if not whiteout:
                tree[path] = source


def content(path):
    data = pathlib.Path(path).read_bytes()
    try:
        return json.dumps(data.decode()) if len(data) <= 200 else f"sha256:{hashlib.sha256(data).hexdigest()}"
    except UnicodeDecodeError:
        return f"sha256:{hashlib.sha256(data).hexdigest()}"


def listing(record, header):
    tree = {}
    for layer in record["layers"]:
        merge(harness.ROOT / "layers" / layer, tree)
    only = next((line.split()[2:] for line in header if line.startswith("# only:")), [])
    lines = list(header)
    for path in sorted(tree):
        if only and not any(path == wanted or path.startswith(wanted.rstrip("/") + "/") for wanted in only):
            continue
        status = os.lstat(tree[path])
        kind = {stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFREG: "f", stat.S_IFIFO: "p"}.get(stat.S_IFMT(status.st_mode), "?")
        mode = "----" if kind == "l" else f"{stat.S_IMODE(status.st_mode):04o}"
        line = f"{kind} {mode} {status.st_uid}:{status.st_gid} {path}"
        if kind == "l":
            line += f" -> {os.readlink(tree[path])}"
        if kind == "f":
            line += f" = {content(tree[path])}"
            if "# times" in header:
                line += f" @{int(status.st_mtime)}"
        lines.append(line)
    return "".join(line + "\n" for line in lines)


def fact(image, key):
    """A member of the configuration; absent and empty are the same. Sets written as objects are shown as lists."""
    config = image["Config"]
    first, _, rest = key.partition(".")
    if first == "Env" and rest:
        return next((entry.partition("=")[2] for entry in config.get("Env") or [] if entry.startswith(rest + "=")), None)
    value = image.get(first) if first in ("Author", "Architecture", "Os") else config.get(first)
    if rest:
        return (value or {}).get(rest)
    if isinstance(value, dict) and value and all(member in ({}, None) for member in value.values()):
        value = sorted(value)
    return value or None


class Cases(harness.Case):
    def build(self, case):
        """The image, and the message of a failure."""
        words = (case / "arguments.txt").read_text().splitlines() if (case / "arguments.txt").exists() else []
        with tempfile.TemporaryDirectory(prefix="conductor-case-") as scratch:
            context = pathlib.Path(scratch) / "context"
            context.mkdir()
            make_context(case, context)
            words = [word.replace("{context}", str(context)).replace("{case}", str(case)) for word in words]
            done = conductor("build", "-q", "-f", case / "Conductorfile", *words, context, check=False, timeout=60)
        if done.returncode != 0:
            return None, done.stderr
        image = {"id": done.stdout.strip().removeprefix("sha256:")}
        if (case / "image.txt").exists():
            image["facts"] = json.loads(conductor("inspect", "--type", "image", image["id"]).stdout)[0]
        return image, ""

    def build_programs(self):
        """The image that cases stand on which run programs: busybox with the usual names."""
        with tempfile.TemporaryDirectory(prefix="conductor-case-") as scratch:
            folder = pathlib.Path(scratch)
            (folder / "bin").mkdir()
            shutil.copy(BUSYBOX, folder / "bin" / "busybox")
            for name in NAMES:
                (folder / "bin" / name).symlink_to("busybox")
            (folder / "Conductorfile").write_text("FROM scratch\nCOPY bin /bin\n")
            conductor("build", "-q", "-t", PROGRAMS, folder)

    def check(self, path, expected, actual):
        if UPDATE:
            path.write_text(actual)
        else:
            self.assertEqual(actual, expected, f"{path.parent.name}/{path.name}")

    def check_case(self, case, image, failure):
        if (case / "failure.txt").exists():
            self.assertIsNone(image, "the build did not fail")
            for line in (case / "failure.txt").read_text().splitlines():
                self.assertIn(line, failure)
            return
        self.assertIsNotNone(image, failure)
        if (case / "files.txt").exists():
            expected = (case / "files.txt").read_text()
            record = json.loads((harness.ROOT / "images" / f"{image['id']}.json").read_text())
            header = [line for line in expected.splitlines() if line.startswith("#")]
            self.check(case / "files.txt", expected, listing(record, header))
        if (case / "image.txt").exists():
            expected = (case / "image.txt").read_text()
            keys = [line.partition(": ")[0] for line in expected.splitlines()]
            facts = "".join(f"{key}: {json.dumps(fact(image['facts'], key), ensure_ascii=False)}\n" for key in keys)
            self.check(case / "image.txt", expected, facts)

    def test_cases(self):
        cases = sorted(path for path in CASES.iterdir() if any((path / kind).exists() for kind in KINDS))
        chosen = os.environ.get("CASE")
        cases = [case for case in cases if not chosen or chosen in case.name]
        packed = {case: words[2] for case in cases if (case / "context.txt").exists()
                  for words in map(str.split, (case / "context.txt").read_text().splitlines()) if words[0] == "tar"}
        for case in [case for case, kind in packed.items() if shutil.which(PACKERS[kind][0]) is None]:
            print(f"SKIP: {case.name}: there is no {packed[case]} on this machine")
            cases.remove(case)
        runs = [case for case in cases if f"FROM {PROGRAMS}" in (case / "Conductorfile").read_text()]
        if not BUSYBOX.exists():
            print(f"SKIP: {len(runs)} cases run programs, and there is no {BUSYBOX}")
            cases, runs = [case for case in cases if case not in runs], []
        self.assertTrue(chosen or len(cases) >= 80, f"only {len(cases)} cases")
        cases.sort(key=lambda case: not (case / "image.txt").exists())  # an inspect reads all images there are
        if runs:
            self.build_programs()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            built = list(pool.map(self.build, cases))
        for case, (image, failure) in zip(cases, built):
            with self.subTest(case.name):
                self.check_case(case, image, failure)


if __name__ == "__main__":
    os.umask(0o022)
    try:
        harness.main()
    finally:
        shutil.rmtree(STORE, ignore_errors=True)
        shutil.rmtree(os.environ["CONDUCTOR_E2E_STATE"], ignore_errors=True)
