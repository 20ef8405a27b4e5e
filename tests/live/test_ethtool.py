"""What drivers tell, compared with ethtool(8) for the same device at the same moment."""

import json
import re
import subprocess
import unittest

import support

# ethtool(8) has names of its own for some features of the kernel.
FEATURE_NAMES = {
    "rx-checksum": "rx-checksumming",
    "tx-vlan-hw-insert": "tx-vlan-offload",
    "rx-vlan-hw-parse": "rx-vlan-offload",
    "tx-generic-segmentation": "generic-segmentation-offload",
    "rx-gro": "generic-receive-offload",
    "rx-lro": "large-receive-offload",
    "rx-ntuple-filter": "ntuple-filters",
    "rx-hashing": "receive-hashing",
}


class Device:
    """One device and what ethtool(8) prints about it."""

    def __init__(self, netns, name):
        self.netns = netns
        self.name = name

    def ethtool(self, *options):
        """What ethtool prints; "" when the device has no such thing."""
        words = ["ip", "netns", "exec", self.netns.name] if self.netns else []
        done = subprocess.run([*words, "ethtool", *options, self.name], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    def fields(self, *options):
        """"Name: value" lines, the last of equal names."""
        found = {}
        for line in self.ethtool(*options).splitlines():
            name, colon, value = line.partition(":")
            if colon:
                found[name.strip()] = value.strip()
        return found

    def pairs(self, *options):
        """The two blocks "Pre-set maximums" and "Current hardware settings"."""
        blocks = {"max": {}, "now": {}}
        block = None
        for line in self.ethtool(*options).splitlines():
            if line.startswith("Pre-set"):
                block = blocks["max"]
            elif line.startswith("Current"):
                block = blocks["now"]
            elif block is not None and ":" in line:
                name, value = line.split(":")
                block[name.strip()] = number(value)
        return blocks

    def row(self):
        facts = support.facts(self.netns, "nic_settings:ifname=" + self.name)
        assert len(facts["nic_settings"]) == 1, facts
        return facts["nic_settings"][0]

    def absences(self):
        facts = support.facts(self.netns, "nic_settings")
        return [each for each in facts["absences"] if each["subject"] == self.name]


def number(text):
    text = text.strip()
    return int(text) if re.fullmatch(r"-?\d+", text) else None


def on_off(text):
    return {"on": True, "off": False}.get(text)


class SameAsEthtool(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.netns = support.Netns("nic")
        cls.netns.ip("tuntap", "add", "tap0", "mode", "tap")
        cls.netns.exec("ethtool", "-s", "tap0", "speed", "100", "duplex", "half", "autoneg", "off")
        cls.netns.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
        cls.netns.ip("link", "set", "veth0", "up")
        cls.netns.ip("link", "set", "veth1", "up")
        cls.netns.ip("link", "add", "br0", "type", "bridge")
        cls.netns.ip("link", "set", "veth1", "master", "br0")
        cls.devices = [Device(cls.netns, name) for name in ("tap0", "veth0", "veth1", "br0", "lo")]
        for each in json.loads(support.run("ip", "-j", "link")):
            cls.devices.append(Device(None, each["ifname"]))

    @classmethod
    def tearDownClass(cls):
        cls.netns.close()

    def for_each(self, check):
        """Calls check(device, its row) for every device, each as a test of its own."""
        for device in self.devices:
            with self.subTest(device=device.name, netns="its own" if device.netns else "the machine's"):
                check(device, device.row())

    def test_every_interface_has_one_row(self):
        names = sorted(each["ifname"] for each in self.netns.ip_json("link"))
        rows = support.facts(self.netns, "nic_settings")["nic_settings"]
        self.assertEqual(sorted(row["ifname"] for row in rows), names)

    def test_driver(self):
        def check(device, row):
            shown = device.fields("-i")
            self.assertEqual(row["driver"], shown.get("driver") or None)
            self.assertEqual(row["driver_version"], shown.get("version") or None)
            self.assertEqual(row["firmware_version"], shown.get("firmware-version") or None)
            self.assertEqual(row["bus_info"], shown.get("bus-info") or None)

        self.for_each(check)

    def test_link_settings(self):
        def check(device, row):
            shown = device.fields()
            speed = re.fullmatch(r"(\d+)Mb/s", shown.get("Speed", ""))
            self.assertEqual(row["speed_mbps"], int(speed[1]) if speed else None)
            duplex = {"Half": "half", "Full": "full"}.get(shown.get("Duplex"))
            self.assertEqual(row["duplex"], duplex)
            self.assertEqual(row["autoneg"], on_off(shown.get("Auto-negotiation")))
            self.assertEqual(row["port"], shown.get("Port"))
            self.assertEqual(row["transceiver"], shown.get("Transceiver"))
            link = shown.get("Link detected", "").partition(" ")[0]  # "no (No cable)"
            self.assertEqual(row["link_detected"], {"yes": True, "no": False}.get(link))

        self.for_each(check)

    def test_rings(self):
        def check(device, row):
            shown = device.pairs("-g")
            self.assertEqual(row["rx_ring"], shown["now"].get("RX"))
            self.assertEqual(row["rx_ring_max"], shown["max"].get("RX"))
            self.assertEqual(row["tx_ring"], shown["now"].get("TX"))
            self.assertEqual(row["tx_ring_max"], shown["max"].get("TX"))

        self.for_each(check)

    def test_channels(self):
        def check(device, row):
            shown = device.pairs("-l")
            for column, name in (("rx", "RX"), ("tx", "TX"), ("other", "Other"), ("combined", "Combined")):
                self.assertEqual(row[column + "_channels"], shown["now"].get(name))
                self.assertEqual(row[column + "_channels_max"], shown["max"].get(name))

        self.for_each(check)

    def test_coalescing(self):
        def check(device, row):
            shown = device.fields("-c")
            for column in ("rx_usecs", "rx_frames", "tx_usecs", "tx_frames"):
                self.assertEqual(row[column], number(shown.get(column.replace("_", "-"), "")))
            adaptive = re.search(r"Adaptive RX: (\S+)\s+TX: (\S+)", device.ethtool("-c"))
            self.assertEqual(row["adaptive_rx"], on_off(adaptive[1]) if adaptive else None)
            self.assertEqual(row["adaptive_tx"], on_off(adaptive[2]) if adaptive else None)

        self.for_each(check)

    def test_pause(self):
        def check(device, row):
            shown = device.fields("-a")
            self.assertEqual(row["pause_autoneg"], on_off(shown.get("Autonegotiate")))
            self.assertEqual(row["pause_rx"], on_off(shown.get("RX")))
            self.assertEqual(row["pause_tx"], on_off(shown.get("TX")))

        self.for_each(check)

    def test_error_correction(self):
        def check(device, row):
            shown = device.fields("--show-fec")
            self.assertEqual(row["fec_active"], shown.get("Active FEC encoding"))
            self.assertEqual(row["fec_configured"], shown.get("Configured FEC encodings"))

        self.for_each(check)

    def test_features(self):
        for device in self.devices:
            with self.subTest(device=device.name):
                try:
                    shown = json.loads(device.ethtool("--json", "-k"))[0]
                except ValueError:
                    self.skipTest("this ethtool has no --json for features")
                rows = support.facts(device.netns, "nic_features:ifname=" + device.name)["nic_features"]
                self.assertEqual(len(rows), len({row["feature"] for row in rows}))
                self.assertGreater(len(rows), 20)
                ours = {FEATURE_NAMES.get(row["feature"], row["feature"]): row for row in rows}
                for name, row in ours.items():
                    self.assertIn(name, shown)
                    told = shown[name]
                    self.assertEqual((row["active"], row["wanted"], not row["hw"] or row["nochange"]),
                                     (told["active"], told["requested"], told["fixed"]), name)
                # What is left are ethtool's groups, which have no state of their own.
                groups = {"ifname", "tx-checksumming", "scatter-gather", "tcp-segmentation-offload"}
                self.assertLessEqual(set(shown) - set(ours), groups)

    def test_statistics(self):
        for device in self.devices:
            if device.name == "lo":
                continue
            with self.subTest(device=device.name):
                shown = {name.strip(): int(value)
                         for name, value in re.findall(r"^\s+(\S.*): (\d+)$", device.ethtool("-S"), re.MULTILINE)}
                facts = support.facts(device.netns, "nic_statistics:ifname=" + device.name)
                ours = {row["name"]: row["value"] for row in facts["nic_statistics"]}
                self.assertEqual(set(ours), set(shown))
                if device.netns:  # the machine's own devices go on counting
                    self.assertEqual(ours, shown)

    def test_the_two_ends_of_a_veth_know_each_other(self):
        links = {each["ifname"]: each["ifindex"] for each in self.netns.ip_json("link")}
        rows = support.facts(self.netns, "nic_statistics:ifname=veth0:name=peer_ifindex")["nic_statistics"]
        self.assertEqual([row["value"] for row in rows], [links["veth1"]])


class BadLink(unittest.TestCase):
    def test_a_tap_reports_the_link_that_it_was_given(self):
        with support.Netns("tap") as netns:
            netns.ip("tuntap", "add", "tap0", "mode", "tap")
            netns.exec("ethtool", "-s", "tap0", "speed", "100", "duplex", "half", "autoneg", "off")
            row = Device(netns, "tap0").row()
            self.assertEqual((row["speed_mbps"], row["duplex"], row["autoneg"]), (100, "half", False))
            netns.exec("ethtool", "-s", "tap0", "speed", "25000", "duplex", "full", "autoneg", "on")
            row = Device(netns, "tap0").row()
            self.assertEqual((row["speed_mbps"], row["duplex"], row["autoneg"]), (25000, "full", True))


    def test_a_run_finds_the_bad_link_and_its_cause_first(self):
        with support.Netns("bad") as netns:
            netns.ip("tuntap", "add", "tap0", "mode", "tap")
            netns.exec("ethtool", "-s", "tap0", "speed", "100", "duplex", "half", "autoneg", "off")
            netns.ip("link", "set", "tap0", "up")
            done = subprocess.run([support.HOSTCHECK, "run", "--netns", netns.name, "--observe", "0", "--probe", "off",
                                   "--format", "json"], capture_output=True, text=True)
            found = [each for each in json.loads(done.stdout)["findings"] if each["id"].startswith("nic.")]
            self.assertEqual(found[0]["id"], "nic.autoneg_off")
            self.assertEqual({each["id"] for each in found}, {"nic.autoneg_off", "nic.duplex_half", "nic.speed_degraded"})
            self.assertEqual({each["status"] for each in found if each["id"] != "nic.speed_degraded"}, {"confirmed"})
            self.assertEqual({each["subject"]["interface"] for each in found}, {"tap0"})
            self.assertEqual(done.returncode, 1)


class WhatIsNotTold(unittest.TestCase):
    def test_devices_of_software_lack_nothing(self):
        with support.Netns("soft") as netns:
            netns.ip("link", "add", "br0", "type", "bridge")
            netns.ip("link", "set", "br0", "up")
            netns.ip("link", "add", "veth0", "type", "veth", "peer", "name", "veth1")
            facts = support.facts(netns, "nic_settings", "nic_features", "nic_statistics")
            self.assertEqual(facts["absences"], [])
            self.assertEqual({row["physical"] for row in facts["nic_settings"]}, {False})

    def test_a_real_device_without_a_speed_is_an_absence_that_names_its_driver(self):
        silent = []
        for row in support.facts(None, "nic_settings")["nic_settings"]:
            if row["physical"] and row["link_detected"] and row["speed_mbps"] is None:
                silent.append(row)
        if not silent:
            self.skipTest("every real device here tells its speed")
        for row in silent:
            told = [each for each in Device(None, row["ifname"]).absences() if each["column"] == "speed_mbps"]
            self.assertEqual(len(told), 1)
            self.assertEqual(told[0]["reason"], "driver %s does not tell" % row["driver"])
            self.assertEqual(told[0]["code"], "unsupported")


class ManyDevices(unittest.TestCase):
    def test_two_hundred_veths_are_all_told_once(self):
        with support.Netns("many") as netns:
            batch = "".join("link add a%d type veth peer name b%d\n" % (i, i) for i in range(100))
            netns.ip("-batch", "-", stdin=batch)
            facts = support.facts(netns, "nic_settings", "nic_statistics")
            names = [row["ifname"] for row in facts["nic_settings"]]
            self.assertEqual(len(names), 201)
            self.assertEqual(len(set(names)), 201)
            self.assertEqual({row["speed_mbps"] for row in facts["nic_settings"] if row["driver"] == "veth"}, {10000})
            self.assertEqual(len({row["ifname"] for row in facts["nic_statistics"]}), 200)


if __name__ == "__main__":
    support.need_root()
    support.need_programs("ip", "ethtool")
    support.main()
