// The kind sweep: does what a connect meets depend on its source port? ECMP by ports of the flow.
#include <algorithm>
#include <array>
#include <map>
#include <random>

#include <fmt/format.h>

#include "core/facts/probe_sweep.h"
#include "core/probe/kind.h"
#include "core/probe/sweep_judge.h"
#include "core/probe/sweep_sender.h"
#include "core/probe/target.h"
#include "core/probe/target_addresses.h"

namespace hostcheck::probe {
namespace {

constexpr std::size_t kPortsInWords = 12;

struct Swept {
  IpAddress address;
  SweepVerdict verdict;
  SweepSightings sightings;
  std::vector<std::uint16_t> ports;
  std::vector<SweepShot> shots;
  std::string_view method;
  std::string fallback;
  std::string error;
};

std::string dead_ports(const Swept& swept, std::size_t most) {
  std::string out;
  std::size_t count = 0;
  for (std::size_t port = 0; port < swept.ports.size(); ++port) {
    if (swept.verdict.ports[port] != PortVerdict::dead) continue;
    if (++count <= most) out += (out.empty() ? "" : ", ") + std::to_string(swept.ports[port]);
  }
  return count > most ? out + fmt::format(" and {} more", count - most) : out;
}

std::size_t count_dead(const SweepVerdict& verdict) {
  return static_cast<std::size_t>(std::count(verdict.ports.begin(), verdict.ports.end(), PortVerdict::dead));
}

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// The ICMP errors that came for SYNs of dead or silent ports, each once.
std::string stops_at(const Swept& swept) {
  std::string out;
  for (std::size_t port = 0; port < swept.ports.size(); ++port) {
    const std::string& error = swept.sightings.errors[port];
    if (error.empty() || swept.verdict.ports[port] == PortVerdict::live || out.find(error) != std::string::npos)
      continue;
    out += (out.empty() ? "" : ", ") + error;
  }
  return out;
}

std::string loss_words(const SweepVerdict& verdict) {
  return fmt::format("{} of {} SYNs ({:.1f} %)", verdict.live_lost, verdict.live_sent, 100 * verdict.loss);
}

std::string dead_words(const Swept& swept) {
  const SweepVerdict& verdict = swept.verdict;
  return fmt::format(
      "{} of {} source ports lose every SYN ({} of {} each){}: {}; chance of calling one so by mistake {}",
      count_dead(verdict), swept.ports.size(), verdict.rounds, verdict.rounds,
      verdict.range ? ", and they are neighbours, as a filter has it" : "", dead_ports(swept, kPortsInWords),
      verdict.error_rate);
}

std::string words_of(const Swept& swept) {
  const SweepVerdict& verdict = swept.verdict;
  const std::size_t ports = swept.ports.size();
  const std::string errors = stops_at(swept).empty() ? "" : "; " + stops_at(swept);
  switch (verdict.outcome) {
    case SweepOutcome::none:
      return fmt::format("no loss: all {} SYNs from {} source ports were answered", verdict.live_sent, ports);
    case SweepOutcome::all:
      return fmt::format("none of {} SYNs was answered, whatever their source port{}", verdict.live_sent, errors);
    case SweepOutcome::deterministic:
      return dead_words(swept) + "; the other ports lose none" + errors;
    case SweepOutcome::both:
      return dead_words(swept) + "; the other ports lose " + loss_words(verdict) + " at random" + errors;
    case SweepOutcome::random:
      return "random loss: " + loss_words(verdict) + ", from any source port";
    case SweepOutcome::uneven:
      return fmt::format(
          "{} were lost, from some source ports more than from others (p = {:.1g}): a path that loses some",
          loss_words(verdict), verdict.uneven_p.value_or(1));
    case SweepOutcome::bursts:
      return loss_words(verdict) + " were lost, all ports at the same times: outages, or a queue that is full at times";
    case SweepOutcome::rate_limited:
      return loss_words(verdict) +
             (verdict.slow_loss
                  ? fmt::format(" were lost, and at an eighth of the pace {:.1f} %", 100 * *verdict.slow_loss)
                  : " were lost, as regularly as a limit does it") +
             ": SYNs are answered only so fast";
    case SweepOutcome::unclear:
      return fmt::format("too lossy to tell: {} were lost, and some ports had no answer at all", loss_words(verdict));
    case SweepOutcome::nothing:
      break;
  }
  return swept.sightings.send_error.empty() ? "the budget ended it before anything was known"
                                            : swept.sightings.send_error;
}

facts::ProbeSweep row_of(Context& context, const Swept& swept, const Target& target) {
  facts::ProbeSweep row;
  row.probe = context.result.id;
  row.netns = context.result.netns;
  row.name = IpAddress::parse(target.host) ? "" : target.host;
  row.address = swept.address;
  row.port = *target.port;
  row.method = context.out.intern(swept.method);
  row.words = swept.error;
  if (!swept.error.empty()) return row;
  const SweepVerdict& verdict = swept.verdict;
  row.outcome = context.out.intern(name_of(verdict.outcome));
  row.ports = static_cast<std::uint32_t>(swept.ports.size());
  row.rounds = verdict.rounds;
  for (const SweepShot& shot : swept.shots) {
    if (!shot.sent) continue;
    ++row.sent;
    if (shot.answered) ++row.answered;
  }
  row.lost = verdict.live_lost;
  row.dead = static_cast<std::uint32_t>(count_dead(verdict));
  row.dead_ports = dead_ports(swept, swept.ports.size());
  if (row.dead > 0) row.pattern = context.out.intern(verdict.range ? "range" : "scattered");
  row.first_port = swept.ports.front();
  row.last_port = swept.ports.back();
  if (row.sent > 0) {
    row.loss = verdict.loss;
    row.error_rate = verdict.error_rate;
  }
  row.slow_loss = verdict.slow_loss;
  row.uneven_p = verdict.uneven_p;
  row.burst_p = verdict.burst_p;
  std::vector<double> rtts;
  for (const auto& each : swept.sightings.rtt_ms) rtts.insert(rtts.end(), each.begin(), each.end());
  row.rtt_median_ms = median(rtts);
  if (!rtts.empty()) {
    row.rtt_min_ms = *std::min_element(rtts.begin(), rtts.end());
    row.rtt_max_ms = *std::max_element(rtts.begin(), rtts.end());
  }
  row.refused = swept.sightings.refused;
  row.stops_at = stops_at(swept);
  row.words = words_of(swept);
  return row;
}

void keep_ports(Context& context, const Swept& swept, std::uint16_t to) {
  std::vector<facts::ProbeSweepPort> rows(swept.ports.size());
  for (std::size_t port = 0; port < rows.size(); ++port) {
    rows[port].probe = context.result.id;
    rows[port].netns = context.result.netns;
    rows[port].address = swept.address;
    rows[port].port = to;
    rows[port].source_port = swept.ports[port];
    rows[port].verdict = context.out.intern(name_of(swept.verdict.ports[port]));
    rows[port].rtt_ms = median(swept.sightings.rtt_ms[port]);
  }
  for (const SweepShot& shot : swept.shots) {
    if (!shot.sent) continue;
    ++rows[shot.port].sent;
    if (shot.answered) ++rows[shot.port].answered;
  }
  auto& out = context.out.rows<facts::ProbeSweepPort>();
  out.insert(out.end(), rows.begin(), rows.end());
}

Task<void> sweep_one(Context& context, SweepTarget target, Swept& swept) {
  auto way = open_sweep(context, target);
  if (!way) {
    swept.error = way.error().message();
    co_return;
  }
  swept.method = way->method;
  swept.fallback = way->fallback;
  swept.ports = way->sender->ports();
  swept.sightings.rtt_ms.resize(swept.ports.size());
  swept.sightings.errors.resize(swept.ports.size());
  std::random_device random;
  SweepJudge judge(swept.ports.size(), random());
  bool complete = true;
  while (complete) {
    const auto stage = judge.next();
    if (stage.count == 0) break;
    complete = co_await way->sender->send(judge, stage, swept.sightings);
  }
  co_await way->sender->finish(judge, swept.sightings);
  swept.verdict = judge.verdict();
  swept.shots = judge.shots();
  const bool nothing_sent =
      std::none_of(swept.shots.begin(), swept.shots.end(), [](const auto& shot) { return shot.sent; });
  if (nothing_sent && !swept.sightings.send_error.empty()) swept.error = swept.sightings.send_error;
}

void conclude(Context& context, const Target& target, const std::vector<Swept>& all) {
  const Swept* worst = nullptr;
  const auto rank = [](const Swept& swept) {
    constexpr std::array<SweepOutcome, 9> kOrder = {
        SweepOutcome::deterministic, SweepOutcome::both,         SweepOutcome::all,
        SweepOutcome::uneven,        SweepOutcome::rate_limited, SweepOutcome::bursts,
        SweepOutcome::random,        SweepOutcome::unclear,      SweepOutcome::none};
    return std::find(kOrder.begin(), kOrder.end(), swept.verdict.outcome) - kOrder.begin();
  };
  for (const Swept& each : all) {
    context.out.rows<facts::ProbeSweep>().push_back(row_of(context, each, target));
    if (!each.error.empty()) continue;
    keep_ports(context, each, *target.port);
    if (worst == nullptr || rank(each) < rank(*worst)) worst = &each;
  }
  for (const Swept& each : all) {
    const std::string words = each.error.empty() ? words_of(each) : each.error;
    context.result.words +=
        (context.result.words.empty() ? "" : "; ") + (all.size() > 1 ? each.address.to_string() + ": " : "") + words;
    if (context.result.fallback.empty()) context.result.fallback = each.fallback;
  }
  if (worst == nullptr) {
    context.result.error = all.front().error;
    return;
  }
  context.result.outcome = context.out.intern(name_of(worst->verdict.outcome));
  context.result.method = context.out.intern(worst->method);
}

Task<void> run(Context& context) {
  (void)context.out.rows<facts::ProbeSweep>();
  (void)context.out.rows<facts::ProbeSweepPort>();
  const auto target = parse_target(context.ask.target);
  if (!target) co_return context.fail(target.error());
  if (!target->port) co_return context.fail(port_missing(context));
  const auto ports = context.number("ports", 160, 8, 512);
  if (!ports) co_return context.fail(ports.error());
  const auto first = context.number("first", 0, 1, 65535);
  if (!first) co_return context.fail(first.error());
  const auto addresses = co_await target_addresses(context, target->host);
  if (addresses.empty()) co_return;
  std::vector<Swept> all(addresses.size());
  std::vector<Task<void>> tasks;
  for (std::size_t each = 0; each < all.size(); ++each) {
    all[each].address = addresses[each].address;
    SweepTarget wanted{addresses[each].address, *target->port, static_cast<std::size_t>(*ports), std::nullopt};
    if (*first != 0) wanted.first = static_cast<std::uint16_t>(*first);
    tasks.push_back(sweep_one(context, wanted, all[each]));
  }
  co_await context.together(std::move(tasks));
  conclude(context, *target, all);
}

constexpr std::array<std::string_view, 4> kArgs = {
    "ports=how many source ports, 8 to 512 (160)",
    "first=lowest of ports that follow each other, 1 to 65535 (spread over ip_local_port_range)",
    kServerArgument,
    kFamilyArgument,
};
constexpr std::array<std::string_view, 3> kTables = {"probe_sweep", "probe_sweep_ports", "probe_dns"};

}  // namespace

const Kind& sweep_kind() {
  static const Kind kind = {
      {"sweep", "HOST:PORT", "Whether SYNs are lost by the source port they come from, as ECMP does it, or at random",
       kArgs, kTables},
      run};
  return kind;
}

}  // namespace hostcheck::probe
