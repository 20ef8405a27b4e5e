#include "core/facts/probe.h"

namespace hostcheck::facts {

bool is_asked_table(std::string_view table) {
  return table.starts_with("probe_") || table == "journeys" || table == "path_steps" || is_brought_table(table);
}

std::string probe_arguments(const std::map<std::string, std::string>& args) {
  std::string out;
  for (const auto& [name, value] : args) {
    if (!out.empty()) out += ' ';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

const TableInfo& ProbeResult::table() {
  static const TableInfo info =
      TableBuilder<ProbeResult>("probe_results", "Active probes that were sent, one row each")
          .key<&ProbeResult::id>("probe", "", "hostcheck", "Number of the probe in this run, from 1")
          .column<&ProbeResult::netns>("netns", "", "namespace it was sent from", "Name of the network namespace")
          .column<&ProbeResult::kind>("kind", "", "hostcheck", "Kind of probe, as in hostcheck probe KIND")
          .column<&ProbeResult::target>("target", "", "who asked", "What was probed, as it was asked for")
          .column<&ProbeResult::args>("args", "", "who asked", "Its arguments, as NAME=VALUE with blanks between")
          .column<&ProbeResult::asked_by>("asked_by", "", "who asked", "Checks or options that asked for it")
          .column<&ProbeResult::outcome>("outcome", "", "the answers", "What came of it, one word of its kind")
          .column<&ProbeResult::words>("words", "", "the answers", "The same in a sentence")
          .column<&ProbeResult::method>("method", "", "hostcheck", "How it was sent, where there is a choice")
          .column<&ProbeResult::fallback>("fallback", "", "hostcheck", "Why the better method was not used")
          .column<&ProbeResult::complete>("complete", "", "--budget", "Whether it came to its end within the budget")
          .column<&ProbeResult::error>("error", "", "the kernel", "Why it could not be run")
          .column<&ProbeResult::packets>("packets", "packets", "sendmsg(2)", "Packets sent")
          .column<&ProbeResult::duration_ms>("duration_ms", "ms", "CLOCK_MONOTONIC", "Time that it took")
          .build();
  return info;
}

}  // namespace hostcheck::facts
