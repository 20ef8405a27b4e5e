// One change that a watch tells, as a line for people, as JSON for programs, and as the fields of a journal entry.
#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/conclude/changes.h"

namespace hostcheck::report {

// The round that told a change.
struct Round {
  std::chrono::system_clock::time_point time;
  std::chrono::milliseconds span{0};  // that it judged: the time since the former one
  std::uint64_t number = 0;           // 1: the first since the watch began
};

// "2026-01-01T00:00:00Z new CRITICAL listen.not_accepting confirmed: ...\n"; colour: of the word of the severity.
[[nodiscard]] std::string change_as_text(const conclude::Change& change, const Round& round, bool colour);
// One JSON object and a newline, schema hostcheck.change/1 (change.schema.json).
[[nodiscard]] std::string change_as_ndjson(const conclude::Change& change, const Round& round);

// Fields of a journal entry by the names of systemd.journal-fields(7), then hostcheck's own: HOSTCHECK_STATE,
// HOSTCHECK_ID, HOSTCHECK_SUBJECT ("netns=init port=443"), HOSTCHECK_SEVERITY, HOSTCHECK_STATUS, and for each part of
// the subject HOSTCHECK_SUBJECT_NAME. PRIORITY as of syslog(3): 2 critical, 4 warning, 6 info; 5 for what is cleared.
using Fields = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] Fields change_as_fields(const conclude::Change& change, const Round& round);

// A word of the watch itself: "started", "reloaded", "refused" (what is new in a file cannot be used), "stopped".
[[nodiscard]] std::string notice_as_text(const std::string& state, const std::string& words, const Round& round);
[[nodiscard]] std::string notice_as_ndjson(const std::string& state, const std::string& words, const Round& round);
[[nodiscard]] Fields notice_as_fields(const std::string& state, const std::string& words);

}  // namespace hostcheck::report
