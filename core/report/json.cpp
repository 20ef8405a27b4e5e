#include <cmath>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "core/base/version.h"
#include "core/facts/table.h"
#include "core/report/json_parts.h"
#include "core/report/render.h"

namespace hostcheck::report {
Json json_of(const facts::Value& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return *integer;
  if (const auto* real = std::get_if<double>(&value)) return std::isfinite(*real) ? Json(*real) : Json(nullptr);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return nullptr;
}

Json json_of(const checks::Finding& finding) {
  Json out;
  out["id"] = finding.id;
  out["title"] = finding.title;
  out["severity"] = checks::name_of(finding.severity);
  out["status"] = checks::name_of(finding.status);
  out["subject"] = Json::object();
  for (const auto& [name, value] : finding.subject) out["subject"][name] = json_of(value);
  out["summary"] = finding.summary;
  out["why"] = finding.why;
  out["evidence"] = Json::array();
  for (const checks::Evidence& each : finding.evidence) {
    out["evidence"].push_back({{"what", each.what},
                               {"value", json_of(each.value)},
                               {"unit", each.unit},
                               {"source", each.source},
                               {"when", each.when}});
  }
  out["excluded"] = Json::array();
  for (const checks::Exclusion& each : finding.excluded) {
    out["excluded"].push_back({{"id", each.id}, {"because", each.because}});
  }
  out["not_excluded"] = finding.not_excluded;
  out["fix"] = Json::array();
  for (const checks::Fix& each : finding.fix) {
    Json fix{{"text", each.text}};
    if (!each.command.empty()) fix["command"] = each.command;
    if (!each.persist.empty()) fix["persist"] = each.persist;
    out["fix"].push_back(std::move(fix));
  }
  out["causes"] = finding.causes;
  out["effects"] = finding.effects;
  out["references"] = finding.references;
  if (!finding.because.empty()) out["because"] = finding.because;
  return out;
}

// Names of processes and devices need not be UTF-8.
std::string dump(const Json& json, int indent) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace) + "\n";
}

namespace {

using report::json_of;  // with those below

constexpr const char* kSchema = "hostcheck.report/1";

Json json_of(const checks::CheckResult& check) {
  Json out{{"id", check.id}, {"outcome", checks::name_of(check.outcome)}};
  if (!check.reason.empty()) out["reason"] = check.reason;
  if (!check.remedy.empty()) out["remedy"] = check.remedy;
  out["duration_us"] = check.duration.count();
  return out;
}

std::string day_text(std::chrono::sys_days day) {
  const std::chrono::year_month_day date(day);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

Json json_of(const conclude::SuppressedFinding& suppressed) {
  Json out = json_of(suppressed.finding);
  out["suppressed"] = {{"by", suppressed.by.origin}, {"reason", suppressed.by.reason}};
  if (suppressed.by.until) out["suppressed"]["until"] = day_text(*suppressed.by.until);
  return out;
}

Json json_of(const conclude::Capability& capability) {
  Json out{{"name", capability.name}, {"available", capability.available}, {"detail", capability.detail}};
  if (!capability.available && !capability.lost.empty()) out["lost"] = capability.lost;
  return out;
}

Json json_of(const conclude::ProbeRecord::Row& row, const facts::TableInfo* table) {
  Json out = Json::object();
  for (const auto& [name, value] : row) {
    const auto column = table == nullptr ? std::nullopt : table->column(name);
    const auto* integer = std::get_if<std::int64_t>(&value);
    const bool boolean = column && table->columns[*column].type == facts::Type::boolean && integer != nullptr;
    out[name] = boolean ? Json(*integer != 0) : json_of(value);
  }
  return out;
}

Json json_of(const conclude::ProbeRecord& probe) {
  Json result{{"outcome", probe.outcome}, {"words", probe.words}, {"complete", probe.complete}};
  if (!probe.method.empty()) result["method"] = probe.method;
  if (!probe.fallback.empty()) result["fallback"] = probe.fallback;
  if (!probe.error.empty()) result["error"] = probe.error;
  result["rows"] = Json::object();
  for (const auto& [table, rows] : probe.rows) {
    Json& list = result["rows"][table] = Json::array();
    for (const auto& row : rows) list.push_back(json_of(row, facts::find_table(table)));
  }
  return {{"kind", probe.kind},
          {"target", probe.target},
          {"netns", probe.netns},
          {"args", probe.args},
          {"asked_by", probe.asked_by},
          {"result", std::move(result)},
          {"duration_ms", probe.duration.count()},
          {"packets", probe.packets}};
}

Json json_of(const conclude::JourneyRecord& journey) {
  Json out{{"netns", journey.netns}, {"target", journey.target}, {"address", journey.address}};
  if (journey.port != 0) out["port"] = journey.port;
  out["protocol"] = journey.protocol;
  if (!journey.source.empty()) out["source"] = journey.source;
  if (!journey.ifname.empty()) out["ifname"] = journey.ifname;
  if (!journey.next_hop.empty()) out["next_hop"] = journey.next_hop;
  out["outcome"] = journey.outcome;
  out["words"] = journey.words;
  out["steps"] = Json::array();
  for (const auto& each : journey.steps) {
    out["steps"].push_back(
        {{"step", each.step}, {"verdict", each.verdict}, {"words", each.words}, {"source", each.source}});
  }
  return out;
}

Json json_of(const conclude::QueueRecord& queue) {
  Json out{{"netns", queue.netns}, {"local", queue.local}};
  if (!queue.process.empty()) out["process"] = queue.process;
  out["points"] = Json::array();
  for (const auto& each : queue.points) {
    Json& point = out["points"].emplace_back(Json{{"from_ms", each.from_ms},
                                                  {"until_ms", each.until_ms},
                                                  {"samples", each.samples},
                                                  {"accept_queue", each.queue},
                                                  {"accept_limit", each.limit}});
    if (each.half_open) point["half_open"] = *each.half_open;
    if (each.drops) point["drops"] = *each.drops;
  }
  return out;
}

Json json_of(const conclude::DropRecord& drops) {
  Json out{{"netns", drops.netns}};
  if (!drops.reason.empty()) out["reason"] = drops.reason;
  if (!drops.place.empty()) out["place"] = drops.place;
  out["packets"] = drops.packets;
  out["slices"] = Json::array();
  for (const auto& each : drops.slices) {
    out["slices"].push_back({{"from_ms", each.from_ms}, {"until_ms", each.until_ms}, {"packets", each.packets}});
  }
  return out;
}

Json head_of(const conclude::Report& report) {
  Json out;
  out["schema"] = kSchema;
  out["hostcheck"] = version();
  out["host"] = {{"name", report.host.name},
                 {"kernel", report.host.kernel},
                 {"netns", report.host.netns},
                 {"boot_id", report.host.boot_id},
                 {"machine_id", report.host.machine_id}};
  out["started"] = utc(report.started);
  if (!report.snapshot.empty()) out["snapshot"] = report.snapshot;
  return out;
}

void add_ending(Json& out, const conclude::Report& report) {
  out["duration_ms"] = report.duration.count();
  out["observed_ms"] = report.observed.count();
  out["verdict"] = conclude::name_of(report.verdict);
  if (!report.unjudged.empty()) out["unjudged"] = report.unjudged;
}

template <typename Items>
Json list_of(const Items& items) {
  Json out = Json::array();
  for (const auto& each : items) out.push_back(json_of(each));
  return out;
}

Json json_of(const conclude::Timeline& timeline) {
  return {{"span_ms", timeline.span_ms},        {"listeners", timeline.listeners},
          {"queues", list_of(timeline.queues)}, {"more_queues", timeline.more_queues},
          {"drops", list_of(timeline.drops)},   {"more_drops", timeline.more_drops}};
}

}  // namespace

std::string utc(std::chrono::system_clock::time_point time) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(seconds)),
                     milliseconds.count() % 1000);
}

