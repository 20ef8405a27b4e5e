#include "core/cli/record.h"

#include <filesystem>
#include <optional>

#include "core/checks/record.h"
#include "core/cli/catalogue.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/conclude/sample.h"
#include "core/gather/gather.h"
#include "core/observe/observation.h"

namespace hostcheck::cli {
namespace {

constexpr std::chrono::milliseconds kWindow{2000};

// By its file, else by its id.
Result<checks::Rule> named_rule(const TestOptions& options) {
  const std::string& name = options.paths.front();
  std::error_code error;
  if (std::filesystem::exists(name, error)) return checks::load_rule(name);
  if (name.find('/') != std::string::npos || name.ends_with(".toml")) {
    return unexpected(errno_error(ENOENT, "open", name));
  }
  return load_one(options.rules, name);
}

}  // namespace

int record(const TestOptions& options) {
  auto rule = named_rule(options);
  if (!rule) return fail(rule.error());
  auto reads = checks::plan(*rule);
  if (!reads) return fail(reads.error());
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
  const facts::Facts facts =
      conclude::sample(*reads, *namespaces, observed ? kWindow : std::chrono::milliseconds{0}, conclude::sleep_through);
  const auto text = checks::record_test(options.record, *rule, facts, *reads, anonymiser ? &*anonymiser : nullptr);
  if (!text) return fail(text.error());
  return print(*text) ? kExitOk : kExitUnknown;
}

}  // namespace hostcheck::cli
