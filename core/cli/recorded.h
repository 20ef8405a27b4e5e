// A snapshot in place of the live host, and a snapshot of what was judged.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/conclude/report.h"
#include "core/facts/facts.h"
#include "core/gather/gather.h"

namespace hostcheck::cli {

// What is judged: this host's facts, or those of a snapshot.
struct Subject {
  facts::Facts facts;
  gather::Options namespaces;
  std::chrono::system_clock::time_point taken;
};

// What the snapshot at path holds.
[[nodiscard]] Result<Subject> recorded_subject(const std::string& path);

// The namespaces that a snapshot's run looked at, by name.
[[nodiscard]] gather::Options recorded_namespaces(const facts::Facts& facts);

// Whether recorded facts have the sysctl of this dotted name.
[[nodiscard]] bool has_recorded_sysctl(std::string_view name, const facts::Facts& facts);

// Facts and report as the bytes of a snapshot file.
[[nodiscard]] Result<std::string> snapshot_of(const conclude::Report& report, const facts::Facts& facts);
// Writes facts and report to path; anonymous: with addresses and names hidden, and without the report, whose sentences
// have names in them that nothing hides (run --from makes it anew).
[[nodiscard]] Result<void> write_snapshot(const std::string& path, bool anonymous, const conclude::Report& report,
                                          const facts::Facts& facts);

}  // namespace hostcheck::cli
