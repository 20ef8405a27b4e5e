#include <algorithm>
#include <memory>

#include "core/base/text.h"
#include "core/cli/command_spec.h"

namespace hostcheck::cli {
namespace {

// "sick=a.db,b.db"; a group may be given in several parts.
void add_group(DiffOptions& options, const std::string& text) {
  const auto equals = text.find('=');
  const std::string name = text.substr(0, equals);
  if (equals == std::string::npos || name.empty() || equals + 1 == text.size()) {
    throw Wrong{"--group '" + text + "': write it as NAME=FILE,FILE,..."};
  }
  for (std::size_t at = equals + 1; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    if (end == at) throw Wrong{"--group '" + text + "': has an empty file name"};
    options.files.push_back(text.substr(at, end - at));
    options.groups.push_back(name);
    at = end + 1;
  }
}

DiffOptions finish(DiffOptions options, const std::vector<std::string>& files) {
  if (!options.groups.empty()) {
    if (!files.empty()) throw Wrong{"the files go into --group, or there is no --group"};
    const bool one = std::all_of(options.groups.begin(), options.groups.end(),
                                 [&](const std::string& each) { return each == options.groups.front(); });
    if (one) throw Wrong{"--group: one group differs from nothing; give another, e.g. --group fine=C.db,D.db"};
  } else {
    if (files.empty()) throw Wrong{"what with what? hostcheck diff A.db B.db; A.db alone is compared with this host"};
    if (files.size() > 2) throw Wrong{"two at most; more are compared in groups: --group sick=A,B --group fine=C,D"};
    options.files = files;
  }
  const bool live = options.files.size() == 1;
  if (!live && (options.observe || !options.netns.empty())) {
    throw Wrong{"--observe and --netns are for this host, and snapshots alone are compared"};
  }
  return options;
}

}  // namespace

CommandSpec diff_spec() {
  auto options = std::make_shared<DiffOptions>();
  auto files = std::make_shared<std::vector<std::string>>();
  CommandSpec spec;
  spec.name = "diff";
  spec.summary = "Why is that one fine? What differs between snapshots, the telling first";
  spec.argument = "FILE";
  spec.argument_help = "Two snapshots; one: it and this host";
  spec.many = true;
  spec.take_argument = [files](const std::string& value) { files->push_back(value); };
  spec.options = {
      {"--group",
       "NAME=FILE,...",
       "A group of snapshots; what tells groups apart is ranked (repeatable)",
       {},
       [options](const std::string& value) { add_group(*options, value); }},
      {"--netns",
       "NAME",
       "Look at this network namespace of this host, or at all",
       {},
       [options](const std::string& value) { options->netns = value; }},
      {"--observe",
       "DURATION",
       "How long to watch this host (2s); 0: not at all",
       {},
       [options](const std::string& value) {
         const auto parsed = parse_duration(value);
         if (!parsed) throw Wrong{"--observe '" + value + "': " + parsed.error().detail};
         options->observe = *parsed;
       }},
      {"--plugins",
       "DIR",
       "Plugins of this folder, for this host, in place of the installed ones",
       {},
       [options](const std::string& value) { options->rules.plugins = value; }},
      {"--format",
       "NAME",
       "text or json (text)",
       {"text", "json"},
       [options](const std::string& value) { options->format = value; }},
      {"--verbose",
       "",
       "Print every difference, and everything that could not be compared",
       {},
       [options](const std::string&) { options->verbose = true; }},
  };
  spec.notes =
      "Examples:\n"
      "  hostcheck diff web-17.db web-18.db\n"
      "  hostcheck diff web-18.db                        with this host\n"
      "  hostcheck diff --group sick=web-1.db,web-4.db,web-9.db --group fine=web-2.db,web-3.db,web-5.db\n"
      "  hostcheck diff --format json web-17.db web-18.db\n"
      "\n"
      "hostcheck snapshot -o FILE makes the files. Counters, ids, times, pids, own addresses and who is\n"
      "connected are left out. What exists on one host only, and what could not be read on one, is told\n"
      "as that and never as another value. Of counters of errors and drops it matters whether they moved\n"
      "while the host was watched. Between groups, facts are ranked by gain ratio: the information gain\n"
      "about a host's group per bit that the fact holds, times the share of hosts that it is known of.\n"
      "Exit status: 0 nothing that matters differs; 1 something does; 3 failed; 64 wrong usage.";
  spec.finish = [options, files]() -> Command { return finish(*options, *files); };
  return spec;
}

}  // namespace hostcheck::cli
