#!/usr/bin/env python3
"""The coding rules a machine can check: close-on-exec everywhere, no shell, no sleeping, no std::regex, no host names."""
import pathlib
import re
import sys

root = pathlib.Path(__file__).resolve().parents[2]
# System calls are written with a leading `::`, which is how the rules find them.
RULES = [  # (what, pattern, where it is allowed)
    ("a shell is never used", r"\b(std::)?system\s*\(\s*\"|\bpopen\s*\(", ()),
    ("waiting is for an event, not for a time", r"\b(sleep_for|sleep_until|usleep|nanosleep)\b|[^_\w]sleep\s*\(", ("src/store/lock.cpp", "src/linux/cgroup.cpp")),
    ("std::regex is not linear", r"std::w?regex", ()),
    ("open needs O_CLOEXEC", r"(?<!\w)::open(at)?\((?!.*O_CLOEXEC)", ()),
    ("sockets need SOCK_CLOEXEC", r"(?<!\w)::socket(pair)?\s*\((?!.*SOCK_CLOEXEC)", ()),
    ("pipe needs pipe2", r"(?<![\w.])pipe\s*\(\s*\w", ()),
    ("dup needs F_DUPFD_CLOEXEC or dup3", r"(?<![\w.])dup\s*\(", ()),
    ("dup2 is for the descriptors of a program about to run", r"(?<![\w.])dup2\s*\(", ("src/linux/", "src/monitor/", "src/image/bootstrap.cpp")),
    ("memory files need MFD_CLOEXEC", r"memfd_create\s*\((?!.*MFD_CLOEXEC)", ()),
    ("a stored pid is never signalled bare", r"(?<!\w)::kill\s*\(", ("src/linux/",)),
    ("paths below a root go through RootFd", r"std::filesystem", ("src/store/", "src/builder/context.cpp", "src/volume/bind.cpp", "src/compose/", "src/cli/")),
    ("left open", r"\b(TODO|FIXME|XXX|HACK)\b", ()),
]

problems = []
for path in sorted([*root.glob("src/**/*.[ch]pp"), *root.glob("examples/**/*.[ch]pp")]):
    name = str(path.relative_to(root))
    for number, line in enumerate(path.read_text().splitlines(), 1):
        code = re.sub(r"//.*", "", line) if "://" not in line else line
        for what, pattern, allowed in RULES:
            subject = line if what == "left open" else code
            if re.search(pattern, subject) and not name.startswith(tuple(allowed)):
                problems.append(f"{name}:{number}: {what}: {line.strip()}")

print("\n".join(problems) or "all rules hold")
sys.exit(1 if problems else 0)
