"""The lab's table: every fault and decoy with what was found, and the totals."""

import re
import sys

# The catalogue of outages, in its order.
CASES = {"C01": "a server that does not answer a SYN, by each cause", "C02": "one of a name's addresses refuses",
         "C03": "a process talks to addresses that left the name", "C04": "a trace with loss", "C05": "only some protocols arrive",
         "C06": "one of many equal paths is bad, or all lose", "C07": "users behind one NAT", "C08": "fragments and datagrams are lost",
         "C09": "large packets never arrive", "C10": "slow without load", "C11": "a bad link or NIC", "C12": "connections are reset",
         "C13": "gateways and neighbours", "C14": "the application hung", "C15": "routes", "C16": "delay under load",
         "C17": "connection tracking", "C18": "the receive path is overloaded"}
MARKS = ("<!-- lab: made by tests/lab/run.py -->\n", "<!-- end of lab -->\n")


def led(scenario, told):
    """Whether every view put the right finding first; for a decoy: found none."""
    if not told["views"]:
        return False
    if not scenario.leads:
        return not any(view["false"] for view in told["views"])
    return all(view["led_by"] == scenario.leads for view in told["views"])


def status(told):
    """Of the leading finding: the same in every view, or each."""
    return ", ".join(sorted({view["status"] for view in told["views"] if view["status"]})) or "-"


def false_findings(told):
    return sorted({each for view in told["views"] for each in view["false"]})


def seconds(told):
    """The longest of its runs of hostcheck."""
    return max((view["seconds"] for view in told["views"]), default=0.0)


def line(scenario, version, told):
    """For the one who waits."""
    mark = "WRONG" if told["problem"] else "ok"
    text = "%-5s %-5s %s %s (%.1f s)" % (mark, scenario.case or "decoy", scenario.name, version, told["took_s"])
    if told["problem"]:
        text += "\n      " + told["problem"].strip().replace("\n", "\n      ")
    return text


def totals(results):
    """(what, how many, of how many)."""
    faults = [(scenario, told) for scenario, _, told in results if scenario.leads]
    decoys = [(scenario, told) for scenario, _, told in results if not scenario.leads]
    provable = [(scenario, told) for scenario, told in faults if scenario.status == "confirmed"]
    return [("faults led by the right finding", sum(led(*each) for each in faults), len(faults)),
            ("confirmed, where the fault can be proved", sum(status(told) == "confirmed" for _, told in provable), len(provable)),
            ("faults with a finding that is not their effect", sum(bool(false_findings(told)) for _, told in faults), len(faults)),
            ("decoys with a finding", sum(bool(false_findings(told)) for _, told in decoys), len(decoys)),
            ("scenarios with anything else that is wrong", sum(bool(told["problem"]) for _, _, told in results), len(results))]


def whole(results, took):
    rows = [("case", "fault", "IP", "finding", "led by it", "status", "seconds", "false findings")]
    for scenario, version, told in sorted(results, key=lambda each: (not each[0].leads, each[0].case)):
        rows.append((scenario.case or "decoy", scenario.words, version, scenario.leads or "none", "yes" if led(scenario, told) else "NO",
                     status(told), "%.1f" % seconds(told), ", ".join(sorted({each.split(":")[0] for each in false_findings(told)})) or "0"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    lines = ["  ".join([*(word.ljust(width) for word, width in zip(row, widths)), row[-1]]).rstrip() for row in rows]
    lines += ["", *("%s: %d of %d" % each for each in totals(results)), "%d scenarios, %.0f s" % (len(results), took)]
    return "\n".join(["", *lines])


def as_json(results, took):
    return {"scenarios": [{"name": scenario.name, "case": scenario.case, "version": version, "expected": scenario.leads,
                           "led": led(scenario, told), "status": status(told), "seconds": seconds(told),
                           "false": false_findings(told), "problem": told["problem"], "took_s": told["took_s"]}
                          for scenario, version, told in results],
            "totals": [{"what": what, "count": count, "of": of} for what, count, of in totals(results)], "took_s": round(took, 1)}


def by_kind(results):
    """The README's table: a row a kind of outage, and one for the decoys."""
    rows = ["| outage | faults | led by the right finding | confirmed, suspected | longest run | false findings |", "|-|-|-|-|-|-|"]
    for case, words in [*CASES.items(), ("", "healthy, and looks like one of these")]:
        of_case = [(scenario, told) for scenario, _, told in results if scenario.case == case]
        if not of_case:
            continue
        counts = [sum(status(told) == each for _, told in of_case) for each in ("confirmed", "suspected")]
        found = ["%d" % sum(led(*each) for each in of_case), "%d, %d" % tuple(counts)] if case else ["-", "-"]
        rows.append("| %s | %d | %s | %.1f s | %d |" % (words, len(of_case), " | ".join(found), max(seconds(told) for _, told in of_case),
                                                        sum(len(false_findings(told)) for _, told in of_case)))
    return "\n".join(rows)


def write_readme(path, results, took):
    totals_line = "; ".join("%s: %d of %d" % each for each in totals(results)) + ". %d scenarios, %.0f s." % (len(results), took)
    text = by_kind(results) + "\n\n" + totals_line[0].upper() + totals_line[1:] + "\n"
    with open(path, encoding="utf-8") as file:
        before = file.read()
    after, found = re.subn(re.escape(MARKS[0]) + ".*?" + re.escape(MARKS[1]), lambda _: MARKS[0] + text + MARKS[1], before,
                           flags=re.DOTALL)
    if not found:
        sys.exit("%s has no marks for the lab" % path)
    with open(path, "w", encoding="utf-8") as file:
        file.write(after)
