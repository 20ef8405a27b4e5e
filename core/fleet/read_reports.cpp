#include <algorithm>

#include <fmt/format.h>

#include "core/base/text.h"
#include "core/fleet/report_json.h"

namespace hostcheck::fleet {
namespace {

Error error_of(const std::string& file, std::string_view why) {
  return make_error(ErrorCode::invalid, "read report", file, why);
}

class Reader {
 public:
  Reader(const std::string& file, const Wanted& wanted, const TakeRun& take, const TakeError& complain)
      : file_(file), wanted_(wanted), take_(take), complain_(complain) {}

  void report(const Json& json, const std::string& where) {
    try {
      RunRows run;
      run.head = head_of(json);
      run.head.file = file_;
      if (!wanted_(run.head)) return;
      add_report_rows(json, run.head, run.rows);
      take_(std::move(run));
    } catch (const NoReport& no) {
      complain_(error_of(where, no.why));
    }
  }

  // A document of its own: a report, or a list of reports.
  void document(const Json& json, const std::string& where) {
    if (json.is_object()) return report(json, where);
    if (!json.is_array()) return complain_(error_of(where, "is no report of hostcheck"));
    std::size_t number = 0;
    for (const Json& each : json) {
      const std::string place = fmt::format("{}, report {}", where, ++number);
      if (each.is_object()) {
        report(each, place);
      } else {
        complain_(error_of(place, "is no report of hostcheck"));
      }
    }
  }

  void lines(std::string_view text) {
    std::size_t number = 0;
    for (const std::string_view line : split_lines(text)) {
      ++number;
      if (trim(line).empty()) continue;
      const std::string where = fmt::format("{}:{}", file_, number);
      const auto json = parse_json(line);
      if (!json) {
        drop();
        complain_(error_of(where, "is no JSON, or cut off"));
      } else if (json->is_object() && json->contains("record")) {
        record(*json, where);
      } else {
        document(*json, where);
      }
    }
    if (begun_) complain_(error_of(begun_at_, "the run that begins here has no end"));
  }

 private:
  void drop() {
    // The rest of a run with a broken line would be a report that leaves something out.
    dropped_ = dropped_ || begun_;
  }

  // One line of --format ndjson.
  void record(const Json& json, const std::string& where) {
    const auto kind = json.find("record");
    const std::string name = kind->is_string() ? kind->get<std::string>() : std::string{};
    if (name == "run") {
      if (begun_ && !dropped_) complain_(error_of(begun_at_, "the run that begins here has no end"));
      run_ = json;
      run_["findings"] = Json::array();
      begun_ = true;
      dropped_ = false;
      begun_at_ = where;
      return;
    }
    if (!begun_) return complain_(error_of(where, "belongs to no run"));
    if (name == "verdict") {
      run_.update(json);
      begun_ = false;
      if (!dropped_) report(run_, begun_at_);
      return;
    }
    const char* list = name == "finding"      ? "findings"
                       : name == "suppressed" ? "suppressed"
                       : name == "check"      ? "checks"
                       : name == "probe"      ? "probes"
                       : name == "capability" ? "capabilities"
                                              : nullptr;
    if (list != nullptr) run_[list].push_back(json);  // records of other kinds are a later version's
  }

  const std::string& file_;
  const Wanted& wanted_;
  const TakeRun& take_;
  const TakeError& complain_;
  Json run_;
  bool begun_ = false;
  bool dropped_ = false;
  std::string begun_at_;
};

}  // namespace

void read_reports(const std::string& file, std::string_view text, const Wanted& wanted, const TakeRun& take,
                  const TakeError& complain) {
  Reader reader(file, wanted, take, complain);
  text = trim(text);
  if (text.empty()) return complain(error_of(file, "is empty"));
  const auto lines = split_lines(text);
  // No line of an indented report is JSON by itself but its last.
  const bool by_line = lines.size() > 1 && (parse_json(lines[0]) || (lines.size() > 2 && parse_json(lines[1])));
  if (by_line) return reader.lines(text);
  // Indented reports one after the other.
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find("\n}\n{");
    const std::string_view one = end == std::string_view::npos ? text : text.substr(0, end + 2);
    text.remove_prefix(std::min(text.size(), one.size() + 1));
    const bool many = number > 1 || !text.empty();
    const std::string where = many ? fmt::format("{}, report {}", file, number) : file;
    if (const auto json = parse_json(one)) {
      reader.document(*json, where);
    } else {
      complain(error_of(where, "is no report of hostcheck: no JSON, or cut off"));
    }
  }
}

Result<void> add_report(std::string_view report_text, const RunHead& head, RowSet& rows) {
  const auto json = parse_json(report_text);
  if (!json || !json->is_object()) return unexpected(error_of(head.file, "the snapshot's report is no JSON"));
  try {
    static_cast<void>(head_of(*json));
    add_report_rows(*json, head, rows);
    return {};
  } catch (const NoReport& no) {
    return unexpected(error_of(head.file, "the snapshot's report: " + no.why));
  }
}

}  // namespace hostcheck::fleet
