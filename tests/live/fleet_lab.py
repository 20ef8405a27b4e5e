"""A PostgreSQL of the test's own, and the files of a fleet: made from what hostcheck recorded of one namespace."""

import contextlib
import copy
import glob
import hashlib
import json
import os
import pwd
import shutil
import signal
import sqlite3
import subprocess

import support

KERNELS = ("6.1.0-18-amd64", "6.1.0-21-amd64")


def machine_id(name):
    return hashlib.md5(name.encode()).hexdigest()


class Postgres:
    """Debian's server on a socket in the folder; with a namespace, at an address there too. Ended with close()."""

    def __init__(self, folder, netns=None, address=""):
        self.folder = folder
        programs = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        person = pwd.getpwnam("postgres")
        os.chmod(folder, 0o755)
        data = os.path.join(folder, "postgres")
        os.mkdir(data)
        os.chown(data, person.pw_uid, person.pw_gid)
        self.user = {"user": person.pw_uid, "group": person.pw_gid, "extra_groups": [], "cwd": data}
        subprocess.run([programs + "/initdb", "-D", data + "/data", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8",
                        "-U", "postgres"], check=True, capture_output=True, timeout=120, **self.user)
        self.log = open(os.path.join(folder, "postgres.log"), "w", encoding="utf-8")
        start = [programs + "/postgres", "-D", data + "/data", "-k", data, "-c", "listen_addresses=" + address, "-c", "fsync=off",
                 "-c", "max_wal_size=4GB"]
        if netns:
            with open(data + "/data/pg_hba.conf", "a", encoding="utf-8") as file:
                file.write("host all all %s/24 trust\n" % address)
            start = ["nsenter", "--net=/run/netns/" + netns, "--setuid", str(person.pw_uid), "--setgid", str(person.pw_gid), *start]
        self.process = subprocess.Popen(start, stdout=self.log, stderr=self.log, **({"cwd": data} if netns else self.user))
        self.environment = dict(os.environ, PGHOST=data, PGUSER="postgres", PGDATABASE="postgres")
        for name in ("PGOPTIONS", "PGSERVICE", "PGPORT"):
            self.environment.pop(name, None)
        self.to = "host=%s user=postgres dbname=postgres" % data
        support.wait_for(lambda: self.process.poll() is not None or self.psql("SELECT 1", check=False).returncode == 0,
                         "PostgreSQL takes connections", 60)

    def close(self):
        self.process.send_signal(signal.SIGINT)  # fast: it does not wait for clients
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait()
        self.log.close()

    def psql(self, *words, check=True, options=""):
        """psql with a command, or with its own options."""
        words = ["-c", *words] if len(words) == 1 else list(words)
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", *words], capture_output=True, text=True,
                              timeout=120, env=dict(self.environment, PGOPTIONS=options))
        if check and done.returncode != 0:
            raise AssertionError("psql: " + done.stderr)
        return done

    def rows(self, sql, schema="hostcheck"):
        text = self.psql(sql, options="-csearch_path=" + schema).stdout
        return [tuple(line.split("|")) for line in text.splitlines()]

    def value(self, sql, schema="hostcheck"):
        (value,), = self.rows(sql, schema)
        return value

    def collect(self, *words, status=0, environment=None):
        """What `hostcheck collect` prints: standard output and standard error."""
        done = subprocess.run([support.HOSTCHECK, "collect", *map(str, words)], capture_output=True, text=True, timeout=280,
                              env=dict(self.environment, **(environment or {})))
        if done.returncode != status:
            raise AssertionError("exit %d, not %d: %s%s" % (done.returncode, status, done.stdout, done.stderr))
        return done.stdout, done.stderr

    def query(self, name, *words, environment=None):
        return json.loads(self.collect("--query", name, "--format", "json", *words, environment=environment)[0])


