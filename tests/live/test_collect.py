#!/usr/bin/env python3
"""hostcheck collect: a thousand hosts' reports and snapshots in a real PostgreSQL, and what the shipped queries say of them."""

import contextlib
import glob
import json
import os
import pty
import shutil
import sqlite3
import subprocess
import tempfile
import time
import unittest

import fleet_lab
import support

HOSTS = 1000
STARTED = "2026-01-02T03:04:05.678Z"
LATER = "2026-01-03T00:00:00.000Z"
OLD, NEW = fleet_lab.KERNELS
SCALING = "tcp.window_scaling_disabled"
QUERIES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "postgresql", "queries")
# Tables of other tests have the same names, in schemas of their own.
CHANGES = "SELECT schemaname, relname, n_tup_ins, n_tup_del, n_tup_upd FROM pg_stat_user_tables ORDER BY 1, 2"


def name_of(number):
    return "host-%04d" % number


def is_snapshot(number):
    return number % 5 < 2


def write_host(fleet, folder, number):
    """Four hosts of ten have a snapshot, and what is planted is known of each number."""
    planted = {"sick": number % 10 in (0, 3), "blind": number % 100 == 7, "kernel": NEW if number % 2 else OLD}
    path = os.path.join(folder, "%d" % (number // 100), name_of(number))
    if not is_snapshot(number):
        fleet.write_report(path + ".json", name_of(number), STARTED, **planted)
        return
    statements = fleet_lab.of_subnet(number % 4, 2 + number // 4)
    if number % 100 == 10:
        statements += fleet_lab.gateway_mac("02:00:00:00:00:66")
    if number % 100 == 1:
        statements += fleet_lab.mtu(9000)
    if number % 10 == 5:
        statements += fleet_lab.driver("6.0", 40 if number % 20 == 5 else 0)
    fleet.write_snapshot(path + ".db", name_of(number), STARTED, statements, report=number % 200 != 105, **planted)


def setUpModule():
    folder = tempfile.mkdtemp(prefix="hc-fleet-")
    unittest.addModuleCleanup(shutil.rmtree, folder, ignore_errors=True)
    Case.folder = folder
    Case.postgres = fleet_lab.Postgres(folder)
    unittest.addModuleCleanup(Case.postgres.close)
    Case.fleet = fleet_lab.Fleet(folder)


class Case(unittest.TestCase):
    """folder, postgres, fleet: the whole file's."""

    def path(self, name):
        folder = tempfile.mkdtemp(dir=self.folder)
        return os.path.join(folder, name)


class Thousand(Case):
    """In this order: what is loaded by the first is asked by the others."""

    @classmethod
    def setUpClass(cls):
        cls.hosts = os.path.join(cls.folder, "hosts")
        for number in range(HOSTS // 100):
            os.makedirs(os.path.join(cls.hosts, "%d" % number))
        for number in range(HOSTS):
            write_host(cls.fleet, cls.hosts, number)
        begin = time.monotonic()
        cls.loaded = cls.postgres.collect(cls.hosts)
        cls.seconds = time.monotonic() - begin

    def counts(self):
        return self.postgres.rows("SELECT kind, count(*), count(DISTINCT host) FROM runs GROUP BY kind ORDER BY kind")

    def rows_of(self, table):
        return int(self.postgres.value("SELECT count(*) FROM " + table))

    def test_1_all_are_loaded(self):
        output, errors = self.loaded
        self.assertRegex(output, r"^1000 hosts loaded; \d+ rows in [\d.]+ s\n$")
        self.assertEqual(errors, "")
        print(" %s (%.1f s for the whole command)" % (output.strip(), self.seconds), end=" ", flush=True)
        self.assertEqual(self.counts(), [("report", "600", "600"), ("snapshot", "400", "400")])
        with contextlib.closing(sqlite3.connect(self.fleet.base)) as database:
            tables = [name for name, in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
            for table in set(tables) - {"snapshot", "columns", "brought"}:
                recorded, = database.execute('SELECT count(*) FROM "%s"' % table).fetchone()
                # Of tables that this version does not know in the base there are none; so none is missing.
                self.assertEqual(self.rows_of('"%s"' % table), 400 * recorded, table)
        self.assertEqual(self.rows_of("checks"), 995 * len(self.fleet.checks))
        self.assertEqual(self.postgres.value("SELECT verdict || ' ' || anonymous FROM runs WHERE host = 'host-0010'"), "warning false")
        self.assertLess(self.seconds, 60)

    def test_2_findings(self):
        self.assertEqual(self.postgres.query("findings"),
                         [{"id": SCALING, "severity": "warning", "hosts": 200, "percent": 20.1, "confirmed": 200, "leads": 200,
                           "not_judged": 10, "for_example": "host-0000, host-0003, host-0010"}])

    def test_2_sick_from_fine(self):
        rows = [(row["fact"], row["sick_have"], row["percent_sick"], row["percent_fine"], row["hosts_known"])
                for row in self.postgres.query("sick_from_fine")]
        self.assertEqual(rows, [("sysctl net.ipv4.tcp_window_scaling", "0", 100, 0, 395), ("kernel", OLD, 100, 33.9, 395),
                                ("NIC driver_version", "5.1", 100, 67.8, 395)])
        self.assertEqual(self.postgres.query("sick_from_fine")[0]["score"], 1)
        one = self.postgres.query("sick_from_fine", environment={"PGOPTIONS": "-c hostcheck.finding=" + SCALING})
        self.assertEqual([row["fact"] for row in one], [row[0] for row in rows])
        # Of a check that nobody fails, nothing separates anybody.
        self.assertEqual(self.postgres.query("sick_from_fine", environment={"PGOPTIONS": "-c hostcheck.finding=tcp.sack_disabled"}), [])

    def test_2_gateway_mac(self):
        self.assertEqual([(row["subnet"], row["gateway"], row["lladdr"], row["hosts"]) for row in self.postgres.query("gateway_mac")],
                         [("10.9.2.0/24", "10.9.2.1", "02:00:00:00:00:01", 90), ("10.9.2.0/24", "10.9.2.1", "02:00:00:00:00:66", 10)])
        self.assertEqual(self.postgres.query("gateway_mac")[1]["for_example"],
                         ", ".join(name_of(number) for number in (10, 110, 210, 310, 410)))

    def test_2_mtu(self):
        self.assertEqual([(row["subnet"], row["mtu"], row["hosts"]) for row in self.postgres.query("mtu")],
                         [("10.9.1.0/24", 1500, 90), ("10.9.1.0/24", 9000, 10)])
        self.assertTrue(self.postgres.query("mtu")[1]["for_example"].startswith("host-0001 eth0, host-0101 eth0, "))

    def test_2_nic_errors(self):
        rows = [tuple(row.values()) for row in self.postgres.query("nic_errors")]
        self.assertEqual(rows, [(NEW, "ixgbe", "6.0", "0x1", 100, 100, 50, 50, 10, 50, None),
                                (OLD, "ixgbe", "5.1", "0x1", 200, 200, 0, 0, 0, 0, None),
                                (NEW, "ixgbe", "5.1", "0x1", 100, 100, 0, 0, 0, 0, None)])

    def test_2_could_not_judge(self):
        checks = len(self.fleet.checks)
        expected = [{"host": name_of(number), "verdict": "unknown", "unjudged": "no table could be read", "unknown": checks,
                     "checks": checks, "reason": "needs CAP_NET_ADMIN", "remedy": "run as root"} for number in range(7, HOSTS, 100)]
        expected += [{"host": name_of(number), "verdict": "no report", "unjudged": None, "unknown": 0, "checks": 0, "reason": None,
                      "remedy": None} for number in range(105, HOSTS, 200)]
        self.assertEqual(self.postgres.query("could_not_judge"), sorted(expected, key=lambda row: row["host"]))

    def test_2_psql_runs_each_query_and_all_are_listed(self):
        listed = self.postgres.collect("--queries")[0]
        for path in sorted(glob.glob(QUERIES + "/*.sql")):
            name = os.path.basename(path)[:-4]
            with self.subTest(name):
                self.assertRegex(listed, "(?m)^%s +[A-Z]" % name)
                answer = self.postgres.psql("-f", path).stdout
                self.assertEqual(len(answer.splitlines()), len(self.postgres.query(name)))
        self.assertEqual(len(listed.splitlines()), len(glob.glob(QUERIES + "/*.sql")))

    def test_2_what_is_asked_of_one_host_can_be_asked_of_all(self):
        for sql in ("SELECT ifname, mtu, state FROM links WHERE admin_up = 1 ORDER BY ifname",
                    "SELECT ifname, mtu FROM links WHERE NOT admin_up ORDER BY ifname",
                    "SELECT count(*) FROM addresses WHERE ip_in(address, '10.9.0.0/16')",
                    "SELECT name, value FROM sysctls WHERE name = 'net.ipv4.tcp_window_scaling'",
                    "SELECT ifname FROM links WHERE has_flag(flags, 'LOOPBACK')"):
            with self.subTest(sql):
                local = json.loads(support.run(support.HOSTCHECK, "query", "--format", "json", "--from",
                                               os.path.join(self.hosts, "0", "host-0006.db"), sql))
                local = [tuple(map(str, row.values())) for row in local]
                everywhere = sql.replace(" WHERE ", " WHERE host = 'host-0006' AND ")
                self.assertEqual(self.postgres.rows(everywhere), local)

    def test_3_again_changes_nothing(self):
        before = self.postgres.rows(CHANGES)
        output, errors = self.postgres.collect(self.hosts)
        self.assertRegex(output, r"^0 hosts loaded; 1000 loaded already; 0 rows in")
        self.assertEqual(errors, "")
        self.assertEqual(self.postgres.rows(CHANGES), before)

    def test_4_a_newer_run_takes_the_place_of_a_host(self):
        links = self.rows_of("links")
        newer = self.path("newer.db")
        self.fleet.write_snapshot(newer, "host-0010", LATER, fleet_lab.mtu(1234))
        self.assertRegex(self.postgres.collect(newer)[0], r"^1 host loaded, 1 of them in place of an earlier run; \d+ rows")
        self.assertEqual(self.rows_of("links"), links)
        self.assertEqual(self.postgres.value("SELECT mtu FROM links WHERE host = 'host-0010' AND ifname = 'eth0'"), "1234")
        self.assertEqual(self.postgres.rows("SELECT verdict, file FROM runs WHERE host = 'host-0010'"), [("ok", newer)])
        self.assertEqual(self.rows_of("findings"), 199)
        # Where both are given, the newer one wins in either order; and the older one alone is skipped.
        older = os.path.join(self.hosts, "0", "host-0010.db")
        output, errors = self.postgres.collect(older)
        self.assertRegex(output, "^0 hosts loaded; 1 older than what is loaded; 0 rows")
        self.assertIn("host-0010.db: is of %s, and host-0010 is loaded as of %s already" % (STARTED, LATER), errors)
        self.assertEqual(self.postgres.value("SELECT verdict FROM runs WHERE host = 'host-0010'"), "ok")

    def test_2_the_readmes_commands(self):
        with open(os.path.join(QUERIES, "..", "..", "..", "README.md"), encoding="utf-8") as file:
            commands = file.read().split("### A fleet's answers")[1].split("```")[1].splitlines()[1:]
        self.assertEqual(len(commands), 3)
        for command in commands:
            command = command.replace("postgresql://db.example/fleet", self.postgres.to).replace("/var/lib/fleet/", self.hosts)
            done = subprocess.run(command.replace("psql fleet", "psql -X"), shell=True, capture_output=True, text=True, timeout=120,
                                  env=dict(self.postgres.environment, PATH=os.path.dirname(support.HOSTCHECK) + ":" + os.environ["PATH"]))
            self.assertEqual((done.returncode, done.stderr.replace("\n", "")[:200]), (0, ""), command)
            self.assertRegex(done.stdout, "1000 loaded already|%s|host-0101 . eth0 +. +9000" % SCALING)
            self.assertNotIn("| lo ", done.stdout)


class Files(Case):
    def load(self, *paths, schema, status=0, words=()):
        return self.postgres.collect(*words, "--schema", schema, *paths, status=status)

    def test_both_runs_of_a_host_in_one_go(self):
        first, second = self.path("first.db"), self.path("second.db")
        self.fleet.write_snapshot(first, "web", STARTED, fleet_lab.mtu(1111))
        self.fleet.write_snapshot(second, "web", LATER, fleet_lab.mtu(2222))
        for schema, paths in (("forth", (first, second)), ("back", (second, first))):
            self.load(*paths, schema=schema)
            self.assertEqual(self.postgres.rows("SELECT mtu FROM links WHERE ifname = 'eth0'", schema), [("2222",)])

    def test_a_snapshot_completes_the_report_of_the_same_run(self):
        report, snapshot = self.path("web.json"), self.path("web.db")
        self.fleet.write_report(report, "web", STARTED, sick=True)
        self.fleet.write_snapshot(snapshot, "web", STARTED, sick=True)
        self.load(report, schema="both")
        self.assertEqual(self.postgres.value("SELECT count(*) FROM links", "both"), "0")
        self.load(snapshot, schema="both")
        self.assertGreater(int(self.postgres.value("SELECT count(*) FROM links", "both")), 0)
        self.assertRegex(self.load(report, schema="both")[0], "^0 hosts loaded; 1 loaded already")
        self.assertEqual(self.postgres.value("SELECT count(*) FROM findings", "both"), "1")

    def test_many_reports_in_one_file(self):
        reports = [self.fleet.report_of("many-%d" % number, STARTED, sick=number == 1) for number in range(3)]
        lines = self.path("lines.ndjson")
        with open(lines, "w", encoding="utf-8") as out:
            out.write("\n".join(json.dumps(report) for report in reports) + "\n")
        array = self.path("array.json")
        with open(array, "w", encoding="utf-8") as out:
            json.dump(reports, out, indent=1)
        indented = self.path("one_after_the_other.json")
        with open(indented, "w", encoding="utf-8") as out:
            out.write("\n".join(json.dumps(report, indent=2) for report in reports) + "\n")
        for number, path in enumerate((lines, array, indented)):
            schema = "many%d" % number
            self.assertRegex(self.load(path, schema=schema)[0], "^3 hosts loaded; ")
            self.assertEqual(self.postgres.rows("SELECT host, verdict FROM runs ORDER BY host", schema),
                             [("many-0", "ok"), ("many-1", "warning"), ("many-2", "ok")])

    def test_the_stream_of_a_live_run(self):
        with support.Netns("stream") as netns:
            netns.sysctl("net.ipv4.tcp_window_scaling", 0)
            text = subprocess.run([support.HOSTCHECK, "run", "--netns", netns.name, "--observe", "0", "--format", "ndjson"],
                                  capture_output=True, text=True, timeout=60).stdout
        path = self.path("stream.ndjson")
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        self.load(path, schema="stream")
        lines = [json.loads(line) for line in text.splitlines()]
        self.assertEqual(self.postgres.rows("SELECT id FROM findings ORDER BY rank", "stream"),
                         [(line["id"],) for line in lines if line["record"] == "finding"])
        self.assertEqual(self.postgres.value("SELECT count(*) FROM checks", "stream"),
                         str(sum(line["record"] == "check" for line in lines)))
        self.assertEqual(self.postgres.value("SELECT subject->>'netns' FROM findings WHERE id = '%s'" % SCALING, "stream"), netns.name)
        # Without its last line nobody knows whether something is missing.
        with open(path, "w", encoding="utf-8") as out:
            out.write("".join(text.splitlines(True)[:-1]))
        self.assertIn("stream.ndjson:1: the run that begins here has no end", self.load(path, schema="cut", status=1)[1])
        self.assertEqual(self.postgres.value("SELECT count(*) FROM runs", "cut"), "0")

    def test_what_is_broken_is_named_and_the_rest_is_loaded(self):
        folder = os.path.dirname(self.path(""))
        fine = os.path.join(folder, "fine.db")
        self.fleet.write_snapshot(fine, "fine", STARTED)
        with open(fine, "rb") as whole:
            content = whole.read()
        broken = {"cut.db": (content[:100000], "is cut off: 100000 of"), "text.json": (b"hello", "no JSON"), "empty.json": (b"", "is empty"),
                  "other.json": (b'{"schema": "other/1"}', "its schema is 'other/1'"),
                  "nested.json": (b"[" * 100000 + b"]" * 100000, "no JSON"),
                  "newer.json": (json.dumps(dict(self.fleet.report_of("x", STARTED), schema="hostcheck.report/2")).encode(),
                                 "hostcheck.report/2"),
                  "time.json": (json.dumps(self.fleet.report_of("x", "2026-02-30T00:00:00.000Z")).encode(), "2026-02-30"),
                  "lines.ndjson": (b"\n".join([json.dumps(self.fleet.report_of("one", STARTED)).encode(), b'{"schema": ',
                                               json.dumps(self.fleet.report_of("two", STARTED)).encode()]), "is no JSON, or cut off")}
        for name, (text, _) in broken.items():
            with open(os.path.join(folder, name), "wb") as out:
                out.write(text)
        with open(os.path.join(folder, "README"), "wb") as out:
            out.write(b"no report")
        output, errors = self.load(folder, os.path.join(folder, "no-such.db"), schema="broken", status=1)
        for name, (_, words) in broken.items():
            self.assertRegex(errors, r"(?m)^hostcheck: read [a-z]+ .*/%s.*%s" % (name, words))
        self.assertIn("lines.ndjson:2:", errors)
        self.assertIn("no-such.db: No such file or directory", errors)
        self.assertRegex(output, r"^3 hosts loaded; 9 not taken; 1 other file left alone; \d+ rows")
        self.assertEqual(self.postgres.rows("SELECT host FROM runs ORDER BY host", "broken"), [("fine",), ("one",), ("two",)])

    def told_on_terminal(self, *words):
        """What it writes to standard error where that is a terminal."""
        main, other = pty.openpty()
        with os.fdopen(main, "rb", buffering=0) as told:
            subprocess.run([support.HOSTCHECK, "collect", "--to", self.postgres.to, "--schema", "terminal", *words], stdout=subprocess.DEVNULL,
                           stderr=other, check=True, timeout=60, env=self.postgres.environment)
            os.set_blocking(told.fileno(), False)
            text = told.read()
            os.close(other)
        return text or b""

    def test_how_far_it_is_is_told_on_a_terminal(self):
        paths = [self.path("%d.json" % number) for number in range(3)]
        for number, path in enumerate(paths):
            self.fleet.write_report(path, "far-%d" % number, STARTED)
        self.assertRegex(self.told_on_terminal(*paths), rb"^(\r[12] of 3 files)*\r3 of 3 files\r\x1b\[K$")
        self.assertEqual(self.told_on_terminal("--quiet", *paths), b"")
        self.assertEqual(self.told_on_terminal(paths[0]), b"", "one file is no journey")

    def test_hostile_text_and_types(self):
        path = self.path("hostile.db")
        text = "a\tb\\N\n\\.\r'\"; DROP TABLE runs; \x01"
        self.fleet.write_snapshot(path, "hostile'; DROP SCHEMA hostile; --", STARTED,
                                  [("UPDATE links SET alias = ? WHERE ifname = 'eth0'", (text,)),
                                   ("UPDATE links SET alias = CAST(x'ff00c3a9eda080' AS TEXT) WHERE ifname = 'lo'", ())])
        self.load(path, schema="hostile")
        self.assertEqual(self.postgres.value("SELECT count(*) FROM links WHERE alias = E'a\\tb\\\\N\\n\\\\.\\r''\"; DROP TABLE runs; \\x01'", "hostile"), "1")
        self.assertEqual(self.postgres.value("SELECT alias FROM links WHERE ifname = 'lo'", "hostile"), "\ufffd\ufffd\u00e9\ufffd\ufffd\ufffd")
        # Again, with what has to be deleted first.
        self.fleet.write_snapshot(path, "hostile'; DROP SCHEMA hostile; --", LATER)
        self.assertIn("1 of them in place", self.load(path, schema="hostile")[0])
        self.fleet.write_snapshot(path, "typed", STARTED, [("UPDATE links SET mtu = 'large' WHERE ifname = 'eth0'", ())])
        self.assertIn("links.mtu is integer and has another value", self.load(path, schema="hostile", status=1)[1])
        self.fleet.write_snapshot(path, "ours", STARTED, [("CREATE TABLE runs(x INTEGER)", ())])
        self.assertIn("has a table runs, which is collect's own", self.load(path, schema="hostile", status=1)[1])
        report = self.path("nul.json")
        with open(report, "w", encoding="utf-8") as out:
            whole = self.fleet.report_of("nul", STARTED, sick=True)
            whole["findings"] = [dict(whole["findings"][0], subject={"pro\0cess": "a\0b\\u0000"}, summary="a\0b")]
            json.dump(whole, out)
        self.load(report, schema="hostile")
        self.assertEqual(self.postgres.value("SELECT subject->>E'pro\ufffdcess' FROM findings WHERE host = 'nul'", "hostile"), "a\ufffdb\\u0000")

    def test_tables_of_plugins_and_other_versions(self):
        path = self.path("plugin.db")
        made = [("CREATE TABLE acme_pools(netns TEXT, name TEXT, used INTEGER, \"limit\" INTEGER, ratio REAL, spent INTEGER)", ()),
                ("INSERT INTO acme_pools VALUES('init', 'main', 7, 9, 0.5, 1), (NULL, NULL, NULL, NULL, NULL, NULL)", ()),
                ("INSERT INTO \"columns\" VALUES('acme_pools', 'spent', 'boolean', '', 'acme', 'Nothing is left', 0)", ()),
                ("ALTER TABLE links ADD COLUMN colour TEXT", ()), ("UPDATE links SET colour = 'red'", ()),
                ("ALTER TABLE links DROP COLUMN alias", ()), ("DROP TABLE softnet", ())]
        self.fleet.write_snapshot(path, "one", STARTED, made)
        self.load(path, schema="plugins")
        self.assertEqual(self.postgres.rows("SELECT host, name, used, \"limit\", ratio, spent FROM acme_pools WHERE used > 0 AND spent", "plugins"),
                         [("one", "main", "7", "9", "0.5", "t")])
        self.assertEqual(self.postgres.value("SELECT DISTINCT colour FROM links", "plugins"), "red")
        self.assertEqual(self.postgres.value("SELECT rows FROM gathered WHERE table_name = 'acme_pools'", "plugins"), "2")
        self.assertEqual(self.postgres.rows("SELECT table_name, column_name FROM absences WHERE reason = 'is not in the snapshot' "
                                            "AND table_name IN ('links', 'softnet') ORDER BY 1", "plugins"),
                         [("links", "alias"), ("softnet", "")])
        # Another version of the plugin has more, and wider values.
        self.fleet.write_snapshot(path, "two", STARTED,
                                  [("CREATE TABLE acme_pools(name TEXT, used TEXT, spent REAL, more TEXT)", ()),
                                   ("INSERT INTO acme_pools VALUES('main', 'many', 0.25, 'x')", ())])
        self.load(path, schema="plugins")
        self.assertEqual(self.postgres.rows("SELECT host, used, spent, more FROM acme_pools WHERE name = 'main' ORDER BY host", "plugins"),
                         [("one", "7", "1", ""), ("two", "many", "0.25", "x")])

    def test_machines_of_one_name(self):
        first, second = self.path("first.json"), self.path("second.json")
        for path, machine in ((first, "a" * 32), (second, "b" * 32)):
            report = self.fleet.report_of("localhost", STARTED)
            report["host"]["machine_id"] = machine
            with open(path, "w", encoding="utf-8") as out:
                json.dump(report, out)
        errors = self.load(first, second, schema="names", status=1)[1]
        self.assertIn("is of another machine localhost than " + first, errors)
        self.load(first, second, schema="files", words=("--host-by", "file"))
        self.assertEqual(self.postgres.rows("SELECT host FROM runs ORDER BY 1", "files"), [("first",), ("second",)])
        self.load(first, second, schema="machines", words=("--host-by", "machine-id"))
        self.assertEqual(self.postgres.rows("SELECT host FROM runs ORDER BY 1", "machines"), [("a" * 32,), ("b" * 32,)])
        self.load(second, schema="names", words=("--forget", "localhost"))
        self.assertEqual(self.postgres.value("SELECT machine_id FROM runs", "names"), "b" * 32)
        self.assertIn("no such host is loaded", self.load(schema="names", words=("--forget", "nobody"), status=1)[1])


class Schema(Case):
    COLUMNS = ("SELECT table_name, column_name, data_type, col_description((quote_ident(table_schema) || '.' || quote_ident(table_name))"
               "::regclass, ordinal_position) FROM information_schema.columns WHERE table_schema = '%s' ORDER BY 1, ordinal_position")

    def test_what_is_printed_is_what_is_made(self):
        printed = self.path("schema.sql")
        with open(printed, "w", encoding="utf-8") as out:
            out.write(self.postgres.collect("--print-schema", "--schema", "printed")[0])
        report = self.path("a.json")
        self.fleet.write_report(report, "a", STARTED)
        self.postgres.psql("-f", printed)
        for schema in ("printed", "made"):
            self.postgres.collect("--schema", schema, report)
        made = self.postgres.rows(self.COLUMNS % "made")
        self.assertEqual(made, self.postgres.rows(self.COLUMNS % "printed"))
        self.postgres.psql("-f", printed)  # a second time changes nothing
        self.assertEqual(made, self.postgres.rows(self.COLUMNS % "printed"))
        self.assertEqual(self.postgres.value("SELECT count(*) FROM runs", "printed"), "1")
        tables = json.loads(support.run(support.HOSTCHECK, "tables", "--format", "json"))
        there = {row[:2]: row[2:] for row in made}
        for table in tables:
            if table["plugin"]:  # it comes with the snapshots that have it
                continue
            for column in table["columns"]:
                kind, comment = there[(table["name"], column["name"])]
                self.assertEqual(kind, {"boolean": "boolean", "integer": "bigint", "real": "double precision", "text": "text"}[column["type"]])
                self.assertTrue(comment.startswith(column["meaning"]), comment)
                self.assertIn(column["unit"], comment)
            self.assertIn((table["name"], "host"), there)

    def test_what_is_not_ours_is_left_alone(self):
        self.postgres.psql("CREATE SCHEMA theirs; CREATE TABLE theirs.runs(x int); CREATE SCHEMA later; CREATE TABLE later.runs(x int); "
                           "COMMENT ON TABLE later.runs IS 'hostcheck collect, format 2: more'")
        report = self.path("a.json")
        self.fleet.write_report(report, "a", STARTED)
        self.assertIn("has other tables in it", self.postgres.collect("--schema", "theirs", report, status=64)[1])
        self.assertIn("was made by a newer hostcheck", self.postgres.collect("--schema", "later", report, status=64)[1])

    def test_a_newer_version_adds_what_it_has_more(self):
        report = self.path("a.json")
        self.fleet.write_report(report, "a", STARTED)
        self.postgres.collect("--schema", "grown", report)
        whole = self.postgres.rows(self.COLUMNS % "grown")
        self.postgres.psql("ALTER TABLE grown.links DROP COLUMN mtu; DROP TABLE grown.softnet")
        self.postgres.collect("--schema", "grown", report)
        self.assertEqual(sorted(row[:3] for row in self.postgres.rows(self.COLUMNS % "grown")), sorted(row[:3] for row in whole))

    def test_a_role_that_may_only_write_rows(self):
        report = self.path("a.json")
        self.fleet.write_report(report, "a", STARTED)
        self.postgres.psql("CREATE ROLE loader LOGIN; CREATE ROLE reader LOGIN")
        denied = self.postgres.collect("--schema", "rows", "--to", self.postgres.to.replace("user=postgres", "user=loader"), report, status=3)[1]
        self.assertIn("permission denied", denied)
        self.postgres.collect("--schema", "rows", report)
        self.postgres.psql("GRANT USAGE ON SCHEMA rows TO loader, reader; GRANT SELECT ON ALL TABLES IN SCHEMA rows TO reader; "
                           "GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA rows TO loader")
        self.fleet.write_report(report, "a", LATER)
        self.postgres.collect("--schema", "rows", "--quiet", "--to", self.postgres.to.replace("user=postgres", "user=loader"), report)
        self.assertEqual(self.postgres.query("could_not_judge", "--schema", "rows", "--to",
                                             self.postgres.to.replace("user=postgres", "user=reader")), [])

    def test_no_database_and_no_library(self):
        report = self.path("a.json")
        self.fleet.write_report(report, "a", STARTED)
        self.assertIn("hostcheck: connect PostgreSQL: ", self.postgres.collect("--to", "host=/nowhere", report, status=3)[1])
        library = self.path("libpq.so.5")
        with open(library, "wb"):
            pass
        errors = self.postgres.collect(report, status=3, environment={"LD_LIBRARY_PATH": os.path.dirname(library)})[1]
        self.assertIn("Debian's package libpq5 has it", errors)
        self.assertIn("which files?", self.postgres.collect(status=64)[1])
        self.assertIn("one of findings", self.postgres.collect("--query", "nothing", status=64)[1])


if __name__ == "__main__":
    support.need_root()
    support.need_programs("psql", "ip")
    if not glob.glob("/usr/lib/postgresql/*/bin/postgres"):
        support.skip_all("PostgreSQL is not installed")
    support.main()
