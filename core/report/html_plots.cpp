#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/report/html_parts.h"
#include "core/report/html_svg.h"

namespace hostcheck::report {
namespace {

using conclude::DropRecord;
using conclude::QueueRecord;
using conclude::Timeline;

constexpr int kLeft = 1;
constexpr int kRight = kDrawingWidth - 1;

// Time across, from the begin of the window to its end.
class TimeAxis {
 public:
  explicit TimeAxis(std::uint32_t span_ms) : span_ms_(std::max(span_ms, 1U)) {}
  [[nodiscard]] double at(std::uint32_t ms) const {
    return kLeft + (kRight - kLeft) * std::min(1.0, static_cast<double>(ms) / span_ms_);
  }
  [[nodiscard]] std::string drawn(int y) const {
    const auto seconds = [](double value) { return fmt::format("{:.3g} s", value); };
    const double all = span_ms_ / 1000.0;
    return fmt::format("<path d=\"M{} {} H{}\" class=\"rail\"/>\n", kLeft, y, kRight) +
           text_at(kLeft, y + 16, "small", "0 s") +
           text_at((kLeft + kRight) / 2, y + 16, "small middle", seconds(all / 2)) +
           text_until(kRight, y + 16, "small", seconds(all));
  }

 private:
  std::uint32_t span_ms_;
};

struct Bar {
  std::uint32_t from_ms = 0;
  std::uint32_t until_ms = 0;
  double count = 0;
  [[nodiscard]] double per_second() const { return 1000.0 * count / std::max(until_ms - from_ms, 1U); }
};

// The same counts in bars of equal width: one that lies over several is shared among them by time.
std::vector<Bar> evened(const std::vector<Bar>& bars, std::uint32_t span_ms) {
  constexpr std::uint32_t kBars = 40;
  const std::uint32_t width = std::max((span_ms + kBars - 1) / kBars, 1U);
  std::vector<Bar> out;
  for (std::uint32_t from = 0; from < std::max(span_ms, 1U); from += width) out.push_back({from, from + width, 0});
  for (const Bar& each : bars) {
    const std::uint32_t length = std::max(each.until_ms - each.from_ms, 1U);
    for (Bar& bar : out) {
      const std::uint32_t from = std::max(bar.from_ms, each.from_ms);
      const std::uint32_t until = std::min(bar.until_ms, each.from_ms + length);
      if (until > from) bar.count += each.count * (until - from) / length;
    }
  }
  return out;
}

std::string rate_text(double per_second) {
  return fmt::format("{:.{}f}", per_second, per_second < 10 ? 1 : 0);
}

// At least a pixel where the drawing is shown at half its size.
constexpr double kLeastBar = 2;

// Bars that stand on y, the highest `height` units.
std::string bars_at(const TimeAxis& axis, int y, int height, const std::vector<Bar>& bars, std::string_view what) {
  double most = 0;
  for (const Bar& each : bars) most = std::max(most, each.per_second());
  std::string out;
  for (const Bar& each : bars) {
    if (each.count <= 0) continue;
    const double tall = std::max(kLeastBar, height * each.per_second() / most);
    const double left = axis.at(each.from_ms);
    const double width = std::max(kLeastBar, axis.at(each.until_ms) - left - 0.6);
    out += fmt::format(
        "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" class=\"bar bad\"><title>{} {}/s from "
        "{:.2f} to {:.2f} s</title></rect>\n",
        left, y - tall, width, tall, rate_text(each.per_second()), what, each.from_ms / 1000.0, each.until_ms / 1000.0);
  }
  return out;
}

std::string peak_of(const std::vector<Bar>& bars) {
  double most = 0;
  for (const Bar& each : bars) most = std::max(most, each.per_second());
  return rate_text(most) + "/s";
}

// How much the listener dropped from one of its points to the next.
std::vector<Bar> drops_of(const QueueRecord& queue, std::uint32_t span_ms) {
  std::vector<Bar> bars;
  std::uint64_t before = 0;
  std::uint32_t since = 0;
  for (const QueueRecord::Point& each : queue.points) {
    const std::uint64_t now = each.drops.value_or(before);
    if (now > before) bars.push_back({since, each.from_ms, static_cast<double>(now - before)});
    before = std::max(now, before);
    since = each.until_ms;
  }
  return evened(bars, span_ms);
}

struct QueueFigures {
  std::uint32_t most = 0;
  std::uint32_t limit = 0;  // the last
  std::uint32_t half_open = 0;
  std::uint32_t samples = 0;
  std::uint32_t full = 0;
  std::uint64_t drops = 0;
};

QueueFigures figures_of(const QueueRecord& queue) {
  QueueFigures out;
  for (const QueueRecord::Point& each : queue.points) {
    out.most = std::max(out.most, each.queue);
    out.limit = each.limit;
    out.half_open = std::max(out.half_open, each.half_open.value_or(0));
    out.samples += each.samples;
    if (each.queue > each.limit) out.full += each.samples;
    out.drops = std::max(out.drops, each.drops.value_or(0));
  }
  return out;
}

// A value is drawn as held until the next sample that differs.
template <typename Value>
std::string steps_of(const QueueRecord& queue, const TimeAxis& axis, const Value& height_of) {
  std::string path;
  for (std::size_t at = 0; at < queue.points.size(); ++at) {
    const auto y = height_of(queue.points[at]);
    if (!y) continue;
    const auto& each = queue.points[at];
    const std::uint32_t until = at + 1 < queue.points.size() ? queue.points[at + 1].from_ms : each.until_ms;
    path += path.empty() ? fmt::format("M{:.1f} {:.1f}", axis.at(each.from_ms), *y) : fmt::format(" V{:.1f}", *y);
    path += fmt::format(" H{:.1f}", std::max(axis.at(until), axis.at(each.from_ms) + 1));
  }
  return path;
}

// The stretches in which more than the limit waited, as a thick line over the others.
std::string full_stretches(const QueueRecord& queue, const TimeAxis& axis, const auto& height_of) {
  std::string path;
  for (std::size_t at = 0; at < queue.points.size(); ++at) {
    const QueueRecord::Point& each = queue.points[at];
    if (each.queue <= each.limit) continue;
    const std::uint32_t until = at + 1 < queue.points.size() ? queue.points[at + 1].from_ms : each.until_ms;
    path += fmt::format("M{:.1f} {:.1f} H{:.1f}", axis.at(each.from_ms), *height_of(each),
                        std::max(axis.at(until), axis.at(each.from_ms) + 2));
  }
  return path.empty() ? path : fmt::format("<path d=\"{}\" class=\"full\"/>\n", path);
}

// The queue over its limit: an area with a line on top, the limit dashed.
std::string queue_area(const QueueRecord& queue, const QueueFigures& figures, const TimeAxis& axis, int top, int base) {
  const double highest = std::max({figures.limit + 1, figures.most, figures.half_open, 1U}) * 1.08;
  const auto place = [&](double value) { return base - (base - top) * value / highest; };
  const auto waiting = [&](const QueueRecord::Point& each) { return std::optional(place(each.queue)); };
  const auto half_open = [&](const QueueRecord::Point& each) {
    return each.half_open ? std::optional(place(*each.half_open)) : std::nullopt;
  };
  const std::string line = steps_of(queue, axis, waiting);
  std::string out =
      fmt::format("<path d=\"{} V{} H{:.1f} Z\" class=\"area\"/>\n", line, base, axis.at(queue.points.front().from_ms));
  const double limit = place(figures.limit);
  out += fmt::format("<path d=\"M{} {:.1f} H{}\" class=\"limit\"/>\n", kLeft, limit, kRight);
  out += text_until(kRight, static_cast<int>(limit) + 13, "small", fmt::format("limit {}", figures.limit));
  if (figures.half_open > 0) {
    out += fmt::format("<path d=\"{}\" class=\"dotted\"/>\n", steps_of(queue, axis, half_open));
  }
  out += fmt::format("<path d=\"{}\" class=\"level\"/>\n", line);
  return out + full_stretches(queue, axis, waiting);
}

// What the kernel's name of a reason comes down to; "" where it says enough.
std::string meaning_of(const DropRecord& drops) {
  struct Meaning {
    std::string_view reason;
    std::string_view words;
  };
  static constexpr std::array kMeanings = {
      Meaning{"NETFILTER_DROP", "a packet filter, or a full conntrack table"},
      Meaning{"NO_SOCKET", "no socket is open at that port"},
      Meaning{"IP_RPFILTER", "the reverse-path filter"},
      Meaning{"TCP_LISTEN_OVERFLOW", "the accept queue was full"},
      Meaning{"SOCKET_RCVBUFF", "the receive buffer was full"},
      Meaning{"SOCKET_BACKLOG", "the socket's backlog was full"},
      Meaning{"PROTO_MEM", "the protocol's memory was used up"},
      Meaning{"CPU_BACKLOG", "the CPU's input queue was full"},
      Meaning{"QDISC_DROP", "the queue of the interface"},
      Meaning{"NEIGH_FAILED", "the next hop did not answer"},
      Meaning{"NEIGH_QUEUEFULL", "too many wait for the next hop"},
      Meaning{"TCP_CSUM", "wrong checksum"},
      Meaning{"UDP_CSUM", "wrong checksum"},
      Meaning{"SOCKET_FILTER", "a filter of the program on its socket"},
      Meaning{"TCP_MD5NOTFOUND", "the peer does not sign, and should"},
      Meaning{"PKT_TOO_BIG", "larger than the MTU"},
      Meaning{"IP_INNOROUTES", "no route for what arrived"},
      Meaning{"IP_OUTNOROUTES", "no route for what leaves"},
  };
  std::string words;
  for (const Meaning& each : kMeanings) {
    if (each.reason == drops.reason) words = each.words;
  }
  return words;
}

}  // namespace

std::string queue_svg(const QueueRecord& queue, std::uint32_t span_ms) {
  if (queue.points.empty()) return {};
  const TimeAxis axis(span_ms);
  const QueueFigures figures = figures_of(queue);
  const std::vector<Bar> drops = drops_of(queue, span_ms);
  const std::string title = queue.process.empty() ? queue.local : queue.process + " on " + queue.local;
  std::string words = fmt::format("accept queue: at most {} of {}", figures.most, figures.limit);
  if (figures.full > 0) words += fmt::format(", over it in {} of {} samples", figures.full, figures.samples);
  std::string drawn = text_at(kLeft, 14, "step", cut(title, kTitleColumns));
  int y = 31;
  drawn += lines_at(kLeft, y, figures.full > 0 ? "small strong" : "small", words, kSmallColumns);
  drawn += queue_area(queue, figures, axis, y - 7, y + 73);
  y += 73;
  drawn += axis.drawn(y);
  y += 16;
  if (figures.half_open > 0) {
    y += 17;
    const std::string half_open = fmt::format("dotted: half-open, at most {}", figures.half_open);
    drawn += text_at(kLeft, y, "small", half_open);
    words += "; " + half_open.substr(8);
  }
  if (figures.drops > 0) {
    const std::string dropped = fmt::format("dropped by this listener: {}{}", figures.drops,
                                            drops.empty() ? "" : ", at most " + peak_of(drops));
    drawn += text_at(kLeft, y + 17, "small strong", dropped);
    drawn += bars_at(axis, y + 52, 30, drops, "dropped") +
             fmt::format("<path d=\"M{} {} H{}\" class=\"rail\"/>\n", kLeft, y + 52, kRight);
    y += 52;
    words += "; " + dropped;
  }
  return open_svg(y + 8, title + ": " + words) + drawn + "</svg>\n";
}

std::string drops_svg(const Timeline& timeline) {
  if (timeline.drops.empty()) return {};
  const TimeAxis axis(timeline.span_ms);
  const bool several = std::any_of(timeline.drops.begin(), timeline.drops.end(),
                                   [&](const DropRecord& each) { return each.netns != timeline.drops.front().netns; });
  std::string label = "Packets thrown away over time";
  std::string drawn;
  int y = 0;
  for (const DropRecord& each : timeline.drops) {
    std::vector<Bar> bars;
    for (const auto& slice : each.slices) {
      bars.push_back({slice.from_ms, slice.until_ms, static_cast<double>(slice.packets)});
    }
    bars = evened(bars, timeline.span_ms);
    std::string title = each.reason.empty() ? "no reason told" : each.reason;
    if (several) title += " in " + each.netns;
    std::string words =
        fmt::format("{} packet{}, at most {}", each.packets, each.packets == 1 ? "" : "s", peak_of(bars));
    if (!each.place.empty()) words += ", in " + each.place;
    drawn += text_at(kLeft, y + 14, "step", cut(title, kTitleColumns));
    y += 31;
    drawn += lines_at(kLeft, y, "small", meaning_of(each), kSmallColumns);
    drawn += lines_at(kLeft, y, "small", words, kSmallColumns);
    y += 27;
    drawn += bars_at(axis, y, 34, bars, "packets") +
             fmt::format("<path d=\"M{} {} H{}\" class=\"rail\"/>\n", kLeft, y, kRight);
    y += 10;
    label += "; " + title + ": " + words;
  }
  drawn += axis.drawn(y - 10);
  return open_svg(y + 14, label) + drawn + "</svg>\n";
}

}  // namespace hostcheck::report
