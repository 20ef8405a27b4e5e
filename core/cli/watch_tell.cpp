#include "core/cli/watch_tell.h"

#include <utility>

#include "core/cli/console.h"

namespace hostcheck::cli {

Result<Teller> Teller::open(const WatchOptions& options) {
  Teller teller;
  teller.form_ = options.format == "ndjson" ? Form::ndjson : Form::text;
  teller.colour_ = use_colour(options.colour, false);
  if (!options.journal && (!options.format.empty() || !Journal::is_output())) return teller;
  auto journal = Journal::open();
  if (!journal && options.journal) return unexpected(journal.error());
  if (!journal) return teller;
  teller.journal_ = *std::move(journal);
  teller.form_ = Form::journal;
  return teller;
}

bool Teller::put(const std::string& text) const {
  return print(text);
}

bool Teller::tell(std::span<const conclude::Change> changes, const report::Round& round) const {
  std::string text;
  for (const conclude::Change& each : changes) {
    if (form_ == Form::ndjson) text += report::change_as_ndjson(each, round);
    if (form_ == Form::text) text += report::change_as_text(each, round, colour_);
    if (form_ != Form::journal) continue;
    const auto sent = journal_->send(report::change_as_fields(each, round));
    // What the journal does not take is not lost: a service's standard output has another way to it.
    if (!sent) text += report::change_as_text(each, round, false);
  }
  return text.empty() || put(text);
}

bool Teller::notice(const std::string& state, const std::string& words, const report::Round& round) const {
  if (form_ == Form::ndjson) return put(report::notice_as_ndjson(state, words, round));
  if (form_ == Form::journal && journal_->send(report::notice_as_fields(state, words))) return true;
  print_error(report::notice_as_text(state, words, round));
  return true;
}

}  // namespace hostcheck::cli
