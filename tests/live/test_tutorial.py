#!/usr/bin/env python3
"""The commands of plugins/README.md, as they stand there, against an installed copy in a prefix of its own."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import support

BUILD = os.path.dirname(os.path.abspath(support.HOSTCHECK))
README = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "plugins", "README.md")


def commands():
    with open(README) as file:
        return re.findall(r"^```sh\n(.*?)^```$", file.read(), re.MULTILINE | re.DOTALL)


class Tutorial(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        support.need_root()
        support.need_programs("cmake", "ip", "ethtool")
        if not os.path.exists(os.path.join(BUILD, "cmake_install.cmake")):
            support.skip_all("hostcheck is not in a build folder")

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="hc-tutorial-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.prefix = os.path.join(self.folder, "prefix")
        support.run("cmake", "--install", BUILD, "--prefix", self.prefix)
        self.lab = "hc-%d-tutorial" % os.getpid()
        self.addCleanup(subprocess.run, ["ip", "netns", "del", self.lab], capture_output=True)
        self.environment = dict(os.environ, PREFIX=self.prefix, LAB=self.lab,
                                PATH=os.path.join(self.prefix, "bin") + ":" + os.environ["PATH"])

    def script(self, text, **options):
        return subprocess.run(["bash", "-euo", "pipefail", "-c", text], capture_output=True, text=True, timeout=240,
                              cwd=self.folder, env=self.environment, **options)

    def test_from_the_postmortem_to_a_check_that_others_use(self):
        blocks = commands()
        self.assertGreaterEqual(len(blocks), 7)
        done = self.script("\n".join(blocks))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("1 plugin, 4 tests passed, 0 failed", done.stdout)
        self.assertIn("tap0 has lost its negotiation: 100 Mbit/s, does not negotiate, half duplex", done.stdout)
        self.assertIn("nic.negotiation_lost · confirmed", done.stdout)
        self.assertIn("Brought by the plugin negotiation.", done.stdout)
        self.assertRegex(done.stdout, r"(?m)^tap0 +3$")
        self.assertTrue(os.path.exists(os.path.join(self.prefix, "lib/hostcheck/plugins/negotiation/plugin.so")))

    def test_pkg_config_serves_other_build_systems(self):
        support.need_programs("pkg-config", "g++")
        self.environment["PKG_CONFIG_PATH"] = os.path.join(self.prefix, "lib/pkgconfig")
        done = self.script("""
mkdir quiet
cat > quiet/quiet.cpp <<'END'
#include <hostcheck/plugin.hpp>
static void check(const hostcheck::Input&, hostcheck::Output&) {}
HOSTCHECK_PLUGIN("quiet", check)
END
g++ -std=c++17 -Wall -Wextra -Werror -pedantic -shared -fPIC $(pkg-config --cflags hostcheck) -o quiet/plugin.so quiet/quiet.cpp
cat > quiet/plugin.toml <<'END'
name = "quiet"
[[input]]
name = "host"
query = "SELECT name FROM host"
[[check]]
id = "hostcheck.quiet"
title = "Nothing"
severity = "info"
claim = "state"
subject = []
END
hostcheck run --observe 0 --plugins . --only hostcheck.quiet
""")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("1 check clear", done.stdout)

    def test_the_c_header_is_c(self):
        support.need_programs("gcc")
        done = self.script("""
printf '#include <hostcheck/plugin.h>\\nint main(void) { return HOSTCHECK_ABI == 1u ? 0 : 1; }\\n' > abi.c
gcc -std=c99 -Wall -Wextra -Werror -pedantic -I "$PREFIX/include" -o abi abi.c
./abi
""")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    support.main()