class Fleet:
    """Recorded of one namespace with a sick setting, then written for as many hosts as wanted."""

    def __init__(self, folder):
        self.folder = folder
        self.base = os.path.join(folder, "base.db")
        with support.Netns("fleet") as netns:
            netns.ip("link", "add", "eth0", "type", "veth", "peer", "name", "other0")
            netns.ip("link", "set", "other0", "up")
            netns.ip("address", "add", "10.9.0.2/24", "dev", "eth0")
            netns.ip("link", "set", "eth0", "up")
            netns.ip("route", "add", "default", "via", "10.9.0.1")
            netns.ip("neighbour", "replace", "10.9.0.1", "lladdr", "02:00:00:00:00:01", "dev", "eth0")
            netns.sysctl("net.ipv4.tcp_window_scaling", 0)
            support.run(support.HOSTCHECK, "snapshot", "--netns", netns.name, "--observe", "200ms", "-o", self.base)
        with contextlib.closing(sqlite3.connect(self.base)) as database:
            self.report = json.loads(database.execute("SELECT value FROM snapshot WHERE key = 'report'").fetchone()[0])
            self._make_plain(database, netns.name)
        finding, = [each for each in self.report["findings"] if each["id"] == "tcp.window_scaling_disabled"]
        self.finding = finding
        self.checks = {each["id"]: each for each in self.report["checks"]}

    def _make_plain(self, database, netns):
        """The namespace becomes a host's first one, its link a NIC, and little of the machine's own is left in it."""
        tables = [name for name, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            if "netns" in [row[1] for row in database.execute('PRAGMA table_info("%s")' % table)]:
                database.execute('UPDATE "%s" SET netns = \'init\' WHERE netns = ?' % table, (netns,))
        database.execute("DELETE FROM kernel_log WHERE seq > (SELECT min(seq) + 20 FROM kernel_log)")
        database.execute("UPDATE links SET physical = 1, kind = NULL, rx_errors = 0, tx_errors = 0, rx_errors_delta = 0, "
                         "tx_errors_delta = 0 WHERE ifname = 'eth0'")
        database.execute("UPDATE nic_settings SET physical = 1, driver = 'ixgbe', driver_version = '5.1', firmware_version = '0x1' "
                         "WHERE ifname = 'eth0'")
        database.execute("UPDATE snapshot SET value = NULL WHERE key = 'report'")
        database.execute("UPDATE snapshot SET value = 2000 WHERE key = 'observed_ms'")
        database.commit()
        database.execute("VACUUM")

    def report_of(self, name, started, **planted):
        """The recorded report for another host: verdict ok unless sick or blind is planted."""
        report = copy.copy(self.report)
        report["host"] = dict(self.report["host"], name=name, machine_id=machine_id(name), kernel=planted.get("kernel", KERNELS[0]))
        report["started"] = started
        report["findings"] = [self.finding] if planted.get("sick") else []
        report["suppressed"] = []
        report["observed_ms"] = 2000
        report["verdict"] = "warning" if planted.get("sick") else "unknown" if planted.get("blind") else "ok"
        report.pop("unjudged", None)
        outcomes = {}
        if planted.get("blind"):
            report["unjudged"] = "no table could be read"
            outcomes = {each: {"id": each, "outcome": "unknown", "reason": "needs CAP_NET_ADMIN", "remedy": "run as root",
                               "duration_us": 1} for each in self.checks}
        report["checks"] = [outcomes.get(name) or {"id": name, "outcome": "finding" if planted.get("sick") and name == self.finding["id"]
                                                   else "clear", "duration_us": 7} for name in self.checks]
        return report

    def write_report(self, path, name, started, **planted):
        with open(path, "w", encoding="utf-8") as out:
            json.dump(self.report_of(name, started, **planted), out)

    def write_snapshot(self, path, name, started, statements=(), report=True, **planted):
        """statements: what is different in this host's facts."""
        shutil.copyfile(self.base, path)
        text = json.dumps(self.report_of(name, started, **planted)) if report else None
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode = OFF")
            database.execute("PRAGMA synchronous = OFF")
            database.execute("BEGIN")
            database.executemany("UPDATE snapshot SET value = ? WHERE key = ?",
                                 [(name, "host"), (planted.get("kernel", KERNELS[0]), "kernel"), (started, "taken"), (text, "report")])
            database.execute("UPDATE host SET name = ?, machine_id = ?, kernel = ?",
                             (name, machine_id(name), planted.get("kernel", KERNELS[0])))
            scaling = 0 if planted.get("sick") else 1
            database.execute("UPDATE sysctls SET value = ?, v1 = ?, text = ? WHERE name = 'net.ipv4.tcp_window_scaling'",
                             (scaling, scaling, str(scaling)))
            for statement in statements:
                database.execute(*statement)
            database.execute("COMMIT")


def of_subnet(subnet, number):
    """A host's own address in 10.9.SUBNET.0/24, whose gateway is .1."""
    return [("UPDATE addresses SET address = ? WHERE ifname = 'eth0' AND family = 'inet'", ("10.9.%d.%d" % (subnet, number),)),
            ("UPDATE routes SET gateway = ? WHERE gateway IS NOT NULL AND family = 'inet'", ("10.9.%d.1" % subnet,)),
            ("UPDATE neighbours SET address = ? WHERE address = '10.9.0.1'", ("10.9.%d.1" % subnet,))]


def gateway_mac(lladdr):
    return [("UPDATE neighbours SET lladdr = ? WHERE lladdr = '02:00:00:00:00:01'", (lladdr,))]


def mtu(value):
    return [("UPDATE links SET mtu = ? WHERE ifname = 'eth0'", (value,))]


def driver(version, errors):
    return [("UPDATE nic_settings SET driver_version = ? WHERE ifname = 'eth0'", (version,)),
            ("UPDATE links SET rx_errors = ?, rx_errors_delta = ? WHERE ifname = 'eth0'", (errors * 10, errors))]
