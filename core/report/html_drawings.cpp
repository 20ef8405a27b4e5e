#include <algorithm>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "core/report/html_parts.h"
#include "core/report/layout.h"

namespace hostcheck::report {
namespace {

using Row = conclude::ProbeRecord::Row;

constexpr int kDrawingWidth = 360;  // units; about the CSS pixels of a phone
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

std::string open_svg(int height, std::string_view label) {
  return fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", kDrawingWidth, height,
                     escape_html(label));
}

std::string text_at(int x, int y, std::string_view css_class, std::string_view text) {
  return fmt::format("<text x=\"{}\" y=\"{}\" class=\"{}\">{}</text>\n", x, y, css_class, escape_html(text));
}

// A mark that is told by its form too, and not by its colour alone: a tick, a cross, a question mark.
std::string mark_at(int y, std::string_view verdict) {
  const bool stops = verdict == "stops";
  const bool passes = verdict == "passes";
  const std::string_view css = stops ? "bad" : passes ? "good" : "open";
  std::string out = fmt::format("<circle cx=\"16\" cy=\"{}\" r=\"9\" class=\"mark {}\"/>\n", y, css);
  if (stops) {
    out += fmt::format("<path d=\"M12 {0} l8 8 M20 {0} l-8 8\" class=\"sign\"/>\n", y - 4);
  } else if (passes) {
    out += fmt::format("<path d=\"M11.5 {} l3.5 4 l6 -8\" class=\"sign\"/>\n", y);
  } else {
    out += fmt::format("<text x=\"16\" y=\"{}\" class=\"query\">?</text>\n", y + 5);
  }
  return out;
}

std::string step_name(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
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
  std::string out = text_at(4, y + 12, "small", words.size() > 52 ? words.substr(0, 51) + "…" : words);
  constexpr int kDelayWidth = 170;
  constexpr int kLossLeft = 188;
  constexpr int kLossWidth = 70;
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

std::string journey_svg(const conclude::JourneyRecord& journey) {
  constexpr std::size_t kColumns = 46;
  std::string marks;
  std::string rail;
  int y = 22;
  int last = y;
  const auto add = [&](std::string_view name, std::string_view verdict, const std::string& words) {
    if (y > 22) rail += fmt::format("<path d=\"M16 {} V{}\" class=\"rail\"/>\n", last, y);
    last = y;
    marks += mark_at(y, verdict) + text_at(36, y + 4, verdict == "stops" ? "step strong" : "step", name);
    y += 20;
    for (const std::string& line : wrap(printable(words), kColumns)) {
      if (line.empty()) continue;
      marks += text_at(36, y, "small", line);
      y += 15;
    }
    y += 12;
  };
  for (const auto& each : journey.steps) add(step_name(each.step), each.verdict, each.words);
  if (marks.empty()) return {};
  return open_svg(y, "Journey to " + journey.address + ": " + journey.words) + rail + marks + "</svg>\n";
}

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
    int y = 24;
    std::string drawn = text_at(4, 14, "step", way.second + " to " + way.first);
    for (const Row* each : hops) {
      drawn += hop_at(y, *each, longest);
      y += 34;
    }
    drawn += text_at(4, y + 12, "small", "line: delay, 0 to " + milliseconds_text(longest) + "; bar: share lost there");
    out += open_svg(y + 20, "Hops by " + way.second + " to " + way.first) + drawn + "</svg>\n";
  }
  return out;
}

std::string sweep_svg(const std::vector<Row>& rows) {
  constexpr int kAcross = 32;
  constexpr int kCell = 11;
  std::string out;
  std::map<std::string, std::vector<const Row*>> targets;
  for (const Row& each : rows) {
    auto& ports = targets[text_in(each, "address") + " port " + text_in(each, "port")];
    if (ports.size() < kMostPorts) ports.push_back(&each);
  }
  for (const auto& [target, ports] : targets) {
    std::map<std::string, std::size_t> counts;
    std::string drawn = text_at(4, 14, "step", "source ports to " + target);
    int at = 0;
    int y = 22;
    for (const Row* each : ports) {
      const std::string verdict = text_in(*each, "verdict");
      ++counts[verdict];
      const int x = 4 + at % kAcross * kCell;
      y = 22 + at / kAcross * (kCell + 3);
      ++at;
      const std::string title = fmt::format(
          "<title>{}: {}, {} of {} answered</title>", escape_html(text_in(*each, "source_port")), escape_html(verdict),
          escape_html(text_in(*each, "answered")), escape_html(text_in(*each, "sent")));
      if (verdict == "dead") {
        drawn += fmt::format("<path d=\"M{} {} l8 8 m0 -8 l-8 8\" class=\"cross\">{}</path>\n", x + 1, y + 1, title);
      } else {
        drawn += fmt::format("<rect x=\"{}\" y=\"{}\" width=\"9\" height=\"10\" class=\"{}\">{}</rect>\n", x, y,
                             verdict == "live" ? "cell good" : "cell open", title);
      }
    }
    y += kCell + 18;
    std::string words;
    for (const auto& [verdict, count] : counts) {
      words += fmt::format("{}{} {}", words.empty() ? "" : ", ", count, verdict.empty() ? "unknown" : verdict);
    }
    drawn += text_at(4, y, "small", words + "; a cross is a dead port");
    out += open_svg(y + 8, "Source ports to " + target + ": " + words) + drawn + "</svg>\n";
  }
  return out;
}

}  // namespace hostcheck::report
