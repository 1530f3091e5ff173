#!/usr/bin/env python3
"""clang-tidy over every source file of src/, on all cores: tidy.py BUILD-FOLDER. Files that were clean in this build folder
with the same content, headers and configuration are not read again."""
import concurrent.futures
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
build = pathlib.Path(sys.argv[1])
tool = shutil.which("clang-tidy-19")
if not tool:
    print("SKIP: clang-tidy-19 is not installed")
    sys.exit(77)

names = [str(path.relative_to(root)) for path in sorted(root.glob("src/**/*.[ch]pp"))]
common = hashlib.sha256((root / ".clang-tidy").read_bytes())
for name in sorted(names):
    if name.endswith(".hpp"):
        common.update((root / name).read_bytes())
clean = build / "tidy-clean"
clean.mkdir(exist_ok=True)


def check(name):
    digest = common.copy()
    digest.update((root / name).read_bytes())
    mark = clean / digest.hexdigest()
    if mark.exists():
        return name, 0, ""
    result = subprocess.run([tool, "--quiet", "--extra-arg=-Wno-unknown-warning-option", "--extra-arg=-Wno-deprecated-declarations", "-p", build, root / name], capture_output=True, text=True, check=False)
    if result.returncode == 0:
        mark.touch()
    return name, result.returncode, result.stdout


failed = 0
sources = [name for name in names if name.endswith(".cpp")]
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    for name, code, text in pool.map(check, sources):
        if code != 0:
            failed += 1
            print(f"--- {name}\n{text}")
print(f"{len(sources) - failed} of {len(sources)} files are clean")
sys.exit(1 if failed else 0)
