#!/usr/bin/env python3
"""Debian's Nagios Core runs hostcheck as its plugin, by the shipped command, and understands what it says."""

import os
import re
import shlex
import tempfile
import unittest

import support

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SHIPPED = os.path.join(ROOT, "packaging", "nagios")
NAGIOS = os.environ["HOSTCHECK_CONSUMERS"] + "/usr/sbin/nagios4"
SUDO = "/usr/bin/sudo -n "

MAIN = """
log_file={0}/nagios.log
cfg_file={0}/hostcheck.cfg
cfg_file={0}/objects.cfg
object_cache_file={0}/objects.cache
precached_object_file={0}/objects.precache
status_file={0}/status.dat
state_retention_file={0}/retention.dat
lock_file={0}/nagios.pid
temp_file={0}/nagios.tmp
temp_path={0}
check_result_path={0}
query_socket={0}/nagios.qh
command_file={0}/nagios.cmd
nagios_user=root
nagios_group=root
check_external_commands=0
enable_notifications=0
check_for_updates=0
status_update_interval=1
service_inter_check_delay_method=n
service_check_timeout=60
illegal_macro_output_chars=`~$&|'"<>
"""

OBJECTS = """
define timeperiod {
  timeperiod_name 24x7
  alias always
  sunday 00:00-24:00
  monday 00:00-24:00
  tuesday 00:00-24:00
  wednesday 00:00-24:00
  thursday 00:00-24:00
  friday 00:00-24:00
  saturday 00:00-24:00
}
define command {
  command_name notify
  command_line /bin/true
}
define contact {
  contact_name oncall
  service_notification_commands notify
  host_notification_commands notify
  service_notification_period 24x7
  host_notification_period 24x7
}
define host {
  host_name web-17
  contacts oncall
  address 127.0.0.1
  max_check_attempts 1
  check_period 24x7
}
define service {
  use hostcheck-service
  host_name web-17
  contacts oncall
}
"""


def status_blocks(path):
    """The service blocks of Nagios' status file: {description: {key: value}}."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    blocks = {}
    for block in re.findall(r"^servicestatus \{\n(.*?)^\t\}", text, re.MULTILINE | re.DOTALL):
        values = dict(line.strip().split("=", 1) for line in block.splitlines() if "=" in line)
        blocks[values["service_description"]] = values
    return blocks


class Plugin(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.netns = support.Netns("nagios")
        cls.netns.sysctl("net.ipv4.tcp_window_scaling", 0)
        cls.folder = tempfile.TemporaryDirectory(prefix="hc-nagios-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.addClassCleanup(cls.netns.close)

    def put(self, name, text):
        with open(os.path.join(self.folder.name, name), "w", encoding="utf-8") as file:
            file.write(text)

    def test_nagios_understands_each_answer(self):
        with open(SHIPPED + "/hostcheck.cfg", encoding="utf-8") as file:
            shipped = file.read()
        line = re.search(r"command_line\s+(.*)", shipped).group(1)
        self.assertTrue(line.startswith(SUDO + "/usr/bin/hostcheck "))
        with open(SHIPPED + "/hostcheck.sudoers", encoding="utf-8") as file:
            self.assertIn("NOPASSWD: %s\n" % line.removeprefix(SUDO), file.read())
        program = shlex.quote(support.HOSTCHECK)
        self.put("hostcheck.cfg", shipped.replace(SUDO + "/usr/bin/hostcheck", program))
        objects = OBJECTS
        for name, options in (("fine", "--observe 0 --only tcp.sack_disabled"), ("failing", "--rules /nonexistent"),
                              ("blind", "--observe 0 --skip '*'")):
            objects += ("define command {\n command_name %s\n command_line %s run --format nagios %s\n}\n" % (name, program, options)
                        + "define service {\n use hostcheck-service\n host_name web-17\n contacts oncall\n service_description %s\n"
                        " check_command %s\n}\n" % (name, name))
        self.put("objects.cfg", objects)
        self.put("nagios.cfg", MAIN.format(self.folder.name))
        config = os.path.join(self.folder.name, "nagios.cfg")
        self.assertIn("Total Errors:   0", support.run(NAGIOS, "-v", config))
        with open(os.path.join(self.folder.name, "out"), "w", encoding="utf-8") as out:
            self.netns.popen(NAGIOS, config, stdout=out, stderr=out)
        status = os.path.join(self.folder.name, "status.dat")

        def all_checked():
            blocks = status_blocks(status) if os.path.exists(status) else {}
            return blocks if len(blocks) == 4 and all(each["has_been_checked"] == "1" for each in blocks.values()) else None

        blocks = support.wait_for(all_checked, "Nagios' answer for each service", 90)
        self.assertEqual({name: each["current_state"] for name, each in blocks.items()},
                         {"hostcheck": "1", "fine": "0", "failing": "3", "blind": "3"})
        self.assertEqual(blocks["fine"]["plugin_output"], "HOSTCHECK OK: 1 check clear, nothing found")
        self.assertEqual(blocks["fine"]["long_plugin_output"], "")
        self.assertIn("HOSTCHECK UNKNOWN: ", blocks["failing"]["plugin_output"])
        self.assertIn("/nonexistent", blocks["failing"]["plugin_output"])
        self.assertIn("no check was run", blocks["blind"]["plugin_output"])
        warning = blocks["hostcheck"]
        self.assertTrue(warning["plugin_output"].startswith("HOSTCHECK WARNING: "), warning["plugin_output"])
        self.assertIn("WARNING tcp.window_scaling_disabled (confirmed): ", warning["long_plugin_output"])
        data = dict(each.split("=", 1) for each in warning["performance_data"].split())
        self.assertEqual(set(data), {"critical", "warning", "info", "clear", "unknown", "failed", "suppressed", "duration"})
        for each in data.values():
            self.assertRegex(each, r"^[0-9.]+s?;[0-9]*;[0-9]*;0;[0-9]*$")
        self.assertGreater(int(data["warning"].split(";")[0]), 0)
        self.assertGreater(float(data["duration"].split("s;")[0]), 2)


if __name__ == "__main__":
    support.need_root()
    support.main()
