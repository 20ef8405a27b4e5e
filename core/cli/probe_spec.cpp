#include <algorithm>
#include <array>
#include <memory>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/cli/command_spec.h"
#include "core/probe/engine.h"
#include "core/report/layout.h"

namespace hostcheck::cli {
namespace {

struct Example {
  std::string_view kind;
  std::string_view words;
};
constexpr std::array kExamples = {
    Example{"connect", "connect db.example:5432"},  Example{"dns", "dns db.example"},
    Example{"gateway", "gateway 192.0.2.1"},        Example{"latency", "latency 192.0.2.7:443"},
    Example{"listener", "listener 127.0.0.1:6379"}, Example{"pmtu", "pmtu 192.0.2.7"},
    Example{"sweep", "sweep [2001:db8::7]:443"},    Example{"trace", "trace 192.0.2.7:443"},
};

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const probe::KindInfo& each : probe::kinds()) names.emplace_back(each.name);
  return names;
}

// The kinds with their targets and arguments, then examples.
std::string notes() {
  constexpr std::size_t kWidth = 96;
  const auto kinds = probe::kinds();
  std::string out = "Kinds:\n";
  for (const probe::KindInfo& kind : kinds) {
    out += fmt::format("  {} {}\n", kind.name, kind.target);
    for (const std::string& line : report::wrap(kind.meaning, kWidth - 6)) out += "      " + line + "\n";
    for (const std::string_view arg : kind.args) {
      const std::size_t equals = std::min(arg.find('='), arg.size());
      const std::string_view meaning = equals == arg.size() ? std::string_view{} : arg.substr(equals + 1);
      std::string name = report::pad_right(fmt::format("        {}=", arg.substr(0, equals)), 24);
      for (const std::string& line : report::wrap(meaning, kWidth - 24)) {
        out += name + line + "\n";
        name = std::string(24, ' ');
      }
    }
  }
  out += "\nExamples:\n";
  for (const Example& each : kExamples) {
    const bool there =
        std::any_of(kinds.begin(), kinds.end(), [&](const auto& kind) { return kind.name == each.kind; });
    if (there) out += fmt::format("  hostcheck probe {}\n", each.words);
  }
  return out +
         "\nA name is looked for in the hosts file and asked of the name servers; each address is probed.\n"
         "A probe sends to what is named here and to nothing else, and data of an application only where\n"
         "send= gives it. Without CAP_NET_RAW it asks by other ways where there are any, and says so.\n"
         "What it found is in the tables probe_results and probe_*; --format json has their rows too.\n"
         "Exit status: 0 the probe has an answer; 3 it could not be run; 64 wrong usage.";
}

void add_argument(ProbeOptions& options, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos) throw Wrong{"'" + text + "': write an argument as NAME=VALUE"};
  if (!options.args.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
    throw Wrong{"the argument '" + text.substr(0, equals) + "' is given twice"};
  }
}

ProbeOptions finish(const ProbeOptions& options) {
  if (options.kind.empty())
    throw Wrong{"which kind of probe? One of " + fmt::format("{}", fmt::join(kind_names(), ", "))};
  const probe::Ask ask{options.kind, options.target, {}, options.args, {}};
  if (const auto known = probe::check(ask); !known) {
    throw Wrong{fmt::format("'{}': {}", known.error().object, known.error().detail)};
  }
  if (options.target.empty()) {
    const auto kinds = probe::kinds();
    const auto kind =
        std::find_if(kinds.begin(), kinds.end(), [&](const auto& each) { return each.name == options.kind; });
    throw Wrong{fmt::format("{} {}: which target?", options.kind, kind->target)};
  }
  return options;
}

}  // namespace

CommandSpec probe_spec() {
  auto options = std::make_shared<ProbeOptions>();
  CommandSpec spec;
  spec.name = "probe";
  spec.summary = "Send one probe by hand and tell what came of it";
  spec.argument = "KIND";
  spec.argument_help = "What to do, see below";
  spec.argument_choices = kind_names();
  spec.take_argument = [options](const std::string& value) { options->kind = value; };
  spec.more_arguments = {
      {"TARGET", "What to probe", false, [options](const std::string& value) { options->target = value; }},
      {"ARGUMENT", "The kind's own options, each as NAME=VALUE", true,
       [options](const std::string& value) { add_argument(*options, value); }},
  };
  spec.options = {
      {"--netns",
       "NAME",
       "Send it from this network namespace (where it is run)",
       {},
       [options](const std::string& value) { options->netns = value; }},
      {"--budget",
       "DURATION",
       "End in this time with what is known (15s)",
       {},
       [options](const std::string& value) {
         const auto parsed = parse_duration(value);
         if (!parsed) throw Wrong{"--budget '" + value + "': " + parsed.error().detail};
         if (parsed->count() == 0) throw Wrong{"--budget '" + value + "': a probe takes longer than that"};
         options->budget = *parsed;
       }},
      {"--format",
       "NAME",
       "text or json (text)",
       {"text", "json"},
       [options](const std::string& value) { options->format = value; }},
  };
  spec.notes = notes();
  spec.finish = [options]() -> Command { return finish(*options); };
  return spec;
}

}  // namespace hostcheck::cli
