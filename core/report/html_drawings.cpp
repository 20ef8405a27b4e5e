#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "core/report/html_parts.h"
#include "core/report/html_svg.h"

namespace hostcheck::report {
namespace {

using Row = conclude::ProbeRecord::Row;

constexpr std::size_t kMostHops = 64;
constexpr std::size_t kMostPorts = 4096;

facts::Value value_in(const Row& row, std::string_view name) {
  for (const auto& [column, value] : row) {
    if (column == name) return value;
  }
  return {};
}

std::string text_in(const Row& row, std::string_view name) {
  const auto value = value_in(row, name);
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return std::to_string(*integer);
  return {};
}

std::optional<double> number_in(const Row& row, std::string_view name) {
  const auto value = value_in(row, name);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  if (const auto* integer = std::get_if<std::int64_t>(&value)) return static_cast<double>(*integer);
  return std::nullopt;
}

std::string milliseconds_text(double value) {
  return value < 10 ? fmt::format("{:.2f} ms", value) : fmt::format("{:.0f} ms", value);
}

// One distance: who answers, in words; below, the delay as a line from the least to the most with a point at the
// median, and what is lost as a bar from the right.
std::string hop_at(int y, const Row& row, double longest_ms) {
  const std::string address = text_in(row, "address");
  const auto loss = number_in(row, "loss");
  const bool carried = number_in(row, "carried").value_or(0) != 0;
  const bool limited = number_in(row, "limited").value_or(0) != 0;
  std::string words = text_in(row, "ttl") + "  " + (address.empty() ? "nobody answers" : address);
  if (const std::string name = text_in(row, "as_name"); !name.empty()) words += " · " + name;
  std::string out = text_at(4, y + 12, "small", cut(words, kSmallColumns));
  constexpr int kDelayWidth = 160;
  constexpr int kLossLeft = 178;
  constexpr int kLossWidth = 64;
  const auto least = number_in(row, "rtt_min_ms");
  const auto median = number_in(row, "rtt_median_ms");
  const auto most = number_in(row, "rtt_max_ms");
  out += fmt::format("<path d=\"M8 {0} H{1}\" class=\"rail\"/>\n", y + 23, 8 + kDelayWidth);
  if (least && median && most && longest_ms > 0) {
    const auto place = [&](double value) { return 8 + kDelayWidth * std::clamp(value / longest_ms, 0.0, 1.0); };
    out += fmt::format("<path d=\"M{:.1f} {} H{:.1f}\" class=\"span\"/>\n", place(*least), y + 23, place(*most));
    out += fmt::format(
        "<circle cx=\"{:.1f}\" cy=\"{}\" r=\"4\" class=\"median\"><title>{} to {}, median {}</title></circle>\n",
        place(*median), y + 23, milliseconds_text(*least), milliseconds_text(*most), milliseconds_text(*median));
  }
  out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"8\" class=\"trough\"/>\n", kLossLeft, y + 19,
                     kLossWidth);
  if (loss) {
    out += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"8\" class=\"{}\"/>\n", kLossLeft, y + 19,
                       kLossWidth * std::clamp(*loss, 0.0, 1.0), carried ? "bar bad" : "bar open");
    out += text_at(kLossLeft + kLossWidth + 6, y + 27, carried ? "small strong" : "small",
                   fmt::format("{:.0f} %{}", *loss * 100,
                               carried   ? " lost"
                               : limited ? " limited"
                                         : ""));
  }
  return out;
}

}  // namespace

std::string hops_svg(const std::vector<Row>& rows) {
  std::string out;
  std::map<std::pair<std::string, std::string>, std::vector<const Row*>> ways;
  for (const Row& each : rows) ways[{text_in(each, "target"), text_in(each, "protocol")}].push_back(&each);
  for (auto& [way, hops] : ways) {
    std::stable_sort(hops.begin(), hops.end(), [](const Row* a, const Row* b) {
      return number_in(*a, "ttl").value_or(0) < number_in(*b, "ttl").value_or(0);
    });
    if (hops.size() > kMostHops) hops.resize(kMostHops);
    double longest = 0;
    for (const Row* each : hops) longest = std::max(longest, number_in(*each, "rtt_max_ms").value_or(0));
    int y = 14;
    std::string drawn = lines_at(4, y, "step", way.second + " to " + way.first, kTitleColumns);
    y -= 6;
    for (const Row* each : hops) {
      drawn += hop_at(y, *each, longest);
      y += 34;
    }
    drawn += text_at(4, y + 12, "small", "line: delay, 0 to " + milliseconds_text(longest) + "; bar: lost there");
    out += open_svg(y + 20, "Hops by " + way.second + " to " + way.first) + drawn + "</svg>\n";
  }
  return out;
}

std::string sweep_svg(const std::vector<Row>& rows) {
  constexpr int kAcross = 32;
  constexpr int kCell = 10;
  std::string out;
  std::map<std::string, std::vector<const Row*>> targets;
  for (const Row& each : rows) {
    auto& ports = targets[text_in(each, "address") + " port " + text_in(each, "port")];
    if (ports.size() < kMostPorts) ports.push_back(&each);
  }
  for (const auto& [target, ports] : targets) {
    std::map<std::string, std::size_t> counts;
    int top = 14;
    std::string drawn = lines_at(4, top, "step", "source ports to " + target, kTitleColumns);
    top -= 8;
    int at = 0;
    int y = top;
    for (const Row* each : ports) {
      const std::string verdict = text_in(*each, "verdict");
      ++counts[verdict];
      const int x = 4 + at % kAcross * kCell;
      y = top + at / kAcross * (kCell + 4);
      ++at;
      const std::string title = fmt::format(
          "<title>{}: {}, {} of {} answered</title>", escape_markup(text_in(*each, "source_port")),
          escape_markup(verdict), escape_markup(text_in(*each, "answered")), escape_markup(text_in(*each, "sent")));
      if (verdict == "dead") {
        drawn += fmt::format("<path d=\"M{} {} l7 8 m0 -8 l-7 8\" class=\"cross\">{}</path>\n", x + 1, y + 1, title);
      } else {
        const double share = std::clamp(
            number_in(*each, "answered").value_or(0) / std::max(number_in(*each, "sent").value_or(0), 1.0), 0.0, 1.0);
        drawn += fmt::format("<rect x=\"{}\" y=\"{:.1f}\" width=\"8\" height=\"{:.1f}\" class=\"level-in\"/>\n", x,
                             y + 10 * (1 - share), 10 * share);
        drawn += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"8\" height=\"10\" class=\"{}\">{}</rect>\n", x, y,
                             verdict == "live" ? "cell good" : "cell open", title);
      }
    }
    y += kCell + 18;
    std::string words;
    for (const auto& [verdict, count] : counts) {
      words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, verdict.empty() ? "unknown" : verdict);
    }
    const std::string legend = words + "; filled: share answered" + (counts.contains("dead") ? "; cross: dead" : "");
    drawn += lines_at(4, y, "small", legend, kSmallColumns);
    out += open_svg(y - 8, "Source ports to " + target + ": " + words) + drawn + "</svg>\n";
  }
  return out;
}

}  // namespace hostcheck::report
