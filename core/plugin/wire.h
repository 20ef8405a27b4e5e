// What a plugin's process sends through its pipe: frames of one byte for the kind, four for the payload's length and
// the payload, numbers in the host's order. The reader believes nothing: every length is checked, and what is not
// exactly a sequence of frames that ends with `done` or `failed` is rubbish.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <hostcheck/plugin.h>

#include "core/base/result.h"
#include "core/facts/cell.h"

namespace hostcheck::plugin {

enum class Frame : std::uint8_t {
  finding = 'F',
  unknown = 'U',
  row = 'R',
  absent = 'A',
  probe = 'P',
  failed = 'E',
  done = 'D'
};
inline constexpr std::size_t kFrameHeader = 5;
inline constexpr std::size_t kLargestFrame = 1UL << 20;

using Fields = std::vector<std::pair<std::string, facts::Value>>;

struct SaidEvidence {
  std::string what;
  facts::Value value;
  std::string unit;
  std::string source;
  bool over_window = false;
};

struct SaidFinding {
  std::string id;
  std::uint32_t severity = HOSTCHECK_DEFAULT;
  std::uint32_t status = HOSTCHECK_BY_CLAIM;
  std::string summary;
  Fields subject;
  std::vector<SaidEvidence> evidence;
  std::vector<std::pair<std::string, std::string>> excluded;  // id, because
  struct Cure {
    std::string text, command, persist;
  };
  std::vector<Cure> fixes;
};

struct SaidRow {
  std::string table;
  Fields cells;
};

struct SaidAbsence {
  std::string table, reason;
};

struct SaidProbe {
  std::string id, kind, target, netns;
  Fields args;
};

struct Said {
  std::vector<SaidFinding> findings;
  std::vector<std::pair<std::string, std::string>> unknown;  // id, reason
  std::vector<SaidRow> rows;
  std::vector<SaidAbsence> absences;
  std::vector<SaidProbe> probes;
  std::optional<std::string> failed;  // how, where the plugin's process says so itself
  bool done = false;
};

// In the child: appends one frame.
void write_finding(std::string& out, const hostcheck_finding& finding);
void write_unknown(std::string& out, hostcheck_text id, hostcheck_text reason);
void write_row(std::string& out, hostcheck_text table, std::uint64_t fields, const hostcheck_field* field);
void write_absence(std::string& out, hostcheck_text table, hostcheck_text reason);
void write_probe(std::string& out, const hostcheck_probe& probe);
void write_text_frame(std::string& out, Frame frame, std::string_view text);

// In the parent: everything that came. Error code invalid: rubbish, with the place in bytes.
[[nodiscard]] Result<Said> read_frames(std::string_view bytes);

}  // namespace hostcheck::plugin
