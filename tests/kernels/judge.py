"""What each scenario has to tell on every kernel, and the matrix of what it told."""

REFUSALS = "observe: listener refusals"
DROPS = "observe: drop reasons"

# Scenario: what it is, and the finding that has to lead; None: nothing may be found.
LEADS = {
    "accept_queue": ("accept queue overflow", "listen.accept_queue_overflow"),
    "half_open": ("half-open queue overflow", "listen.syn_queue_overflow"),
    "nft_drop": ("nft drops a service", "netfilter.drops_service_port"),
    "paws": ("PAWS against TIME-WAIT", "tcp.paws_drops"),
    "bad_link": ("NIC at 100 half, no autonegotiation", "nic.autoneg_off"),
    "netem_loss": ("netem loses 25 %", "tcp.retransmissions_high"),
    "netem_delay": ("netem delays 120 ms (healthy)", None),
    "conntrack": ("connection tracking full", "conntrack.table_full"),
}
REASONS = {"accept_queue": "accept_queue_full", "half_open": "syn_queue_full", "nft_drop": "firewall", "paws": "paws",
           "conntrack": "conntrack_full", "bonding": "firewall", "vlan": "firewall", "gre": "firewall"}
# Where a SYN that comes through several devices has to be seen: the packet's own device, and the one where it is dropped.
WAYS = {"bonding": ("SYNs through a bond", ["veth0"], ["bond0"]), "vlan": ("SYNs with a VLAN tag", ["veth0.7"], ["veth0.7"]),
        "gre": ("SYNs inside GRE", ["gre1"], ["gre1"])}
# Whose reason is certain only where the listener's functions can be traced.
OF_LISTENER = {"accept_queue", "half_open"}


def problems(answer):
    """What is wrong with a guest's answer, in words."""
    wrong = []
    methods = answer.get("methods", {})
    if not methods.get("observe: handshake trace", {}).get("available"):
        wrong.append("no handshake trace: %s" % methods.get("observe: handshake trace"))
    for name, told in answer.get("scenarios", {}).items():
        def check(what, value, expected, name=name):
            if value != expected:
                wrong.append("%s: %s is %r, not %r" % (name, what, value, expected))

        if "broke" in told:
            wrong.append("%s broke:\n%s" % (name, told["broke"]))
            continue
        if name in LEADS:
            check("the first finding", told["first"], LEADS[name][1])
            if LEADS[name][1]:
                check("its status", told["status"], "confirmed")
        if name == "bad_link":
            check("duplex and speed found", {"nic.duplex_half", "nic.speed_degraded"} <= set(told["findings"]), True)
        if name == "netem_delay":
            check("rows of unanswered SYNs", told["rows"], 0)
        if name in REASONS:
            check("the reason", told["reasons"], [REASONS[name]])
        if name in OF_LISTENER:
            traced = methods[REFUSALS]["available"]
            check("the certainty", told["certainties"], ["seen" if traced else "inferred"])
            check("SYNs that the listener dropped are counted", told["listener_dropped_syns"] is not None, traced)
        if name in WAYS:
            _, interfaces, dropped_at = WAYS[name]
            check("rows", told["rows"], 20)
            check("SYNs counted", told["received"], told["counted"])
            check("the interface", told["interfaces"], interfaces)
            check("the interface of the drops", told["drop_interfaces"], dropped_at)
    if "error" in answer:
        wrong.append("the guest's job broke:\n" + answer["error"])
    elif not answer.get("scenarios"):
        wrong.append("the guest told nothing")
    return wrong


def cell(name, told):
    if "broke" in told:
        return "broke"
    if name in WAYS:
        return "%d of %d, %s" % (told["received"], told["counted"], ", ".join(told["interfaces"]))
    parts = ["`%s`" % told["first"] if told["first"] else "nothing found"]
    if name in REASONS:
        parts.append("%s (%s)" % (", ".join(told["reasons"]), ", ".join(told["certainties"])))
    return "; ".join(parts)


def matrix(answers):
    """The answers by kernel as a Markdown table."""
    names = [name for name in list(LEADS) + list(WAYS) if any(name in each["scenarios"] for each in answers.values())]
    lines = ["| |" + "|".join(" %s " % each["release"] for each in answers.values()) + "|", "|-|" + "-|" * len(answers)]
    methods = [name for name in next(iter(answers.values()))["methods"] if name.startswith("observe: ")]
    for name in methods:
        lines.append("| %s |" % name + "|".join(" yes " if each["methods"].get(name, {}).get("available") else " no "
                                               for each in answers.values()) + "|")
    for name in names:
        what = LEADS[name][0] if name in LEADS else WAYS[name][0]
        lines.append("| %s |" % what + "|".join(" %s " % cell(name, each["scenarios"].get(name, {"broke": True}))
                                               for each in answers.values()) + "|")
    return "\n".join(lines)
