#include <algorithm>

#include <fmt/format.h>

#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/probe_answer.h"
#include "core/gather/gather.h"
#include "core/probe/engine.h"

namespace hostcheck::cli {
namespace {

std::vector<std::string> tables_of(std::string_view name) {
  std::vector<std::string> tables;
  for (const probe::KindInfo& kind : probe::kinds()) {
    if (kind.name == name) tables.assign(kind.tables.begin(), kind.tables.end());
  }
  return tables;
}

}  // namespace

int probe(const ProbeOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  if (options.netns == "all") {
    complain("probe: --netns all: a probe is sent from one namespace");
    return kExitUsage;
  }
  auto namespaces = gather::plan_namespaces(options.netns, false);
  if (!namespaces) return fail(namespaces.error());
  probe::Limits limits;
  limits.deadline = start + options.budget;
  probe::Engine engine(limits, namespaces->asked);
  const probe::Ask ask{options.kind, options.target, namespaces->asked.front().name, options.args, {"by hand"}};
  facts::Facts facts;
  engine.run(std::span(&ask, 1), facts);
  const facts::ProbeResult& result = facts.rows<facts::ProbeResult>().front();
  auto database = sql::Database::open(facts);
  if (!database) return fail(database.error());
  const auto answer = answer_of(result, tables_of(options.kind), *database);
  if (!answer) return fail(answer.error());
  const bool answered = result.error.empty();
  if (!answered) complain(fmt::format("probe {} {}: {}", options.kind, options.target, result.error));
  if (options.format == "json") {
    if (!print(answer_as_json(*answer))) return kExitUnknown;
  } else if (answered && !print(answer_as_text(*answer))) {
    return kExitUnknown;
  }
  if (answered) return kExitOk;
  return engine.is_unusable(result.id) ? kExitUsage : kExitUnknown;
}

}  // namespace hostcheck::cli
