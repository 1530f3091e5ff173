#!/usr/bin/env python3
"""What a container sees of its own confinement: the same for run, exec, a build's RUN, a health check and a restart, and what
the options for security change of it. The probe is tests/support/confinement_probe.cpp, the expected text lies in
tests/cases/confinement."""
import hashlib
import json
import os
import pathlib
import platform
import re
import subprocess
import time

import harness
from harness import conductor

PROBE = harness.BUILD / "tests" / "confinement_probe"
EXPECTED = harness.SOURCE / "tests" / "cases" / "confinement"
MASKED = ("/proc/acpi /proc/asound /proc/interrupts /proc/kcore /proc/keys /proc/latency_stats /proc/sched_debug /proc/scsi "
          "/proc/timer_list /proc/timer_stats /sys/devices/virtual/powercap /sys/firmware /sys/fs/bpf /sys/fs/selinux "
          "/sys/kernel/debug /sys/kernel/security /sys/kernel/tracing").split()
READ_ONLY = "/proc/bus /proc/fs /proc/irq /proc/sys /proc/sysrq-trigger".split()
MASKED += sorted(map(str, pathlib.Path("/sys/devices/system/cpu").glob("cpu*/thermal_throttle")))


def sections(text):
    """{name: [line…]} of what the probe has written."""
    found, lines = {}, []
    for line in text.splitlines():
        if line.startswith("["):
            lines = found.setdefault(line[1:-1], [])
        else:
            lines.append(line)
    return found


def machine_independent(report):
    """The lines that are the same on every machine."""
    kept = {name: report[name] for name in ("status", "sysctls", "devices", "calls")}
    kept["sysctls"] = [line for line in kept["sysctls"] if "ipv6" not in line]
    kept["status"] = [line for line in kept["status"] if not line.startswith("THP")]
    hidden = tuple(path + " " for path in MASKED + READ_ONLY)
    kept["mounts"] = [line for line in report["mounts"] if not line.startswith((*hidden, "/sys/fs/cgroup", "/etc/"))]
    kept["cgroup mounts"] = sorted({" ".join(line.split()[2:]) for line in report["mounts"] if line.startswith("/sys/fs/cgroup")})
    kept["limits"] = [re.sub(r"  +", "  ", line).strip() for line in report["limits"] if line.startswith("Max core")]
    kept["namespaces"] = [f"{name} {'host' if os.readlink(f'/proc/self/ns/{name}') == there else 'own'}"
                          for name, there in (line.split() for line in report["namespaces"])]
    kept["descriptors"] = [line.split()[0] for line in report["descriptors"]]
    return "".join(f"[{name}]\n" + "".join(line + "\n" for line in lines) for name, lines in kept.items())


def comparable(report):
    """A report without what differs from process to process."""
    text = dict(report)
    text["descriptors"] = [re.sub(r"\d+\]", "]", line).split()[0] for line in text["descriptors"]]
    text["namespaces"] = [line.split()[0] for line in text["namespaces"]]
    text["mounts"] = [line for line in text["mounts"] if not line.startswith("/etc/hostname ")]  # a build's is its layer's
    return text


class Confined(harness.Case):
    def setUp(self):
        super().setUp()
        self.image = self.probe_image()

    def probe_image(self):
        folder = self.folder / "probe-image"
        folder.mkdir()
        for source, name in (("/bin/busybox", "busybox"), (PROBE, "probe")):
            (folder / name).write_bytes(pathlib.Path(source).read_bytes())
            (folder / name).chmod(0o755)
        run = json.dumps(["/bin/probe", "/built", *MASKED])
        (folder / "Conductorfile").write_text(
            'FROM scratch\nCOPY busybox probe /bin/\nRUN ["/bin/busybox", "--install", "-s", "/bin"]\n'
            f'ENV PATH=/bin\nRUN {run}\nCMD ["sh"]\n')
        conductor("build", "-q", "--no-cache", "-t", "e2e-probe", folder)
        self.addCleanup(conductor, "rmi", "-f", "e2e-probe", check=False)
        return "e2e-probe"

    def start(self, *words):
        name = conductor("run", "-d", *words).stdout.strip()
        self.addCleanup(conductor, "rm", "-f", name, check=False)
        return name

    def sh(self, *flags, script, check=True):
        return conductor("run", "--rm", *flags, self.image, "sh", "-c", script, check=check)

    def until(self, holds, seconds=20):
        deadline = time.monotonic() + seconds
        while not (found := holds()):
            if time.monotonic() > deadline:
                raise AssertionError("it does not come")
        return found


