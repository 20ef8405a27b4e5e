#include "core/conclude/target_plan.h"

#include <algorithm>

#include "core/conclude/cells.h"

namespace hostcheck::conclude {
namespace {

bool has_kind(std::string_view name) {
  const auto kinds = probe::kinds();
  return std::any_of(kinds.begin(), kinds.end(), [&](const probe::KindInfo& each) { return each.name == name; });
}

std::string with_port(const IpAddress& address, std::uint16_t port) {
  const std::string text = address.to_string();
  const bool brackets = address.family() == Family::ipv6;
  return (brackets ? "[" + text + "]" : text) + ":" + std::to_string(port);
}

// The number of the probe of this kind and target; -1 where there was none or it could not be run.
std::int64_t probe_of(const facts::Facts& facts, std::string_view kind, std::string_view target) {
  const facts::TableData* results = facts.find("probe_results");
  for (std::size_t row = 0; results != nullptr && row < results->size(); ++row) {
    if (text_at(*results, row, "kind") == kind && text_at(*results, row, "target") == target &&
        text_at(*results, row, "error").empty()) {
      return integer_at(*results, row, "probe", -1);
    }
  }
  return -1;
}

}  // namespace

void TargetPlan::ask(std::vector<probe::Ask>& out, std::string_view kind, std::string target) {
  if (!has_kind(kind) || !asked_.emplace(kind, target).second) return;
  out.push_back({std::string(kind), std::move(target), netns_, {}, {"--target"}});
}

std::vector<IpAddress> TargetPlan::addresses_of(const NamedTarget& target, const facts::Facts& facts) const {
  if (const auto literal = IpAddress::parse(target.parsed.host)) return {*literal};
  std::vector<IpAddress> out = hosts_ ? hosts_(target.parsed.host) : std::vector<IpAddress>{};
  const bool by_connect = target.parsed.port.has_value();
  const std::int64_t probe =
      by_connect ? probe_of(facts, "connect", target.text) : probe_of(facts, "dns", target.parsed.host);
  const facts::TableData* answers = facts.find(by_connect ? "probe_connects" : "probe_dns");
  for (std::size_t row = 0; answers != nullptr && row < answers->size(); ++row) {
    if (integer_at(*answers, row, "probe", -1) != probe) continue;
    const auto address = IpAddress::parse(text_at(*answers, row, "address"));
    if (address && std::find(out.begin(), out.end(), *address) == out.end()) out.push_back(*address);
  }
  return out;
}

bool TargetPlan::lost(const IpAddress& address, std::uint16_t port, const facts::Facts& facts) const {
  if (const facts::TableData* sweeps = facts.find("probe_sweep")) {
    for (std::size_t row = 0; row < sweeps->size(); ++row) {
      const std::string outcome = text_at(*sweeps, row, "outcome");
      if (text_at(*sweeps, row, "address") == address.to_string() && !outcome.empty() && outcome != "none") return true;
    }
  }
  if (const facts::TableData* connects = facts.find("probe_connects")) {
    for (std::size_t row = 0; row < connects->size(); ++row) {
      if (text_at(*connects, row, "address") != address.to_string()) continue;
      if (integer_at(*connects, row, "port", port) != port) continue;
      const std::string outcome = text_at(*connects, row, "outcome");
      if (outcome != "open" && outcome != "refused") return true;
    }
  }
  return false;
}

void TargetPlan::ask_of_address(std::vector<probe::Ask>& out, const IpAddress& address,
                                std::optional<std::uint16_t> port, const facts::Facts& facts) {
  const std::string where = port ? with_port(address, *port) : address.to_string();
  switch (way_(address)) {
    case Way::none:
      return;
    case Way::local:
      if (port) ask(out, "listener", where);
      return;
    case Way::onward:
      break;
  }
  ask(out, "gateway", address.to_string());
  if (mode_ == ProbeMode::modest) return;
  // A way that loses packets takes the search for its MTU many tries; the place of the loss is not to wait for that.
  const bool swept = !port || !has_kind("sweep") || probe_of(facts, "sweep", where) >= 0;
  if (port) ask(out, "sweep", where);
  if (swept) ask(out, "pmtu", where);
  const bool losing = port && lost(address, *port, facts);
  if (mode_ == ProbeMode::full || losing) ask(out, "trace", where);
  // Its load would lose or delay what the others count: only once they have ended, and not where something is lost.
  const bool counted = swept && (!has_kind("pmtu") || probe_of(facts, "pmtu", where) >= 0);
  if (port && counted && !losing) ask(out, "latency", where);
}

std::vector<probe::Ask> TargetPlan::next(const facts::Facts& facts) {
  std::vector<probe::Ask> out;
  if (mode_ == ProbeMode::off) return out;
  for (const NamedTarget& target : targets_) {
    if (target.parsed.port) {
      ask(out, "connect", target.text);
    } else if (addresses_of(target, facts).empty()) {
      ask(out, "dns", target.parsed.host);
    }
    for (const IpAddress& address : addresses_of(target, facts)) {
      ask_of_address(out, address, target.parsed.port, facts);
    }
  }
  return out;
}

}  // namespace hostcheck::conclude
