#include "core/report/diff.h"

#include <algorithm>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "core/cli/brought.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/keep.h"
#include "core/cli/recorded.h"
#include "core/conclude/compare.h"
#include "core/conclude/sample.h"
#include "core/gather/gather.h"
#include "core/report/render.h"
#include "core/sql/snapshot.h"

namespace hostcheck::cli {
namespace {

constexpr std::chrono::milliseconds kWindow{2000};

struct Side {
  facts::Facts facts;
  conclude::ComparedHost host;
  report::DiffHost who;
};

std::string text_in(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

// What the snapshot's report says; a text that is no report says nothing.
void take_report(const std::string& text, conclude::ComparedHost& host) {
  if (text.empty()) return;
  const auto report = nlohmann::json::parse(text, nullptr, false);
  if (!report.is_object() || !report.contains("findings") || !report["findings"].is_array()) return;
  host.findings.emplace();
  for (const auto& each : report["findings"]) {
    if (!each.is_object() || text_in(each, "status") == "refuted") continue;
    host.findings->push_back({text_in(each, "id"), text_in(each, "severity")});
  }
  if (!report.contains("checks") || !report["checks"].is_array()) return;
  for (const auto& each : report["checks"]) {
    if (!each.is_object()) continue;
    const std::string outcome = text_in(each, "outcome");
    if (outcome != "unknown" && outcome != "error" && outcome != "skipped") continue;
    const std::string reason = text_in(each, "reason");
    host.unjudged[text_in(each, "id")] = reason.empty() ? "was not judged" : reason;
  }
}

void take_namespaces(const gather::Options& namespaces, conclude::ComparedHost& host) {
  for (const auto& each : namespaces.asked) host.namespaces.push_back(each.name);
  if (host.namespaces.empty()) host.namespaces.emplace_back();
}

Result<void> read_side(const std::string& file, Side& side) {
  auto snapshot = sql::read_snapshot(file);
  if (!snapshot) return unexpected(snapshot.error());
  side.facts = std::move(snapshot->facts);
  side.who = {file, snapshot->info.host, snapshot->info.kernel, snapshot->info.taken};
  side.host.anonymous = snapshot->info.anonymous;
  take_report(snapshot->info.report, side.host);
  take_namespaces(recorded_namespaces(side.facts), side.host);
  return {};
}

Result<void> look_here(const DiffOptions& options, const Bringers& bringers, Side& side) {
  const facts::Request everything = facts::request_everything();
  auto namespaces = gather::plan_namespaces(options.netns, true);
  if (!namespaces) return unexpected(namespaces.error());
  side.who.taken = report::utc(std::chrono::system_clock::now());
  side.facts = conclude::sample(everything, *namespaces, options.observe.value_or(kWindow), conclude::sleep_through);
  auto database = sql::Database::open();
  if (!database) return unexpected(database.error());
  bring_tables(bringers, everything, side.facts, *database);
  std::string scratch;
  if (const facts::TableData* host = side.facts.find("host"); host != nullptr && host->size() > 0) {
    side.who.name = host->cell(0, host->info().column("name").value(), scratch).text;
    side.who.kernel = host->cell(0, host->info().column("kernel").value(), scratch).text;
  }
  take_namespaces(*namespaces, side.host);
  return {};
}

// Hosts by their names where these are different, else by their files.
void label(std::vector<Side>& sides) {
  const auto unique = [&](const auto& name_of) {
    std::vector<std::string> names;
    for (const Side& each : sides) names.push_back(name_of(each));
    const bool empty = std::find(names.begin(), names.end(), "") != names.end();
    std::sort(names.begin(), names.end());
    return !empty && std::adjacent_find(names.begin(), names.end()) == names.end();
  };
  const auto name = [](const Side& side) { return side.who.name; };
  const auto stem = [](const Side& side) {
    return side.who.file.empty() ? std::string("this host") : std::filesystem::path(side.who.file).stem().string();
  };
  const bool by_name = unique(name);
  const bool by_stem = unique(stem);
  std::size_t number = 0;
  for (Side& each : sides) {
    each.host.label = by_name ? name(each) : stem(each);
    if (!by_name && !by_stem) each.host.label += " #" + std::to_string(++number);
  }
}

}  // namespace

int diff(const DiffOptions& options) {
  auto& bringers = keep_until_exit(Bringers());
  if (options.files.size() < 2) {
    auto loaded = load_bringers(options.rules);
    if (!loaded) return fail(loaded.error());
    bringers = *std::move(loaded);
  }
  auto& sides = keep_until_exit(std::vector<Side>(std::max<std::size_t>(options.files.size(), 2)));
  for (std::size_t at = 0; at < sides.size(); ++at) {
    const bool live = at >= options.files.size();
    if (auto read = live ? look_here(options, bringers, sides[at]) : read_side(options.files[at], sides[at]); !read) {
      return fail(read.error());
    }
    if (!options.groups.empty()) sides[at].host.group = options.groups[at];
  }
  label(sides);
  std::vector<conclude::ComparedHost> hosts;
  std::vector<report::DiffHost> who;
  for (Side& each : sides) {
    each.host.facts = &each.facts;
    hosts.push_back(each.host);
    who.push_back(each.who);
  }
  const conclude::Comparison comparison = conclude::compare(hosts);
  const std::string text = options.format == "json" ? report::diff_as_json(comparison, who)
                                                    : report::diff_as_text(comparison, who, options.verbose);
  if (!print(text)) return kExitUnknown;
  return comparison.differences.empty() ? kExitOk : kExitWarning;
}

}  // namespace hostcheck::cli