class TheSameForAll(Confined):
    def reports(self):
        """What the probe says in each way a process of a container begins."""
        found = {"run": conductor("run", "--rm", self.image, "probe", "-", *MASKED).stdout,
                 "build": conductor("run", "--rm", self.image, "cat", "/built").stdout}
        check = "probe /checked.new " + " ".join(MASKED) + " && mv /checked.new /checked"
        held = self.start("--health-cmd", check, "--health-interval", "1s", self.image, "sleep", "1000")
        found["exec"] = conductor("exec", held, "probe", "-", *MASKED).stdout
        found["health"] = self.until(lambda: conductor("exec", held, "cat", "/checked", check=False).stdout)
        again = self.start("--restart", "on-failure:1", self.image, "sh", "-c",
                           "test -e /first && exec probe - " + " ".join(MASKED) + "; touch /first; exit 1")
        conductor("wait", again)
        found["restart"] = conductor("logs", again).stdout
        return {way: sections(text) for way, text in found.items()}

    def test_every_process_is_confined_alike_and_as_it_is_written(self):
        reports = self.reports()
        for way, report in reports.items():
            self.assertEqual(comparable(report), comparable(reports["run"]), way)
        shown = {way: machine_independent(report) for way, report in reports.items()}
        expected = EXPECTED / f"{platform.machine()}.txt"
        if not expected.exists():
            self.skipTest(f"nothing is written down for {platform.machine()}")
        for way, text in shown.items():
            self.assertEqual(text, expected.read_text(), way)
        self.assertGreaterEqual(len(reports["run"]["calls"]), 80)

    def test_masks_hold_and_nothing_below_proc_and_sys_can_be_written(self):
        lines = sections(conductor("run", "--rm", self.image, "probe", "-", *MASKED).stdout)["masks"]
        present = [path for path in MASKED if os.path.exists(path)]
        self.assertEqual([line.split()[0] for line in lines], present)
        for line in lines:
            self.assertRegex(line, r"^\S+ (null, (read-only|writable)|empty directory, read-only), umount refused, rename refused, "
                                   r"remove refused, make refused$")
        write = "for f in $(find " + " ".join(READ_ONLY) + " /sys -type f 2>/dev/null | head -3000); do (: > $f) 2>/dev/null && echo $f; done; true"
        self.assertEqual(self.sh(script=write).stdout, "")
        for path in READ_ONLY:
            if os.path.exists(path):
                done = self.sh(script=f"umount {path} || mount -o remount,rw {path} || mv {path} /proc/x", check=False)
                self.assertNotEqual(done.returncode, 0, path)

    def test_processes_and_sessions_are_limited_and_apart(self):
        self.assertEqual(self.sh(script="cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null; true").stdout, "2048\n")
        self.assertEqual(self.sh(script="cat /proc/self/cgroup | cut -d: -f3 | sort -u").stdout, "/\n")
        self.assertEqual(self.sh("-e", "A=b", script="env | cut -d= -f1 | sort").stdout.split(),
                         ["A", "HOME", "HOSTNAME", "PATH", "PWD", "SHLVL"])

    def test_a_working_directory_in_proc_is_refused(self):
        held = self.start(self.image, "sleep", "1000")
        for number in range(65):
            done = conductor("exec", "-w", f"/proc/self/fd/{number}", held, "pwd", check=False)
            self.assertNotEqual(done.returncode, 0, number)
            self.assertEqual(done.stdout, "", number)
        for number in range(0, 65, 8):
            done = conductor("run", "--rm", "-w", f"/proc/self/fd/{number}", self.image, "pwd", check=False)
            self.assertNotEqual(done.returncode, 0, number)


