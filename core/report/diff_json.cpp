#include <cmath>

#include <nlohmann/json.hpp>

#include "core/base/version.h"
#include "core/report/diff.h"

namespace hostcheck::report {
namespace {

using Json = nlohmann::ordered_json;
using conclude::HostValue;

constexpr const char* kSchema = "hostcheck.diff/1";

bool is_boolean(const conclude::Difference& difference) {
  const facts::TableInfo* table = facts::find_table(difference.table);
  const auto column = table == nullptr ? std::nullopt : table->column(difference.column);
  return column && table->columns[*column].type == facts::Type::boolean;
}

Json json_of(const facts::Value& value, bool boolean) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return boolean ? Json(*integer != 0) : Json(*integer);
  if (const auto* real = std::get_if<double>(&value)) return std::isfinite(*real) ? Json(*real) : Json(nullptr);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  return nullptr;
}

Json json_of(const HostValue& value, bool boolean) {
  switch (value.kind) {
    case HostValue::Kind::value:
      return {{"is", "value"}, {"value", json_of(value.value, boolean)}};
    case HostValue::Kind::not_there:
      return {{"is", "not_there"}};
    case HostValue::Kind::unknown:
      return {{"is", "unknown"}, {"reason", value.reason}};
  }
  return nullptr;
}

Json json_of(const conclude::Difference& difference, bool grouped) {
  Json out;
  out["topic"] = difference.topic;
  if (!difference.table.empty()) out["table"] = difference.table;
  out["what"] = words_of(difference);
  if (!difference.netns.empty()) out["netns"] = difference.netns;
  if (!difference.interfaces.empty()) out["interfaces"] = difference.interfaces;
  if (!difference.subject.empty()) out["subject"] = difference.subject;
  if (!difference.column.empty()) out["column"] = difference.column;
  if (!difference.unit.empty()) out["unit"] = difference.unit;
  out["weight"] = conclude::name_of(difference.weight);
  if (grouped) {
    out["gain_bits"] = difference.gain;
    out["gain_ratio"] = difference.ratio;
    out["score"] = difference.score;
  }
  out["values"] = Json::array();
  const bool boolean = is_boolean(difference);
  for (const HostValue& each : difference.values) out["values"].push_back(json_of(each, boolean));
  return out;
}

}  // namespace

std::string diff_as_json(const conclude::Comparison& comparison, const std::vector<DiffHost>& hosts) {
  Json out;
  out["schema"] = kSchema;
  out["hostcheck"] = version();
  out["hosts"] = Json::array();
  for (std::size_t at = 0; at < hosts.size(); ++at) {
    Json host{{"label", comparison.labels[at]},
              {"name", hosts[at].name},
              {"kernel", hosts[at].kernel},
              {"taken", hosts[at].taken}};
    if (!hosts[at].file.empty()) host["file"] = hosts[at].file;
    if (!comparison.groups[at].empty()) host["group"] = comparison.groups[at];
    out["hosts"].push_back(std::move(host));
  }
  out["ranked_by"] = comparison.grouped() ? "score" : "weight";
  out["equal"] = comparison.equal;
  out["differences"] = Json::array();
  for (const auto& each : comparison.differences) out["differences"].push_back(json_of(each, comparison.grouped()));
  out["incomparable"] = Json::array();
  for (const auto& each : comparison.incomparable) {
    Json item{{"host", comparison.labels[each.host]}};
    if (!each.table.empty()) item["table"] = each.table;
    if (!each.column.empty()) item["column"] = each.column;
    item["reason"] = each.reason;
    item["facts"] = each.facts;
    item["example"] = each.example;
    out["incomparable"].push_back(std::move(item));
  }
  out["notes"] = comparison.notes;
  // Names of processes and devices need not be UTF-8.
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace hostcheck::report
