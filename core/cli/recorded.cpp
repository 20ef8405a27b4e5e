#include "core/cli/recorded.h"

#include <optional>

#include "core/base/version.h"
#include "core/facts/anonymous.h"
#include "core/report/render.h"
#include "core/sql/snapshot.h"

namespace hostcheck::cli {
gather::Options recorded_namespaces(const facts::Facts& facts) {
  gather::Options namespaces;
  const facts::TableData* table = facts.find("namespaces");
  if (table == nullptr) return namespaces;
  const auto netns = table->info().column("netns");
  const auto asked = table->info().column("asked");
  std::string scratch;
  for (std::size_t row = 0; netns && asked && row < table->size(); ++row) {
    if (table->cell(row, *asked, scratch).integer == 0) continue;
    kernel::NetnsInfo& each = namespaces.asked.emplace_back();
    each.name = table->cell(row, *netns, scratch).text;
  }
  return namespaces;
}

bool has_recorded_sysctl(std::string_view name, const facts::Facts& facts) {
  const facts::TableData* table = facts.find("sysctls");
  const auto column = table == nullptr ? std::nullopt : table->info().column("name");
  std::string scratch;
  for (std::size_t row = 0; column && row < table->size(); ++row) {
    if (table->cell(row, *column, scratch).text == name) return true;
  }
  return false;
}

Result<Subject> recorded_subject(const std::string& path) {
  auto snapshot = sql::read_snapshot(path);
  if (!snapshot) return unexpected(snapshot.error());
  Subject subject;
  subject.namespaces = recorded_namespaces(snapshot->facts);
  subject.taken = report::parse_utc(snapshot->info.taken).value_or(std::chrono::system_clock::time_point{});
  subject.facts = std::move(snapshot->facts);
  return subject;
}

namespace {

sql::SnapshotInfo info_of(const conclude::Report& report) {
  sql::SnapshotInfo info;
  info.hostcheck = version();
  info.host = report.host.name;
  info.kernel = report.host.kernel;
  info.taken = report::utc(report.started);
  return info;
}

}  // namespace

Result<std::string> snapshot_of(const conclude::Report& report, const facts::Facts& facts) {
  sql::SnapshotInfo info = info_of(report);
  info.report = report::as_json(report);
  return sql::snapshot_bytes(facts, std::move(info), nullptr);
}

Result<void> write_snapshot(const std::string& path, bool anonymous, const conclude::Report& report,
                            const facts::Facts& facts) {
  std::optional<facts::Anonymiser> anonymiser;
  if (anonymous) {
    auto made = facts::Anonymiser::with_random_key();
    if (!made) return unexpected(made.error());
    anonymiser = *made;
  }
  sql::SnapshotInfo info = info_of(report);
  if (!anonymous) info.report = report::as_json(report);
  return sql::write_snapshot(path, facts, info, anonymiser ? &*anonymiser : nullptr);
}

}  // namespace hostcheck::cli