class Descriptors(Confined):
    """Every descriptor of ours is closed by an execution, whatever runs next."""
    FLAG = {"open": "O_CLOEXEC", "openat": "O_CLOEXEC", "openat2": "O_CLOEXEC", "creat": "never", "socket": "SOCK_CLOEXEC",
            "socketpair": "SOCK_CLOEXEC", "accept": "never", "accept4": "SOCK_CLOEXEC", "pipe": "never", "pipe2": "O_CLOEXEC",
            "dup": "never", "dup3": "O_CLOEXEC", "epoll_create": "never", "epoll_create1": "EPOLL_CLOEXEC",
            "memfd_create": "MFD_CLOEXEC", "eventfd": "never", "eventfd2": "EFD_CLOEXEC", "signalfd": "never",
            "signalfd4": "SFD_CLOEXEC", "timerfd_create": "TFD_CLOEXEC", "inotify_init": "never",
            "inotify_init1": "IN_CLOEXEC", "fsopen": "FSOPEN_CLOEXEC", "fsmount": "FSMOUNT_CLOEXEC",
            "open_tree": "OPEN_TREE_CLOEXEC", "recvmsg": "MSG_CMSG_CLOEXEC", "userfaultfd": "O_CLOEXEC"}

    def setUp(self):
        super().setUp()
        if subprocess.run(["which", "strace"], capture_output=True, check=False).returncode != 0:
            self.skipTest("needs strace")

    def calls(self, *words):
        """Calls of ours that make descriptors: those before a program of the container is executed."""
        trace = self.folder / "trace"
        done = subprocess.run(["strace", "-f", "-qq", "-s", "64", "-e", "signal=none", "-e", "trace=execve,fcntl," + ",".join(self.FLAG),
                               "-o", trace, harness.PROGRAM, *words], env=harness.ENVIRONMENT, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        theirs, made = set(), []
        for line in trace.read_text().splitlines():
            pid, call = line.split(maxsplit=1)
            if call.startswith('execve("/bin/'):  # a path of the container's
                theirs.add(pid)
            elif pid not in theirs and not call.startswith("execve"):
                made.append(call)
        self.assertEqual(len(theirs), 1)
        return made

    def test_of_run_and_exec(self):
        held = self.start(self.image, "sleep", "1000")
        for words in (("run", "--rm", self.image, "true"), ("exec", held, "true"), ("exec", "-w", "/bin", held, "true")):
            made = self.calls(*words)
            self.assertGreater(len(made), 50, words)
            left = []
            for call in made:
                name = call.partition("(")[0]
                if " = -1 " in call or call.startswith("<"):  # failed; or the rest of a call that was shown before
                    continue
                if name == "fcntl" and re.search(r"F_DUPFD[,)]", call):
                    left.append(call)
                if name == "recvmsg" and "SCM_RIGHTS" not in call:
                    continue
                if name in self.FLAG and self.FLAG[name] not in call:
                    left.append(call)
            self.assertEqual(left, [], words)


class Options(Confined):
    def status(self, *flags, user="0"):
        lines = sections(conductor("run", "--rm", "-u", user, *flags, self.image, "probe").stdout)["status"]
        return dict(re.split(r":?\s+", line, maxsplit=1) for line in lines)

    def refused(self, *flags, says):
        done = conductor("run", "--rm", *flags, self.image, "true", check=False)
        self.assertFails(done, says)
        self.assertEqual(done.returncode, 125)

    def test_capabilities(self):
        self.assertEqual(self.status("--cap-add", "NET_RAW", "--cap-drop", "all")["CapEff"], "0000000000002000")
        added = self.status("--cap-add", "NET_RAW")
        self.assertEqual((added["CapInh"], added["CapAmb"]), ("0" * 16, "0" * 16))
        user = self.status(user="1000")
        self.assertEqual((user["CapEff"], user["CapPrm"], user["CapBnd"]), ("0" * 16, "0" * 16, "00000000800405fb"))
        self.refused("--cap-add", "NET_RAV", says="did you mean 'CAP_NET_RAW'")

    def test_new_privileges_and_profiles(self):
        self.assertEqual(self.status("--security-opt", "no-new-privileges=false")["NoNewPrivs"], "0")
        self.assertEqual(self.status("--security-opt", "no-new-privileges")["NoNewPrivs"], "1")
        self.assertEqual(self.status("--security-opt", "seccomp=unconfined")["Seccomp"], "0")
        profile = self.write("p.json", json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
            {"names": ["mkdir", "mkdirat", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 17}]}))
        name = self.start("--security-opt", f"seccomp={profile}", self.image, "sleep", "1000")
        done = conductor("exec", name, "mkdir", "/new", check=False)
        self.assertIn("File exists", done.stderr)
        profile.unlink()  # its text is the container's own
        conductor("restart", "-t", "0", name)
        self.assertIn("File exists", conductor("exec", name, "mkdir", "/new", check=False).stderr)
        self.refused("--security-opt", "seccomp=/not/there", says="/not/there")
        self.refused("--security-opt", f"seccomp={self.write('q.json', '{}')}", says="defaultAction is missing")
        self.refused("--security-opt", "systempaths=unconfined", says="is not supported")
        if not os.path.exists("/sys/module/apparmor"):
            self.refused("--security-opt", "apparmor=docker-default", says="this kernel has no AppArmor")
        else:
            self.refused("--security-opt", "apparmor=no-such-profile", says="AppArmor profile no-such-profile")

    def test_programs_of_other_architectures_run_where_a_profile_names_them(self):
        call = lambda *flags: [line for line in sections(conductor("run", "--rm", *flags, self.image, "probe").stdout)["calls"]
                               if line.startswith("i386 getpid")]
        profile = self.write("32.json", json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "archMap": [
            {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}]}))
        self.assertEqual(call("--security-opt", f"seccomp={profile}"), call("--security-opt", "seccomp=unconfined"))

    def test_a_session_keyring_of_its_own(self):
        own = subprocess.run([PROBE, "keyring"], capture_output=True, text=True, check=True).stdout.strip()
        if int(own) < 0:
            self.skipTest("this kernel has no keys")
        seen = [conductor("run", "--rm", "--security-opt", "seccomp=unconfined", self.image, "probe", "keyring").stdout.strip()
                for _ in range(2)]
        self.assertEqual(len({own, *seen}), 3)

    def test_devices(self):
        self.assertEqual(self.sh(script="cat /dev/kmsg", check=False).returncode, 1)
        read = self.sh("--device", "/dev/zero:/dev/none/nought:r",
                       script="head -c 3 /dev/none/nought | wc -c; stat -c %t:%T /dev/none/nought")
        self.assertEqual(read.stdout.split(), ["3", "1:5"])
        folder = self.folder / "nodes"
        (folder / "below").mkdir(parents=True)
        os.mknod(folder / "one", 0o666 | 0o020000, os.makedev(1, 5))
        os.mknod(folder / "below" / "two", 0o666 | 0o020000, os.makedev(1, 7))
        (folder / "file").write_text("no device")
        done = self.sh("--device", f"{folder}:/dev/all", script="cd /dev/all && find . | sort")
        self.assertEqual(done.stdout.split(), [".", "./below", "./below/two", "./one"])
        # A device that no rule names: its node can be made with the capability, and not used.
        make = "mknod /tmp-node c 1 11 2>/dev/null; (: < /tmp-node) 2>&1"
        self.assertNotEqual(self.sh("--cap-add", "MKNOD", script=make, check=False).returncode, 0)
        done = self.sh("--cap-add", "MKNOD", "--device-cgroup-rule", "c 1:11 rwm", script="mknod /n c 1 11 && stat -c %t:%T /n")
        self.assertEqual(done.stdout.strip(), "1:b")
        self.refused("--device", "/dev/not-there", says="/dev/not-there")
        self.refused("--device", "/etc/passwd:/dev/x", says="it is no device")
        self.refused("--device", "/dev/null:/etc/passwd", says="has its place below /dev")
        self.refused("--device-cgroup-rule", "c 1:11", says="is not TYPE MAJOR:MINOR ACCESS")

    def test_sysctls_and_limits(self):
        done = self.sh("--sysctl", "net.core.somaxconn=77", "--sysctl", "kernel.shmmax=12345",
                       script="cat /proc/sys/net/core/somaxconn /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_unprivileged_port_start")
        self.assertEqual(done.stdout.split(), ["77", "12345", "0"])
        before = pathlib.Path("/proc/sys/kernel/core_pattern").read_text()
        for name in ("kernel.core_pattern", "vm.swappiness", "net/../kernel/core_pattern", "kernel.shmmax/../core_pattern"):
            self.refused("--sysctl", f"{name}=x", says="is not one a container has for itself")
        self.refused("--network", "host", "--sysctl", "net.core.somaxconn=1", says="net.core.somaxconn")
        self.assertEqual(pathlib.Path("/proc/sys/kernel/core_pattern").read_text(), before)
        name = self.start("--ulimit", "nofile=100:200", "--ulimit", "core=0", self.image, "sleep", "1000")
        for command in (["exec", name], ["run", "--rm", "--ulimit", "nofile=100:200", self.image]):
            limits = conductor(*command, "sh", "-c", "ulimit -Sn; ulimit -Hn").stdout.split()
            self.assertEqual(limits, ["100", "200"])
        self.refused("--ulimit", "nofiles=1", says="did you mean 'nofile'")
        self.refused("--ulimit", f"nofile=1:{1 << 40}", says="cannot be raised over")

    def test_privileged(self):
        status = self.status("--privileged")
        self.assertEqual((status["Seccomp"], status["NoNewPrivs"]), ("0", "0"))
        mine = re.search(r"CapBnd:\s+(\w+)", pathlib.Path("/proc/self/status").read_text()).group(1)
        self.assertEqual(status["CapEff"], mine)
        done = self.sh("--privileged", script="test -e /dev/kmsg && echo devices; grep -c ' /sys sysfs ro' /proc/mounts; "
                                              "wc -c < /proc/kallsyms | grep -qv '^0$' && echo unmasked; mount -t tmpfs x /mnt 2>/dev/null "
                                              "|| mkdir /m && mount -t tmpfs x /m && echo mounts", check=False)
        self.assertEqual(done.stdout.split(), ["devices", "0", "unmasked", "mounts"])
        self.assertEqual(self.status("--privileged", "--security-opt", f"seccomp={self.write('p.json', json.dumps({'defaultAction': 'SCMP_ACT_ALLOW'}))}")["Seccomp"], "2")

    def test_what_was_asked_for_is_shown(self):
        name = conductor("create", "--privileged", "--cap-drop", "SYS_MODULE", "--device", "/dev/null:/dev/x:r", "--ulimit", "nofile=1:2",
                         "--sysctl", "kernel.shmmax=1", "--device-cgroup-rule", "c 1:* r", "--security-opt", "seccomp=unconfined",
                         "--read-only", self.image).stdout.strip()
        self.addCleanup(conductor, "rm", "-f", name, check=False)
        host = json.loads(conductor("inspect", name).stdout)[0]["HostConfig"]
        self.assertEqual({key: host[key] for key in ("Privileged", "ReadonlyRootfs", "CapAdd", "CapDrop", "SecurityOpt", "Devices",
                                                     "DeviceCgroupRules", "Sysctls", "Ulimits", "MaskedPaths")},
                         {"Privileged": True, "ReadonlyRootfs": True, "CapAdd": [], "CapDrop": ["SYS_MODULE"],
                          "SecurityOpt": ["seccomp=unconfined"],
                          "Devices": [{"PathOnHost": "/dev/null", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}],
                          "DeviceCgroupRules": ["c 1:* r"], "Sysctls": {"kernel.shmmax": "1"},
                          "Ulimits": [{"Name": "nofile", "Hard": 2, "Soft": 1}], "MaskedPaths": []})

    def test_a_root_that_cannot_be_written(self):
        done = self.sh("--read-only", script="touch /x 2>/dev/null; touch /dev/shm/x && echo memory; test -e /x || echo refused")
        self.assertEqual(done.stdout.split(), ["memory", "refused"])

    def test_the_profile_is_shown_and_can_be_given_back(self):
        text = conductor("system", "seccomp").stdout
        self.assertEqual(json.loads(text)["defaultErrnoRet"], 38)
        profile = self.write("own.json", text)
        usual = sections(conductor("run", "--rm", self.image, "probe").stdout)["calls"]
        given = sections(conductor("run", "--rm", "--security-opt", f"seccomp={profile}", self.image, "probe").stdout)["calls"]
        self.assertEqual(given, usual)


if __name__ == "__main__":
    harness.main()
