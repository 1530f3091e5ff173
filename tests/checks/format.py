#!/usr/bin/env python3
"""clang-format over every source file; prints the files that would change."""
import pathlib
import shutil
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]
tool = shutil.which("clang-format-19")
if not tool:
    print("SKIP: clang-format-19 is not installed")
    sys.exit(77)
files = [str(path) for folder in ("src", "tests", "examples") for path in sorted(root.glob(f"{folder}/**/*.[ch]pp"))]
result = subprocess.run([tool, "--dry-run", "--Werror", *files], capture_output=True, text=True, check=False)
print(result.stderr or f"{len(files)} files are formatted")
sys.exit(result.returncode)