std::optional<std::chrono::system_clock::time_point> parse_utc(const std::string& text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int millisecond = 0;
  if (std::sscanf(text.c_str(), "%4d-%2u-%2uT%2d:%2d:%2d.%3dZ", &year, &month, &day, &hour, &minute, &second,
                  &millisecond) != 7) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date = std::chrono::year(year) / month / day;
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + std::chrono::milliseconds(millisecond);
}

std::string as_json(const conclude::Report& report) {
  Json out = head_of(report);
  add_ending(out, report);
  out["findings"] = list_of(report.findings);
  out["suppressed"] = list_of(report.suppressed);
  out["checks"] = list_of(report.checks);
  out["probes"] = list_of(report.probes);
  out["journeys"] = list_of(report.journeys);
  if (report.timeline.span_ms > 0) out["timeline"] = json_of(report.timeline);
  out["capabilities"] = list_of(report.capabilities);
  return dump(out, 2);
}

std::string as_json(std::span<const checks::Finding> findings) {
  return dump(list_of(findings), 2);
}

std::string as_json(std::span<const conclude::ProbeRecord> probes) {
  return dump(list_of(probes), 2);
}

std::string as_ndjson(const conclude::Report& report) {
  const auto record = [](std::string_view kind, const Json& fields) {
    Json line{{"record", kind}};
    line.update(fields);
    return dump(line, -1);
  };
  std::string out = record("run", head_of(report));
  for (const auto& each : report.findings) out += record("finding", json_of(each));
  for (const auto& each : report.suppressed) out += record("suppressed", json_of(each));
  for (const auto& each : report.checks) out += record("check", json_of(each));
  for (const auto& each : report.probes) out += record("probe", json_of(each));
  for (const auto& each : report.journeys) out += record("journey", json_of(each));
  if (report.timeline.span_ms > 0) out += record("timeline", json_of(report.timeline));
  for (const auto& each : report.capabilities) out += record("capability", json_of(each));
  Json ending;
  add_ending(ending, report);
  return out + record("verdict", ending);
}

}  // namespace hostcheck::report
