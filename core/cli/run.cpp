#include <algorithm>
#include <functional>
#include <memory>

#include <unistd.h>

#include "core/cli/bundle.h"
#include "core/cli/catalogue.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/judging.h"
#include "core/cli/keep.h"
#include "core/cli/plan.h"
#include "core/cli/recorded.h"
#include "core/cli/window.h"
#include "core/conclude/probing.h"
#include "core/conclude/sample.h"
#include "core/conclude/timeline.h"
#include "core/gather/gather.h"
#include "core/observe/observation.h"
#include "core/report/html.h"
#include "core/report/layout.h"
#include "core/report/render.h"
#include "core/report/status_line.h"
#include "core/sql/database.h"

namespace hostcheck::cli {
namespace {

using checks::CheckResult;
using std::chrono::milliseconds;

constexpr milliseconds kToConclude{200};  // of the budget, after the last probe

// Plugins end early enough for the report to be written within the budget.
Clock::time_point plugin_deadline(Clock::time_point start, const RunOptions& options) {
  return start + options.budget - std::min<milliseconds>(options.budget / 5, milliseconds{500});
}

// Nobody waits for an observation that no check asks for.
milliseconds window_for(const facts::Request& request, const RunOptions& options) {
  bool wanted = observe::is_wanted(request);
  for (const auto& [name, table] : request) wanted = wanted || table.wants_observation();
  return wanted ? std::min(options.observe, options.budget) : milliseconds{0};
}

conclude::ProbeOptions probes_of(const RunOptions& options, const Window& window) {
  conclude::ProbeOptions probes;
  probes.mode = options.probe;
  probes.targets = options.targets;
  probes.traveller.uid = ::geteuid();
  probes.deadline = window.deadline() - kToConclude;
  probes.stop = &Window::interrupted;
  if (!options.from.empty()) {
    probes.mode = conclude::ProbeMode::off;
    probes.off_because = "the snapshot holds no answer to it";
  }
  return probes;
}

int status_of(conclude::Verdict verdict) {
  switch (verdict) {
    case conclude::Verdict::ok:
      return kExitOk;
    case conclude::Verdict::warning:
      return kExitWarning;
    case conclude::Verdict::critical:
      return kExitCritical;
    case conclude::Verdict::unknown:
      return kExitUnknown;
  }
  return kExitUnknown;
}

std::string render(std::string_view format, bool colour, const conclude::Report& report, const RunOptions& options) {
  if (format == "json") return report::as_json(report);
  if (format == "ndjson") return report::as_ndjson(report);
  if (format == "prometheus") return report::as_prometheus(report);
  if (format == "nagios") return report::as_nagios(report);
  if (format == "npd") return report::as_npd(report);
  if (format == "junit") return report::as_junit(report);
  if (format == "html") return report::as_html(report, status_of(report.verdict));
  report::TextOptions text;
  text.colour = colour;
  text.verbose = options.verbose;
  text.quiet = options.quiet;
  text.show_suppressed = options.show_suppressed;
  text.exit_status = status_of(report.verdict);
  return report::as_text(report, text);
}

// What the run ends with. Node Problem Detector knows 0 for fine, 1 for a problem and takes all else for unknown.
int status_of(const conclude::Report& report, const RunOptions& options) {
  const int status = status_of(report.verdict);
  if (options.format != "npd") return status;
  return status == kExitUnknown ? kExitNpdUnknown : status == kExitOk ? kExitOk : kExitNpdProblem;
}

// fail(), in the words that the reader of this format waits for: a monitoring plugin answers on standard output.
int fail_run(const Error& error, const RunOptions& options) {
  if (options.format == "npd" && error.code != ErrorCode::invalid) {
    static_cast<void>(print(report::shortened(report::printable(error.message()), report::kNpdBytes) + "\n"));
    return kExitNpdUnknown;
  }
  if (options.format != "nagios" || error.code == ErrorCode::invalid) return fail(error);
  static_cast<void>(print(report::nagios_failure(error.message())));
  return kExitUnknown;
}

// Prints or writes what the run found. Returns the exit status.
int deliver(const conclude::Report& report, const facts::Facts& facts, const RunOptions& options,
            const std::function<Result<void>()>& write_bundle) {
  if (!options.snapshot.empty()) {
    if (auto written = write_snapshot(options.snapshot, options.anonymous, report, facts); !written)
      return fail_run(written.error(), options);
  }
  if (auto written = write_bundle(); !written) return fail_run(written.error(), options);
  if (options.no_report) {
    if (options.quiet) return kExitOk;
    const std::string& file = options.snapshot;
    return print(file + "\nhostcheck run --from " + file + " judges it, hostcheck query --from " + file + " asks it.\n")
               ? kExitOk
               : kExitUnknown;
  }
  const bool colour = use_colour(options.colour, !options.output.empty());
  const std::string text = render(options.format, colour, report, options);
  if (options.output.empty()) return print(text) ? status_of(report, options) : kExitUnknown;
  if (auto written = write_whole(options.output, text); !written) return fail_run(written.error(), options);
  return status_of(report, options);
}

}  // namespace

int run(const RunOptions& options) {
  const auto start = Clock::now();
  const auto started = std::chrono::system_clock::now();
  const bool recorded = !options.from.empty();
  for (const std::string& file : {options.output, options.snapshot, options.bundle}) {
    if (file.empty()) continue;
    if (auto writable = can_write_whole(file); !writable) return fail_run(writable.error(), options);
  }
  auto loaded = load_catalogue(options.rules);
  if (!loaded) return fail_run(loaded.error(), options);
  Catalogue& catalogue = keep_until_exit(*std::move(loaded));
  if (auto known = check_suppressions(catalogue, options.suppressions); !known) return fail_run(known.error(), options);
  Subject& subject = keep_until_exit(Subject());
  subject.taken = started;
  if (recorded) {
    auto read = recorded_subject(options.from);
    if (!read) return fail_run(read.error(), options);
    subject = *std::move(read);
  }
  auto opened = sql::Database::open();  // with the tables that plugins and the snapshot have made known
  if (!opened) return fail_run(opened.error(), options);
  sql::Database& database = keep_until_exit(*std::move(opened));
  const bool observed = recorded ? subject.facts.observed.count() > 0 : options.observe.count() > 0;
  const bool bundled = !options.bundle.empty();
  Plan& plan = keep_until_exit(plan_checks(catalogue, database, observed, !options.snapshot.empty() || bundled));
  if (!options.snapshot.empty() || bundled) merge(facts::request_everything(), plan.request);
  if ((options.format == "html" || bundled) && window_for(plan.request, options).count() > 0) {
    merge(conclude::timeline_reads(), plan.request);
  }
  if (!recorded) {
    auto namespaces = gather::plan_namespaces(options.netns, plan.request.contains("namespaces"));
    if (!namespaces) return fail_run(namespaces.error(), options);
    subject.namespaces = *std::move(namespaces);
  }

  // A text report or a plugin's answer on standard output tells them itself.
  const bool tells =
      (options.format == "text" && !options.quiet) || options.format == "nagios" || options.format == "npd";
  if (!tells || !options.output.empty() || !options.snapshot.empty()) {
    for (const CheckResult& each : plan.failed) complain(each.reason);
  }

  const Window window(start, start + options.budget, !options.quiet);
  Bundle bundle(options.bundle, !recorded, subject.namespaces);
  conclude::Sampling sampling;
  sampling.at_end = bundle.at_window_end();
  if (!recorded) {
    const auto wait = [&](milliseconds time, const conclude::Tick& tick) { window.wait(time, tick); };
    subject.facts = conclude::sample(plan.request, subject.namespaces, window_for(plan.request, options),
                                     bundle.listening(wait), options.roles, &sampling);
  }
  conclude::ProbeOptions probes = probes_of(options, window);
  probes.onlooker = bundle.onlooker();
  conclude::Report report = judge({plan, catalogue, subject.namespaces, options.suppressions, recorded,
                                   window.deadline(), plugin_deadline(start, options), std::move(probes)},
                                  subject.facts, database);
  report.capabilities.insert(report.capabilities.end(), sampling.methods.begin(), sampling.methods.end());
  report.started = subject.taken;
  report.snapshot = options.from;
  report.duration = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
  return deliver(report, subject.facts, options, [&]() -> Result<void> {
    if (options.bundle.empty()) return {};
    const auto as = [&](std::string_view format) { return render(format, false, report, options); };
    return bundle.write({as("text"), as("json"), as("html")}, report, subject.facts, sampling.window);
  });
}

int snapshot(const SnapshotOptions& options) {
  RunOptions all;
  all.netns = options.netns;
  all.observe = options.observe;
  all.budget = std::max(all.budget, options.observe + milliseconds(15'000));
  all.probe = conclude::ProbeMode::off;
  all.rules = options.rules;
  all.snapshot = options.output;
  all.no_report = true;
  all.anonymous = options.anonymous;
  all.quiet = options.quiet;
  return run(all);
}

}  // namespace hostcheck::cli
