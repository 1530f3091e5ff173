#!/usr/bin/env python3
"""Reads every #include of src/ and fails on an arrow that points up, or sideways between two rooms of one level."""
import pathlib
import re
import sys

LEVELS = {
    "cli": 8, "manager": 7, "compose": 6, "builder": 5, "engine": 4,
    "runtime": 3, "network": 3, "image": 3, "volume": 3,
    "store": 2, "parser": 2, "monitor": 2, "transfer": 2, "linux": 1, "base": 0,
}
# Libraries that one room alone may see: the name of the header's first part, and the room.
LIBRARIES = {"tao": "parser", "yaml-cpp": "parser", "CLI": "cli", "spdlog": "cli", "nlohmann": "base", "openssl": "base",
             "libmnl": "linux", "libnftnl": "linux", "nftables": "linux", "seccomp.h": "linux", "curl": "transfer",
             "archive.h": "transfer", "archive_entry.h": "transfer"}
ROOMS_WITHOUT_KERNEL = {"cli", "compose", "parser"}
KERNEL = re.compile(r"^(sys/mount|sys/syscall|sched|linux/)")

source = pathlib.Path(__file__).resolve().parents[2] / "src"
problems = []
for file in sorted(source.rglob("*.[ch]pp")):
    room = file.relative_to(source).parts[0]
    if room not in LEVELS:
        problems.append(f"{file}: the room '{room}' has no level")
        continue
    for number, line in enumerate(file.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not match:
            continue
        quote, target = match.groups()
        first = target.split("/")[0]
        place = f"{file.relative_to(source.parent)}:{number}: {room} includes {target}"
        if quote == '"':
            if first not in LEVELS:
                problems.append(f"{place}: not a room; write the path from src/")
            elif first != room and LEVELS[first] >= LEVELS[room]:
                problems.append(f"{place}: level {LEVELS[room]} may include only lower levels, not level {LEVELS[first]}")
            elif room == "monitor" and first not in ("monitor", "linux", "base"):
                problems.append(f"{place}: the monitor knows linux and base alone")
            elif room == "parser" and first not in ("parser", "base"):
                problems.append(f"{place}: the parser knows no machine")
        elif first in LIBRARIES and LIBRARIES[first] != room:
            problems.append(f"{place}: this library is seen in {LIBRARIES[first]} alone")
        elif room in ROOMS_WITHOUT_KERNEL and KERNEL.match(target):
            problems.append(f"{place}: {room} makes no system calls")

print("\n".join(problems) or "every include points down")
sys.exit(1 if problems else 0)
