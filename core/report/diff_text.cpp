#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "core/base/join.h"
#include "core/base/text.h"
#include "core/base/version.h"
#include "core/report/diff.h"
#include "core/report/layout.h"
#include "core/report/text_parts.h"

namespace hostcheck::report {
namespace {

using conclude::Comparison;
using conclude::Difference;
using conclude::HostValue;

constexpr std::size_t kMostOfTable = 8;     // differences of one table that are shown without --verbose
constexpr std::size_t kMostReasons = 6;     // of incomparable ones, the same
constexpr std::size_t kMostInterfaces = 5;  // that are named in one line

bool is_boolean(const Difference& difference) {
  const facts::TableInfo* table = facts::find_table(difference.table);
  const auto column = table == nullptr ? std::nullopt : table->column(difference.column);
  return column && table->columns[*column].type == facts::Type::boolean;
}

std::string text_of(const Difference& difference, const HostValue& value) {
  if (value.kind == HostValue::Kind::not_there) return "not there";
  if (value.kind == HostValue::Kind::unknown) return "unknown";
  std::string text;
  if (const auto* integer = std::get_if<std::int64_t>(&value.value)) {
    if (is_boolean(difference)) return *integer != 0 ? "yes" : "no";
    text = difference.meaning == conclude::Meaning::moving ? fmt::format("+{}", *integer) : std::to_string(*integer);
  } else if (const auto* real = std::get_if<double>(&value.value)) {
    text = fmt::format("{:.4g}", *real);
  } else if (const auto* words = std::get_if<std::string>(&value.value)) {
    return printable(joined(
        [&] {
          std::vector<std::string> fields;  // sysctls have tabs between numbers
          for (const auto each : split_fields(*words)) fields.emplace_back(each);
          return fields;
        }(),
        " "));
  } else {
    return "none";
  }
  return difference.unit.empty() ? text : text + " " + std::string(difference.unit);
}

// One cell a host, or one a group: "1 (3 of 3)".
std::vector<std::string> cells_of(const Comparison& comparison, const Difference& difference,
                                  const std::vector<std::string>& columns) {
  std::vector<std::string> cells;
  if (!comparison.grouped()) {
    for (const HostValue& each : difference.values) cells.push_back(text_of(difference, each));
    return cells;
  }
  for (const std::string& group : columns) {
    std::vector<std::pair<std::string, std::size_t>> counts;
    for (std::size_t at = 0; at < difference.values.size(); ++at) {
      if (comparison.groups[at] != group) continue;
      const std::string text = text_of(difference, difference.values[at]);
      const auto known =
          std::find_if(counts.begin(), counts.end(), [&](const auto& each) { return each.first == text; });
      if (known == counts.end()) {
        counts.emplace_back(text, 1);
      } else {
        ++known->second;
      }
    }
    std::stable_sort(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    std::vector<std::string> words;
    for (const auto& [text, count] : counts) words.push_back(fmt::format("{} ×{}", text, count));
    cells.push_back(joined(words, ", "));
  }
  return cells;
}

std::vector<std::string> columns_of(const Comparison& comparison) {
  if (!comparison.grouped()) return comparison.labels;
  std::vector<std::string> groups;
  for (const std::string& each : comparison.groups) {
    if (std::find(groups.begin(), groups.end(), each) == groups.end()) groups.push_back(each);
  }
  return groups;
}

std::string trimmed(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + "\n";
}

// A difference in one line where it fits, else with a line for each host or group.
std::string lines_of(const Comparison& comparison, const Difference& difference,
                     const std::vector<std::string>& columns, std::size_t what_width, std::size_t cell_width) {
  const std::string what = printable(words_of(difference));
  const auto cells = cells_of(comparison, difference, columns);
  const std::string margin = pad_right(difference.topic, 11);
  const std::string score = comparison.grouped() ? fmt::format("{:.2f}", difference.score) : "";
  const bool fits = width_of(what) <= what_width && std::all_of(cells.begin(), cells.end(), [&](const auto& each) {
                      return width_of(each) <= cell_width;
                    });
  if (fits) {
    std::string line = margin + pad_right(what, what_width + 2);
    for (const std::string& each : cells) line += pad_right(each, cell_width + 2);
    return trimmed(line + score);
  }
  std::string out;
  const auto lines = wrap(what + (score.empty() ? "" : "  " + score), kWidth - 11);
  for (std::size_t at = 0; at < lines.size(); ++at) {
    out += trimmed((at == 0 ? margin : std::string(11, ' ')) + lines[at]);
  }
  std::size_t widest = 0;
  for (const std::string& each : columns) widest = std::max(widest, width_of(each));
  for (std::size_t at = 0; at < cells.size(); ++at) {
    bool first = true;
    for (const std::string& each : wrap(cells[at], kWidth - 15 - std::min<std::size_t>(widest, 40))) {
      out += trimmed(std::string(13, ' ') + pad_right(first ? printable(columns[at]) : "", widest + 2) + each);
      first = false;
    }
  }
  return out;
}

std::string head_of(const Comparison& comparison, const std::vector<DiffHost>& hosts) {
  std::vector<std::string> pieces;
  for (const std::string& column : columns_of(comparison)) {
    std::vector<std::string> members;
    std::string about;
    for (std::size_t at = 0; at < hosts.size(); ++at) {
      if (comparison.groups[at] == column) members.push_back(comparison.labels[at]);
      if (!comparison.grouped() && comparison.labels[at] == column) {
        about = fmt::format(" (Linux {}, {}Z)", hosts[at].kernel, hosts[at].taken.substr(0, 19));
      }
    }
    pieces.push_back(printable(comparison.grouped() ? column + ": " + joined(members, ", ") : column + about));
  }
  std::vector<std::string> lines = {fmt::format("hostcheck {}", version())};
  for (const std::string& piece : pieces) {
    if (width_of(lines.back()) + 3 + width_of(piece) <= kWidth) {
      lines.back() += " · " + piece;
      continue;
    }
    for (const std::string& line : wrap(piece, kWidth - 2)) lines.push_back("  " + line);
  }
  return joined(lines, "\n") + "\n";
}

// What could not be compared for one reason, on whichever hosts.
struct Reason {
  std::string text;
  std::string example;
  std::size_t facts = 0;  // on the host that has most of them
  std::vector<std::string> labels;
};

std::vector<Reason> reasons_of(const Comparison& comparison) {
  std::vector<Reason> reasons;
  std::map<std::pair<std::string, std::size_t>, std::size_t> facts;  // by reason and host
  for (const conclude::Incomparable& each : comparison.incomparable) {
    auto known =
        std::find_if(reasons.begin(), reasons.end(), [&](const Reason& one) { return one.text == each.reason; });
    if (known == reasons.end()) {
      std::string example = each.example;
      if (!each.column.empty()) example += (example.empty() ? "" : " ") + std::string(each.column);
      known = reasons.insert(reasons.end(), {each.reason, std::move(example), 0, {}});
    }
    known->facts = std::max(known->facts, facts[{each.reason, each.host}] += each.facts);
    const std::string& label = comparison.labels[each.host];
    if (std::find(known->labels.begin(), known->labels.end(), label) == known->labels.end()) {
      known->labels.push_back(label);
    }
  }
  std::stable_sort(reasons.begin(), reasons.end(), [](const Reason& a, const Reason& b) { return a.facts > b.facts; });
  return reasons;
}

std::string incomparable_lines(const Comparison& comparison, bool verbose) {
  const std::vector<Reason> reasons = reasons_of(comparison);
  std::string out;
  for (std::size_t at = 0; at < reasons.size(); ++at) {
    if (at == kMostReasons && !verbose) {
      return out + labelled("", fmt::format("and {} more reasons; --verbose shows them", reasons.size() - at));
    }
    const Reason& each = reasons[at];
    std::string what = each.example;
    if (each.facts > 1) what += fmt::format(" and {} more", each.facts - 1);
    out += labelled(at == 0 ? "unknown" : "",
                    printable(fmt::format("{}, of {}: {}", what, joined(each.labels, ", "), each.text)));
  }
  return out;
}

std::string table_of(const Comparison& comparison, bool verbose) {
  const auto columns = columns_of(comparison);
  std::size_t cell_width = 9;
  for (const std::string& each : columns) cell_width = std::max(cell_width, std::min<std::size_t>(width_of(each), 20));
  if (columns.size() <= 2) cell_width = std::max<std::size_t>(cell_width, 18);
  const std::size_t taken = 11 + columns.size() * (cell_width + 2) + (comparison.grouped() ? 6 : 0);
  const std::size_t what_width = taken + 30 < kWidth ? kWidth - taken - 2 : 28;
  std::string heading = std::string(11, ' ') + std::string(what_width + 2, ' ');
  for (const std::string& each : columns) heading += pad_right(printable(each), cell_width + 2);
  std::string out = trimmed(heading + (comparison.grouped() ? "score" : ""));
  std::map<std::string_view, std::size_t> shown;
  std::map<std::string_view, std::size_t> left_out;
  for (const Difference& each : comparison.differences) {
    if (!verbose && (++shown[each.table] > kMostOfTable && !each.table.empty())) {
      ++left_out[each.topic];
      continue;
    }
    out += lines_of(comparison, each, columns, what_width, cell_width);
  }
  std::vector<std::string> more;
  for (const auto& [topic, count] : left_out) more.push_back(fmt::format("{} {}", count, topic));
  if (!more.empty()) out += "and " + joined(more, ", ") + "; --verbose shows them\n";
  return out;
}

}  // namespace

std::string words_of(const Difference& difference) {
  std::vector<std::string> names = difference.interfaces;
  std::string subject = difference.subject;
  std::string interfaces;
  if (names.size() > kMostInterfaces) {
    const std::size_t more = names.size() - kMostInterfaces + 1;
    names.resize(kMostInterfaces - 1);
    names.push_back(fmt::format("{} more", more));
  }
  if (!names.empty()) interfaces = joined(names, ",");
  if (const auto star = subject.find(".*."); star != std::string::npos && !names.empty()) {
    subject.replace(star + 1, 1, names.size() == 1 ? interfaces : "{" + interfaces + "}");
    interfaces.clear();
  }
  std::vector<std::string> words;
  if (!interfaces.empty()) words.push_back(interfaces);
  if (!subject.empty()) words.push_back(subject);
  // A sysctl is its value; a counter its name.
  std::string_view column = difference.column;
  if (difference.table == "sysctls" || column == "value_delta") column = {};
  if (column.ends_with("_delta")) column.remove_suffix(6);
  if (!column.empty()) words.emplace_back(column);
  if (words.empty()) words.emplace_back("interface");
  if (difference.table == "links" && difference.column.empty()) words.front() = "interface " + interfaces;
  if (!difference.netns.empty()) words.push_back("in " + difference.netns);
  return joined(words, " ");
}

std::string diff_as_text(const Comparison& comparison, const std::vector<DiffHost>& hosts, bool verbose) {
  std::string out = head_of(comparison, hosts);
  const std::size_t count = comparison.differences.size();
  if (count == 0) {
    out += fmt::format("no difference that matters among {} facts\n", comparison.equal);
  } else if (comparison.grouped()) {
    out += fmt::format(
        "{} facts tell the groups apart, {} are equal everywhere; score: information gain per bit of "
        "the fact,\ntimes the share of hosts it is known of (1: each group has its own value)\n\n",
        count, comparison.equal);
  } else {
    out += fmt::format("{} {}, the strongest first; {} facts are equal\n\n", count,
                       count == 1 ? "difference" : "differences", comparison.equal);
  }
  if (count > 0) out += table_of(comparison, verbose);
  out += "\n" + incomparable_lines(comparison, verbose);
  for (const std::string& each : comparison.notes) out += labelled("note", printable(each));
  return out + labelled("left out", "counters, ids, times, ages, pids, own addresses, who is connected");
}

}  // namespace hostcheck::report
