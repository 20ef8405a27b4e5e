// Where a watch's changes go: lines on standard output, or entries of the journal.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "core/cli/options.h"
#include "core/cli/systemd.h"
#include "core/conclude/changes.h"
#include "core/report/change.h"

namespace hostcheck::cli {

class Teller {
 public:
  // Error where the journal is asked for and there is none.
  [[nodiscard]] static Result<Teller> open(const WatchOptions& options);

  // false when nobody reads standard output any more.
  [[nodiscard]] bool tell(std::span<const conclude::Change> changes, const report::Round& round) const;
  // A word of the watch itself, see report/change.h. Text on a terminal is for findings: words of people who have
  // started it go to standard error.
  [[nodiscard]] bool notice(const std::string& state, const std::string& words, const report::Round& round) const;

 private:
  enum class Form { text, ndjson, journal };
  bool put(const std::string& text) const;
  Form form_ = Form::text;
  bool colour_ = false;
  std::optional<Journal> journal_;
};

}  // namespace hostcheck::cli
