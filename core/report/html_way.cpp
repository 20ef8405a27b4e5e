#include <algorithm>
#include <array>
#include <iterator>

#include <fmt/format.h>

#include "core/conclude/conclude.h"
#include "core/report/html_parts.h"
#include "core/report/html_svg.h"
#include "core/report/layout.h"

namespace hostcheck::report {
namespace {

using checks::Finding;
using checks::Severity;
using conclude::JourneyRecord;

// A place that packets pass, and the findings that are about it: ids, or the beginnings of ids.
struct Place {
  std::string_view name;
  std::array<std::string_view, 3> ids;
};

// In the order in which a packet that comes in and its answer pass them.
constexpr std::array kArriving = {
    Place{"network interface", {"nic."}},
    Place{"receive path", {"softnet.", "kernel."}},
    Place{"connection tracking", {"conntrack."}},
    Place{"routing of what arrives", {"route.rp_filter_drops", "route.forwarding_disabled"}},
    Place{"packet filter", {"netfilter."}},
    Place{"TCP and UDP", {"tcp.", "udp.", "sysctl."}},
    Place{"accept queue", {"listen."}},
    Place{"program and its sockets", {"socket.", "limits."}},
};
constexpr std::array kLeaving = {
    Place{"name", {"dns."}},        Place{"route", {"route."}}, Place{"next hop", {"neigh."}},
    Place{"packet size", {"mtu."}}, Place{"path", {"path."}},
};

// Likewise the steps of a journey.
constexpr std::array kSteps = {
    Place{"rule", {"route.policy_rules_missing", "", ""}},
    Place{"route", {"route.default_via_down_link", "route.nexthop_dead", "route.unexpected_egress"}},
    Place{"next_hop", {"route.gateway_unreachable", "", ""}},
    Place{"source", {"route.source_address_missing", "", ""}},
    Place{"egress", {"nic.", "", ""}},
    Place{"mtu", {"mtu.", "", ""}},
    Place{"neighbour", {"neigh.", "", ""}},
    Place{"firewall", {"netfilter.", "conntrack.", ""}},
};

bool is_about(const Place& place, const Finding& finding) {
  return std::any_of(place.ids.begin(), place.ids.end(), [&](std::string_view id) {
    return !id.empty() && (id.ends_with('.') ? finding.id.starts_with(id) : finding.id == id);
  });
}

bool counts(const Finding& finding) {
  return finding.status != checks::Status::refuted;
}

Mark mark_of(Severity severity) {
  return severity == Severity::critical ? Mark::stops : severity == Severity::warning ? Mark::warns : Mark::notes;
}

std::string_view class_of(Severity severity) {
  return severity == Severity::critical ? "strong" : severity == Severity::warning ? "amber" : "blue";
}

// Each id once, the most severe first.
std::vector<const Finding*> found_at(const Place& place, std::span<const Finding> findings, const auto& wanted) {
  std::vector<const Finding*> found;
  for (const Finding& each : findings) {
    if (!counts(each) || !is_about(place, each) || !wanted(each)) continue;
    const bool known =
        std::any_of(found.begin(), found.end(), [&](const Finding* other) { return other->id == each.id; });
    if (!known) found.push_back(&each);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Finding* a, const Finding* b) { return a->severity > b->severity; });
  return found;
}

// A column of marks with a line through it.
class Rail {
 public:
  // Marks the place; the lines of text below it come next.
  void stop(Mark mark, std::string_view css_class, std::string_view name) {
    if (last_ != 0) rail_ += fmt::format("<path d=\"M{} {} V{}\" class=\"rail\"/>\n", kMarkX, last_, y_);
    last_ = y_;
    drawn_ += mark_at(y_, mark) + text_at(kBesideX, y_ + 5, css_class, name);
    y_ += 22;
  }
  void line(std::string_view css_class, std::string_view text) {
    drawn_ += text_at(kBesideX, y_, css_class, text);
    y_ += 16;
  }
  void link(std::string_view css_class, std::string_view id) {
    drawn_ += fmt::format("<a href=\"#{}\">{}</a>\n", escape_markup(id), text_at(kBesideX, y_ + 1, css_class, id));
    y_ += 18;
  }
  void space(int height) { y_ += height; }
  [[nodiscard]] std::string drawn(std::string_view label) const {
    return drawn_.empty() ? std::string{} : open_svg(y_, label) + rail_ + drawn_ + "</svg>\n";
  }

