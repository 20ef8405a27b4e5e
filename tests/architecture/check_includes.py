#!/usr/bin/env python3
"""Fails on an include that goes the wrong way between rooms, or a kernel library used outside core/kernel."""
import pathlib
import re
import sys

# What each room may include, itself aside. The directions of the design: base <- facts <- {kernel, sql, checks, report};
# kernel <- {gather, observe, probe}; all of these <- conclude <- cli.
MAY_INCLUDE = {
    "base": set(),
    "facts": {"base"},
    "kernel": {"base", "facts"},
    "gather": {"base", "facts", "kernel"},
    "observe": {"base", "facts", "kernel"},
    "probe": {"base", "facts", "kernel"},
    "sql": {"base", "facts"},
    "checks": {"base", "facts", "sql"},
    "plugin": {"base", "facts", "sql", "checks"},
    "conclude": {"base", "facts", "kernel", "gather", "observe", "probe", "sql", "checks", "plugin"},
    "report": {"base", "facts", "checks", "conclude"},
    "fleet": {"base", "facts", "sql"},
    "cli": {"base", "facts", "kernel", "gather", "observe", "probe", "sql", "checks", "plugin", "conclude", "report", "fleet"},
}
# Headers through which one talks to the kernel's tables, and the only rooms that may.
KERNEL_HEADER = re.compile(
    r"^(libmnl/|libnftnl/|libnetfilter_conntrack/|libiptc/|netlink/|libnl3/|linux/(netlink|rtnetlink|ethtool|sock_diag|inet_diag|"
    r"netfilter|genetlink|sockios|if_|neighbour|pkt_)|net/if\.h|sched\.h|sys/ioctl\.h|dirent\.h)")
KERNEL_ROOMS = {"kernel"}
# Heavy or foreign libraries, each at home in few rooms.
LIBRARY_ROOMS = [
    (re.compile(r"^sqlite3\.h$"), {"sql"}),
    (re.compile(r"^toml\+\+/"), {"checks", "cli", "plugin"}),
    (re.compile(r"^CLI/"), {"cli"}),
    (re.compile(r"^nlohmann/"), {"report", "fleet", "cli"}),
    (re.compile(r"^zstd\.h$"), {"report"}),
    (re.compile(r"^bpf/"), {"kernel", "observe"}),
    (re.compile(r"^libpq"), {"fleet"}),
    (re.compile(r"^asio"), {"probe"}),
]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
PROCESS_CALLS = re.compile(r"\b(system|popen|execv[pe]*|execl[pe]*|posix_spawnp?)\s*\(")


def problems(root: pathlib.Path):
    for path in sorted((root / "core").rglob("*")):
        if path.suffix not in {".h", ".cpp"}:
            continue
        room = path.relative_to(root / "core").parts[0]
        where = path.relative_to(root)
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if PROCESS_CALLS.search(line) and not line.lstrip().startswith("//"):
                yield f"{where}:{number}: runs another program: {line.strip()}"
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(2)
            if target.startswith("core/"):
                other = target.split("/")[1]
                if room not in MAY_INCLUDE:
                    yield f"{where}: room {room} is not in the design"
                elif other != room and other not in MAY_INCLUDE[room]:
                    yield f"{where}:{number}: {room} must not include {other} ({target})"
                elif not (root / target).exists():
                    yield f"{where}:{number}: no such file: {target}"
            elif target.startswith("ebpf/"):
                if room != "observe":
                    yield f"{where}:{number}: only core/observe reads what the BPF programs write: {target}"
            elif match.group(1) == '"':
                yield f'{where}:{number}: project headers are included from the root: "core/..."'
            if room == "facts" and target.startswith("linux/"):
                continue  # the kernel's numbers, for giving them their names
            if KERNEL_HEADER.match(target) and room not in KERNEL_ROOMS:
                yield f"{where}:{number}: only core/kernel talks to the kernel: {target}"
            for pattern, rooms in LIBRARY_ROOMS:
                if pattern.match(target) and room not in rooms:
                    yield f"{where}:{number}: {target} belongs in {', '.join(sorted(rooms))}"


# Plugins are built with nothing but the installed SDK and the standard library, as one outside the project is.
PLUGIN_HEADER = re.compile(r"^(hostcheck/[a-z_.]+|[a-z_]+|arpa/inet)$")


def plugin_problems(root: pathlib.Path):
    for folder in (root / "plugins", root / "core" / "plugin" / "sdk"):
        for path in sorted(folder.rglob("*")):
            if path.suffix not in {".h", ".hpp", ".cpp"}:
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = INCLUDE.match(line)
                inside = match and match.group(1) == '"' and (path.parent / match.group(2)).exists()
                if match and not inside and not PLUGIN_HEADER.match(match.group(2).removesuffix(".h")):
                    yield f"{path.relative_to(root)}:{number}: a plugin includes the SDK alone: {match.group(2)}"


def main() -> int:
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    if not (root / "core" / "base").is_dir():
        print(f"{root}: no core/base here")
        return 2
    found = list(problems(root)) + list(plugin_problems(root))
    for problem in found:
        print(problem)
    print(f"{len(found)} problem(s)")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
