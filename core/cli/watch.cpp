// `hostcheck watch`: the rounds, and what happens between them.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "core/cli/command_spec.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/judging.h"
#include "core/cli/systemd.h"
#include "core/cli/watch_load.h"
#include "core/cli/watch_tell.h"
#include "core/conclude/changes.h"
#include "core/conclude/rounds.h"
#include "core/gather/gather.h"
#include "core/report/render.h"

namespace hostcheck::cli {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstRound{2000};     // who starts a watch wants to know how it is
constexpr milliseconds kRoundBudget{15'000};  // as of one run
constexpr milliseconds kPluginReserve{500};   // of the budget, after the last plugin

// Signal handlers can reach nothing else.
volatile sig_atomic_t end_seen = 0;     // NOLINT
volatile sig_atomic_t reload_seen = 0;  // NOLINT

void on_end(int) {
  end_seen = 1;
}
void on_reload(int) {
  reload_seen = 1;
}

void take_signals() {
  struct sigaction action {};
  action.sa_flags = SA_RESTART;  // reads of the kernel go on; poll(2) ends all the same
  action.sa_handler = on_reload;
  ::sigaction(SIGHUP, &action, nullptr);
  action.sa_handler = on_end;
  ::sigaction(SIGTERM, &action, nullptr);
  // The second one ends the process as it would have without a handler.
  action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
}

class Watcher {
 public:
  Watcher(std::unique_ptr<Loaded> loaded, Teller teller)
      : loaded_(std::move(loaded)),
        teller_(std::move(teller)),
        files_(files_of(loaded_->options)),
        rounds_(loaded_->options.netns == "all", loaded_->options.roles) {}

  [[nodiscard]] int run();

 private:
  [[nodiscard]] Result<gather::Options> namespaces() const {
    return gather::plan_namespaces(loaded_->options.netns, loaded_->plan.request.contains("namespaces"));
  }
  void tell_refused();
  void reload();
  void wait_until(Clock::time_point time);
  void round();
  void judge(const gather::Options& namespaces);
  void fail_round(const Error& error);
  [[nodiscard]] conclude::ProbeOptions probes(Clock::time_point deadline) const;
  void write_metrics(const conclude::Report& report);
  void notice(const std::string& state, const std::string& words) {
    now_.time = std::chrono::system_clock::now();
    heard_ = teller_.notice(state, words, now_) && heard_;
  }
  [[nodiscard]] std::string status() const {
    return fmt::format("{} checks every {} s; {} findings", loaded_->checks(),
                       std::chrono::duration<double>(loaded_->options.interval).count(), changes_.open());
  }

  std::unique_ptr<Loaded> loaded_;
  Teller teller_;
  std::vector<FileState> files_;
  conclude::Rounds rounds_;
  conclude::Changes changes_;
  ServiceManager manager_;
  report::Round now_;
  std::optional<Clock::time_point> probed_;
  std::string failing_;  // why the last round could not look at anything; "" where it could
  std::string metrics_failing_;
  bool heard_ = true;  // somebody reads what is told
};

void Watcher::tell_refused() {
  for (const std::string& each : loaded_->refused) notice("refused", each);
}

// The rules and options of now, or, where they cannot be used, those of before.
void Watcher::reload() {
  manager_.reloading();
  files_ = files_of(loaded_->options);
  Result<std::unique_ptr<Loaded>> loaded;
  try {
    loaded = load(loaded_->options.again(), loaded_.get());
  } catch (const Wrong& wrong) {
    loaded = unexpected(make_error(ErrorCode::invalid, "", "", wrong.message));
  }
  auto seen = loaded ? gather::plan_namespaces((*loaded)->options.netns, (*loaded)->plan.request.contains("namespaces"))
                     : Result<gather::Options>(unexpected(loaded.error()));
  if (!seen) {
    notice("refused", seen.error().message() + "; all stays as it was");
  } else {
    const bool elsewhere =
        (*loaded)->options.netns != loaded_->options.netns || (*loaded)->options.roles != loaded_->options.roles;
    loaded_ = *std::move(loaded);
    if (elsewhere) rounds_ = conclude::Rounds(loaded_->options.netns == "all", loaded_->options.roles);
    files_ = files_of(loaded_->options);
    rounds_.ask(loaded_->plan.request, *seen);
    tell_refused();
    notice("reloaded", fmt::format("{} checks", loaded_->checks()));
  }
  manager_.ready(status());
}

void Watcher::wait_until(Clock::time_point time) {
  while (end_seen == 0 && heard_) {
    manager_.alive();
    if (reload_seen != 0) {
      reload_seen = 0;
      reload();
    }
    const auto now = Clock::now();
    if (now >= time) return;
    const auto rest = std::chrono::ceil<milliseconds>(time - now);
    ::poll(nullptr, 0, static_cast<int>(std::min(rest, conclude::Rounds::kTick).count()));
    rounds_.tick();
  }
}

// Once for as long as it lasts.
void Watcher::fail_round(const Error& error) {
  if (error.message() == failing_) return;
  failing_ = error.message();
  notice("failed", failing_);
}

conclude::ProbeOptions Watcher::probes(Clock::time_point deadline) const {
  conclude::ProbeOptions probes;
  const auto& every = loaded_->options.probe_every;
  probes.mode = conclude::ProbeMode::off;
  probes.off_because = every ? "--probe-every is not over" : "--probe off";
  if (every && (!probed_ || Clock::now() - *probed_ >= *every)) probes.mode = conclude::ProbeMode::automatic;
  probes.traveller.uid = ::geteuid();
  probes.deadline = deadline;
  probes.stop = [] { return end_seen != 0; };
  return probes;
}

void Watcher::write_metrics(const conclude::Report& report) {
  const std::string& file = loaded_->options.prometheus;
  if (file.empty()) return;
  const auto written = write_whole(file, report::as_prometheus(report));
  const std::string failing = written ? std::string{} : written.error().message();
  if (!failing.empty() && failing != metrics_failing_) notice("failed", failing);
  metrics_failing_ = failing;
}

void Watcher::judge(const gather::Options& namespaces) {
  const auto start = Clock::now();
  facts::Facts& facts = rounds_.next(namespaces);
  const auto deadline = start + kRoundBudget;
  conclude::Report report = cli::judge({loaded_->plan, loaded_->catalogue, namespaces, loaded_->options.suppressions,
                                        false, deadline, deadline - kPluginReserve, probes(deadline)},
                                       facts, loaded_->database);
  if (!report.probes.empty()) probed_ = start;
  now_.time = report.started = std::chrono::system_clock::now();
  now_.span = report.observed;
  report.duration = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
  const auto methods = rounds_.methods();
  report.capabilities.insert(report.capabilities.end(), methods.begin(), methods.end());
  heard_ = teller_.tell(changes_.next(report), now_) && heard_;
  write_metrics(report);
}

void Watcher::round() {
  if (files_of(loaded_->options) != files_) reload();
  ++now_.number;
  const auto seen = namespaces();
  if (!seen) {
    fail_round(seen.error());
    return;
  }
  if (!failing_.empty()) notice("resumed", std::exchange(failing_, {}) + " is over");
  judge(*seen);
}

int Watcher::run() {
  const auto seen = namespaces();
  if (!seen) return fail(seen.error());
  take_signals();
  rounds_.ask(loaded_->plan.request, *seen);
  tell_refused();
  notice("started", status());
  manager_.ready(status());
  const milliseconds interval = loaded_->options.interval;
  auto next = Clock::now() + std::min(interval, kFirstRound);
  while (true) {
    wait_until(next);
    if (end_seen != 0 || !heard_) break;
    round();
    manager_.ready(status());
    if (loaded_->options.count != 0 && now_.number >= loaded_->options.count) break;
    // A round that took long is not followed by those that were due meanwhile.
    next = std::max(next + interval, Clock::now());
  }
  manager_.stopping();
  return heard_ ? kExitOk : kExitUnknown;
}

}  // namespace

int watch(const WatchOptions& options) {
  if (!options.prometheus.empty()) {
    if (auto writable = can_write_whole(options.prometheus); !writable) return fail(writable.error());
  }
  auto teller = Teller::open(options);
  if (!teller) return fail(teller.error());
  auto loaded = load(options, nullptr);
  if (!loaded) return fail(loaded.error());
  return Watcher(*std::move(loaded), *std::move(teller)).run();
}

}  // namespace hostcheck::cli