 private:
  std::string rail_, drawn_;
  int y_ = 14;
  int last_ = 0;
};

// One half of a packet's way; "" where nothing in it is at warning or above.
template <std::size_t kPlaces>
std::string half_of(std::string_view title, const std::array<Place, kPlaces>& places, std::span<const Finding> findings,
                    const auto& wanted) {
  Rail rail;
  std::string told;
  bool wrong = false;
  for (const Place& place : places) {
    const auto found = found_at(place, findings, wanted);
    if (found.empty()) {
      rail.stop(Mark::untouched, "small", place.name);
      continue;
    }
    const Severity worst = found.front()->severity;
    wrong = wrong || worst != Severity::info;
    rail.stop(mark_of(worst), worst == Severity::critical ? "step strong" : "step", place.name);
    for (const Finding* each : found) {
      rail.link(fmt::format("small {}", class_of(each->severity)), each->id);
      told += fmt::format("{}{}: {}", told.empty() ? "" : "; ", place.name, each->id);
    }
    rail.space(6);
  }
  if (!wrong) return {};
  return "<div>\n" + element("h3", "", title) + rail.drawn(told) + "</div>\n";
}

std::string subject_text(const Finding& finding, std::string_view key) {
  for (const auto& [name, value] : finding.subject) {
    const auto* text = std::get_if<std::string>(&value);
    if (name == key && text != nullptr) return *text;
  }
  return {};
}

// Whether the finding is about this journey, as far as its subject says: its namespace, interface, next hop, address.
bool on_the_way(const Finding& finding, const JourneyRecord& journey) {
  const auto fits = [&](std::string_view key, const std::string& own) {
    const std::string said = subject_text(finding, key);
    return said.empty() || said == own;
  };
  return fits("netns", journey.netns) && fits("interface", journey.ifname) && fits("gateway", journey.next_hop) &&
         (fits("address", journey.address) || fits("address", journey.next_hop) || fits("address", journey.source));
}

Mark mark_of(std::string_view verdict) {
  return verdict == "stops" ? Mark::stops : verdict == "passes" ? Mark::passes : Mark::unknown;
}

std::vector<const Finding*> found_at(const JourneyRecord::Step& step, const JourneyRecord& journey,
                                     std::span<const Finding> findings) {
  const auto* place =
      std::find_if(kSteps.begin(), kSteps.end(), [&](const Place& each) { return each.name == step.step; });
  if (place == kSteps.end()) return {};
  return found_at(*place, findings,
                  [&](const Finding& each) { return each.severity != Severity::info && on_the_way(each, journey); });
}

std::string step_name(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

}  // namespace

std::string way_of(std::span<const Finding> findings) {
  const auto arrives = [](const Finding&) { return true; };
  const auto leaves = [](const Finding& each) {
    return std::none_of(kArriving.begin(), kArriving.end(), [&](const Place& place) { return is_about(place, each); });
  };
  const std::string halves = half_of("a packet arrives", kArriving, findings, arrives) +
                             half_of("a packet leaves", kLeaving, findings, leaves);
  return halves.empty() ? halves : "<div class=\"halves\">\n" + halves + "</div>\n";
}

std::string journey_svg(const JourneyRecord& journey, std::span<const Finding> findings) {
  Rail rail;
  bool stopped = false;
  for (const auto& each : journey.steps) {
    const auto found = found_at(each, journey, findings);
    if (stopped) {
      rail.stop(Mark::untouched, "small", step_name(each.step) + ": not reached");
      continue;
    }
    stopped = each.verdict == "stops";
    const Mark mark = stopped || found.empty() ? mark_of(each.verdict) : mark_of(found.front()->severity);
    rail.stop(mark, stopped ? "step strong" : "step", step_name(each.step));
    for (const std::string& line : wrap(printable(each.words), kBesideColumns)) {
      if (!line.empty()) rail.line("small", line);
    }
    for (const Finding* finding : found) rail.link(fmt::format("small {}", class_of(finding->severity)), finding->id);
    rail.space(8);
  }
  return rail.drawn("Journey to " + journey.address + ": " + journey.words);
}

}  // namespace hostcheck::report
