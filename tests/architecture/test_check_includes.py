#!/usr/bin/env python3
"""The include check itself can fail: each kind of mistake is made in a copy and must be found."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).with_name("check_includes.py")


def run_on(files):
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        (root / "core/base").mkdir(parents=True)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        done = subprocess.run([sys.executable, CHECK, folder], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout


class CheckIncludes(unittest.TestCase):
    def test_a_clean_tree_passes(self):
        status, out = run_on({"core/base/a.h": "#include <string>\n", "core/facts/b.h": '#include "core/base/a.h"\n'})
        self.assertEqual(status, 0, out)

    def test_an_include_against_the_direction_fails(self):
        status, out = run_on({"core/facts/b.h": "\n", "core/base/a.h": '#include "core/facts/b.h"\n'})
        self.assertEqual(status, 1)
        self.assertIn("base must not include facts", out)

    def test_a_kernel_library_outside_core_kernel_fails(self):
        status, out = run_on({"core/gather/a.cpp": "#include <libmnl/libmnl.h>\n"})
        self.assertEqual(status, 1)
        self.assertIn("only core/kernel talks to the kernel", out)

    def test_running_a_program_fails(self):
        status, out = run_on({"core/gather/a.cpp": 'int x = system("ip link");\n'})
        self.assertEqual(status, 1)
        self.assertIn("runs another program", out)

    def test_sqlite_outside_core_sql_fails(self):
        status, out = run_on({"core/checks/a.cpp": "#include <sqlite3.h>\n"})
        self.assertEqual(status, 1)
        self.assertIn("belongs in sql", out)


if __name__ == "__main__":
    unittest.main()
