#include <memory>

#include <unistd.h>

#include "core/base/text.h"
#include "core/cli/command_spec.h"

namespace hostcheck::cli {
namespace {

const std::vector<std::string>& protocols() {
  static const std::vector<std::string> all = {"tcp", "udp", "icmp"};
  return all;
}

const std::vector<std::string>& probe_modes() {
  static const std::vector<std::string> all = {"off", "auto", "full"};
  return all;
}

IpAddress address(const std::string& name, const std::string& text) {
  const auto parsed = IpAddress::parse(text);
  if (!parsed) throw Wrong{name + " '" + text + "': not an address"};
  return *parsed;
}

std::uint32_t mark(const std::string& text) {
  const bool hex = text.starts_with("0x");
  const auto parsed = parse_number<std::uint32_t>(std::string_view(text).substr(hex ? 2 : 0), hex ? 16 : 10);
  if (!parsed) throw Wrong{"--mark '" + text + "': a number, or one in hexadecimal after 0x"};
  return *parsed;
}

constexpr const char* kNotes =
    "Examples:\n"
    "  hostcheck path db.example:5432\n"
    "  hostcheck path 192.0.2.7 --protocol icmp --probe off\n"
    "  hostcheck path [2001:db8::7]:443 --netns web --source 2001:db8:1::5\n"
    "  hostcheck path 192.0.2.7:443 --probe full       with sizes, source ports, delay and a trace\n"
    "\n"
    "Each step says where the kernel tells it. The packet filter's rules are walked as far as they can\n"
    "be decided without the packet itself; where a rule cannot be, the step says so. Without --probe off\n"
    "the next hop is asked and the port is connected to. A name is looked for in the hosts file; with a\n"
    "port, or where it is not there, this host's name servers are asked.\n"
    "Exit status: 0 every address has a way and nothing was found; 1 one has none, or a warning was\n"
    "found; 3 the journey could not be told; 64 wrong usage.";

PathOptions finish(const PathOptions& given) {
  if (given.target.text.empty()) throw Wrong{"the journey to which target? For example 192.0.2.7:443"};
  const IpAddress& source = given.traveller.source;
  const auto to = IpAddress::parse(given.target.parsed.host);
  if (to && !source.empty() && to->family() != source.family()) {
    throw Wrong{"--source '" + source.to_string() + "': not of the target's family"};
  }
  return given;
}

}  // namespace

conclude::NamedTarget named_target(const std::string& name, const std::string& text) {
  auto parsed = probe::parse_target(text);
  if (!parsed) throw Wrong{name + " '" + text + "': " + parsed.error().detail};
  return {text, *std::move(parsed)};
}

CommandSpec path_spec() {
  auto options = std::make_shared<PathOptions>();
  options->traveller.uid = ::geteuid();
  CommandSpec spec;
  spec.name = "path";
  spec.summary = "What a packet to a target does when it leaves this host, step by step";
  spec.argument = "TARGET";
  spec.argument_help = "HOST[:PORT]; each address of a name has its own journey";
  spec.take_argument = [options](const std::string& value) { options->target = named_target("TARGET", value); };
  spec.options = {
      {"--protocol", "NAME", "tcp, udp or icmp (tcp)", protocols(),
       [options](const std::string& value) { options->traveller.protocol = value; }},
      {"--source",
       "ADDRESS",
       "As if the socket were bound to this address",
       {},
       [options](const std::string& value) { options->traveller.source = address("--source", value); }},
      {"--interface",
       "IFNAME",
       "As if the socket were bound to this interface",
       {},
       [options](const std::string& value) { options->traveller.interface = value; }},
      {"--mark",
       "NUMBER",
       "As if the socket had this mark (SO_MARK)",
       {},
       [options](const std::string& value) { options->traveller.mark = mark(value); }},
      {"--netns",
       "NAME",
       "Start in this network namespace (where it is run)",
       {},
       [options](const std::string& value) { options->netns = value; }},
      {"--probe", "MODE", "auto: ask the next hop and connect; full: every kind; off: none (auto)", probe_modes(),
       [options](const std::string& value) {
         options->probe = value == "off"    ? conclude::ProbeMode::off
                          : value == "full" ? conclude::ProbeMode::full
                                            : conclude::ProbeMode::modest;
       }},
      {"--budget",
       "DURATION",
       "End in this time with what is known (15s)",
       {},
       [options](const std::string& value) {
         const auto parsed = parse_duration(value);
         if (!parsed) throw Wrong{"--budget '" + value + "': " + parsed.error().detail};
         if (parsed->count() == 0) throw Wrong{"--budget '" + value + "': a journey takes longer than that"};
         options->budget = *parsed;
       }},
      {"--rules",
       "DIR",
       "Rules of this folder in place of the installed ones",
       {},
       [options](const std::string& value) { options->rules.rules = value; }},
      {"--format",
       "NAME",
       "text or json (text)",
       {"text", "json"},
       [options](const std::string& value) { options->format = value; }},
  };
  spec.notes = kNotes;
  spec.finish = [options]() -> Command { return finish(*options); };
  return spec;
}

}  // namespace hostcheck::cli
