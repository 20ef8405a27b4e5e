#include "core/cli/record.h"

#include <filesystem>
#include <optional>
#include <utility>
#include <variant>

#include "core/checks/record.h"
#include "core/cli/brought.h"
#include "core/cli/catalogue.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/conclude/sample.h"
#include "core/facts/probe.h"
#include "core/gather/gather.h"
#include "core/observe/observation.h"
#include "core/plugin/record.h"
#include "core/sql/database.h"

namespace hostcheck::cli {
namespace {

constexpr std::chrono::milliseconds kWindow{2000};

using Named = std::variant<checks::Rule, plugin::Plugin>;

// By its file or folder, else by its id.
Result<Named> named_check(const TestOptions& options) {
  const std::string& name = options.paths.front();
  std::error_code error;
  if (std::filesystem::is_directory(name, error)) return plugin::load_plugin(name);
  if (std::filesystem::exists(name, error)) return checks::load_rule(name);
  if (name.find('/') != std::string::npos || name.ends_with(".toml")) {
    return unexpected(errno_error(ENOENT, "open", name));
  }
  auto rule = load_one(options.rules, name);
  if (!rule) return unexpected(rule.error());
  if (auto found = load_plugin_of(options.rules, name)) {
    for (plugin::Check& each : found->checks) each.wanted = true;
    return *std::move(found);
  }
  return *std::move(rule);
}

Result<facts::Request> plan_of(const Named& named) {
  if (const auto* rule = std::get_if<checks::Rule>(&named)) return checks::plan(*rule);
  auto database = sql::Database::open();
  if (!database) return unexpected(database.error());
  return plugin::plan(std::get<plugin::Plugin>(named), *database);
}

}  // namespace

int record(const TestOptions& options) {
  const auto bringers = load_bringers(options.rules);
  if (!bringers) return fail(bringers.error());
  const auto named = named_check(options);
  if (!named) return fail(named.error());
  auto reads = plan_of(*named);
  if (!reads) return fail(reads.error());
  auto database = sql::Database::open();
  if (!database) return fail(database.error());
  auto namespaces = gather::plan_namespaces(options.netns, reads->contains("namespaces"));
  if (!namespaces) return fail(namespaces.error());
  bool observed = observe::is_wanted(*reads);
  for (const auto& [name, table] : *reads) observed = observed || table.wants_observation();
  std::optional<facts::Anonymiser> anonymiser;
  if (options.anonymous) {
    auto made = facts::Anonymiser::with_random_key();
    if (!made) return fail(made.error());
    anonymiser = *made;
  }
  facts::Request gathered = request_for_brought(*bringers, *reads, *database, true);
  for (const auto& [name, table] : gathered) observed = observed || table.wants_observation();
  for (const auto& [name, table] : *reads) {
    if (!facts::is_asked_table(name)) gathered[name].merge(table);
  }
  facts::Facts facts = conclude::sample(gathered, *namespaces, observed ? kWindow : std::chrono::milliseconds{0},
                                        conclude::sleep_through);
  bring_tables(*bringers, *reads, facts, *database);
  const facts::Anonymiser* hide = anonymiser ? &*anonymiser : nullptr;
  const auto* rule = std::get_if<checks::Rule>(&*named);
  const auto text = rule != nullptr ? checks::record_test(options.record, *rule, facts, *reads, hide)
                                    : plugin::record_plugin_test(options.record, std::get<plugin::Plugin>(*named),
                                                                 facts, *reads, hide);
  if (!text) return fail(text.error());
  return print(*text) ? kExitOk : kExitUnknown;
}

}  // namespace hostcheck::cli
