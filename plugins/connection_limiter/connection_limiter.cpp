// What limits each busy connection: its peer's receive window, its own send buffer, or loss. A connection has one
// limiter, the one that took the most of its busy time; the others are written down as excluded, with their numbers.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <tuple>

#include <hostcheck/plugin.hpp>

namespace {

constexpr std::string_view kWindow = "tcp.receive_window_limited";
constexpr std::string_view kBuffer = "tcp.send_buffer_limited";
constexpr std::string_view kLoss = "tcp.loss_limited";
// tcpi_snd_ssthresh before any loss (TCP_INFINITE_SSTHRESH).
constexpr std::int64_t kNoThreshold = 0x7fffffff;

struct Connection {
  std::string_view netns, remote;
  std::int64_t busy_us = 0, window_us = 0, buffer_us = 0;
  std::optional<std::int64_t> sent_bytes, again_bytes, rtt_us, window, scale, buffer, cwnd, threshold, mss;
};

// Connections to one peer with the same limiter.
struct Group {
  std::int64_t connections = 0, busy_us = 0, window_us = 0, buffer_us = 0;
  std::int64_t sent_bytes = 0, again_bytes = 0;
  std::int64_t rtt_sum_us = 0, rtts = 0, unscaled = 0;
  std::int64_t window = 0, buffer = 0, cwnd = -1, mss = 0;

  void add(const Connection& each) {
    ++connections;
    busy_us += each.busy_us;
    window_us += each.window_us;
    buffer_us += each.buffer_us;
    sent_bytes += each.sent_bytes.value_or(0);
    again_bytes += each.again_bytes.value_or(0);
    if (each.rtt_us) rtt_sum_us += *each.rtt_us, ++rtts;
    if (each.scale && *each.scale == -1) ++unscaled;
    window = std::max(window, each.window.value_or(0));
    buffer = std::max(buffer, each.buffer.value_or(0));
    if (each.cwnd) cwnd = cwnd < 0 ? *each.cwnd : std::min(cwnd, *each.cwnd);
    mss = std::max(mss, each.mss.value_or(0));
  }
  [[nodiscard]] double rtt_ms() const {
    return rtts == 0 ? 0 : static_cast<double>(rtt_sum_us) / static_cast<double>(rtts) / 1000.0;
  }
  // Of the busy time, rounded to whole percent.
  [[nodiscard]] std::int64_t percent(std::int64_t part_us) const {
    return busy_us == 0 ? 0 : (100 * part_us + busy_us / 2) / busy_us;
  }
  [[nodiscard]] double lost_percent() const {
    return sent_bytes == 0 ? 0 : 100.0 * static_cast<double>(again_bytes) / static_cast<double>(sent_bytes);
  }
};

struct Thresholds {
  std::int64_t percent, busy_us, lost_percent;
  double far_ms;
};

std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f", value);
  return text;
}

// The check that names the limiter of this connection; "" for none.
std::string_view limiter_of(const Connection& each, const Thresholds& least) {
  if (each.busy_us < least.busy_us) return {};
  const bool window = each.window_us * 100 >= each.busy_us * least.percent;
  const bool buffer = each.buffer_us * 100 >= each.busy_us * least.percent;
  if (window && each.window_us >= each.buffer_us) return kWindow;
  if (buffer) return kBuffer;
  // The rest of the busy time it waited for acknowledgements: the congestion window limits it, and loss made that
  // small.
  const bool backed_off = each.threshold && *each.threshold > 0 && *each.threshold < kNoThreshold;
  const std::int64_t sent = each.sent_bytes.value_or(0);
  if (backed_off && sent > 0 && each.again_bytes.value_or(0) * 100 >= sent * least.lost_percent) return kLoss;
  return {};
}

// Its word in the table connection_limits.
std::string_view word_of(std::string_view id) {
  return id == kWindow ? "receive_window" : id == kBuffer ? "send_buffer" : id == kLoss ? "loss" : "none";
}

void exclude(hostcheck::Finding& found, std::string_view id, const Group& group) {
  if (id != kWindow) {
    found.excluded(kWindow,
                   "waited for the peer's window " + std::to_string(group.percent(group.window_us)) + " % of the time");
  }
  if (id != kBuffer) {
    found.excluded(kBuffer,
                   "waited for its send buffer " + std::to_string(group.percent(group.buffer_us)) + " % of the time");
  }
  if (id != kLoss) found.excluded(kLoss, number(group.lost_percent()) + " % of the bytes sent again");
}

std::string start_of_summary(const Group& group, std::string_view remote) {
  return std::to_string(group.connections) + " connections to " + std::string(remote);
}

using hostcheck::When;

void tell_window(hostcheck::Finding& found, const Group& group, std::string_view remote, bool far) {
  found.severity(far && group.unscaled > 0 ? hostcheck::Severity::warning : hostcheck::Severity::info);
  const std::int64_t percent = group.percent(group.window_us);
  found.summary(start_of_summary(group, remote) + " waited for its receive window " + std::to_string(percent) +
                " % of the time (window " + std::to_string(group.window) + " bytes, round trip " +
                number(group.rtt_ms()) + " ms)");
  found.evidence("share of the busy time spent waiting for the peer's window", percent, "%",
                 "tcpi_rwnd_limited, tcpi_busy_time", When::window);
  found.evidence("the peer's window", group.window, "bytes", "tcpi_snd_wnd");
  found.evidence("connections without window scaling", group.unscaled, "connections", "tcpi_snd_wscale");
}

void tell_buffer(hostcheck::Finding& found, const Group& group, std::string_view remote, std::string_view sizes,
                 bool far) {
  found.severity(far ? hostcheck::Severity::warning : hostcheck::Severity::info);
  const std::int64_t percent = group.percent(group.buffer_us);
  found.summary(start_of_summary(group, remote) + " waited for room in their send buffer " + std::to_string(percent) +
                " % of the time (" + std::to_string(group.buffer) + " bytes, round trip " + number(group.rtt_ms()) +
                " ms)");
  found.evidence("share of the busy time spent waiting for the send buffer", percent, "%",
                 "tcpi_sndbuf_limited, tcpi_busy_time", When::window);
  found.evidence("send buffer", group.buffer, "bytes", "SK_MEMINFO_SNDBUF");
  if (!sizes.empty()) {
    found.evidence("net.ipv4.tcp_wmem (least, default, most)", sizes, "bytes", "/proc/sys/net/ipv4/tcp_wmem");
  }
}

void tell_loss(hostcheck::Finding& found, const Group& group, std::string_view remote, bool far) {
  found.severity(far ? hostcheck::Severity::warning : hostcheck::Severity::info);
  found.summary(start_of_summary(group, remote) + " are held up by loss: " + number(group.lost_percent()) +
                " % of their bytes were sent again, and the congestion window fell to " + std::to_string(group.cwnd) +
                " segments (round trip " + number(group.rtt_ms()) + " ms)");
  found.evidence("bytes sent again", group.again_bytes, "bytes", "tcpi_bytes_retrans", When::window);
  found.evidence("bytes sent", group.sent_bytes, "bytes", "tcpi_bytes_sent", When::window);
  found.evidence("smallest congestion window", group.cwnd, "segments", "tcpi_snd_cwnd");
  found.evidence("largest segment", group.mss, "bytes", "tcpi_snd_mss");
}

void check(const hostcheck::Input& input, hostcheck::Output& output) {
  const Thresholds least = {input.integer("percent"), input.integer("busy_ms") * 1000, input.integer("lost_percent"),
                            input.real("far_ms")};
  struct Size {
    std::string_view netns, text;
  };
  std::map<std::string_view, std::string_view> sizes;
  for (const Size& each : input.rows<Size>("send_buffers", {{"netns", &Size::netns}, {"text", &Size::text}})) {
    sizes[each.netns] = each.text;
  }
  std::map<std::tuple<std::string_view, std::string_view, std::string_view>, Group> groups;  // netns, remote, id
  const auto connections = input.rows<Connection>("connections", {{"netns", &Connection::netns},
                                                                  {"remote", &Connection::remote},
                                                                  {"busy", &Connection::busy_us},
                                                                  {"waited_window", &Connection::window_us},
                                                                  {"waited_buffer", &Connection::buffer_us},
                                                                  {"sent", &Connection::sent_bytes},
                                                                  {"again", &Connection::again_bytes},
                                                                  {"min_rtt_us", &Connection::rtt_us},
                                                                  {"snd_wnd", &Connection::window},
                                                                  {"wscale_snd", &Connection::scale},
                                                                  {"sndbuf", &Connection::buffer},
                                                                  {"snd_cwnd", &Connection::cwnd},
                                                                  {"snd_ssthresh", &Connection::threshold},
                                                                  {"mss", &Connection::mss}});
  for (const Connection& each : connections) {
    const std::string_view id = limiter_of(each, least);
    groups[{each.netns, each.remote, id}].add(each);
  }
  for (const auto& [key, group] : groups) {
    const auto& [netns, remote, id] = key;
    output.row("connection_limits", {{"netns", netns},
                                     {"remote", remote},
                                     {"limiter", word_of(id)},
                                     {"connections", group.connections},
                                     {"waited_window_percent", group.percent(group.window_us)},
                                     {"waited_buffer_percent", group.percent(group.buffer_us)},
                                     {"lost_percent", group.lost_percent()},
                                     {"round_trip_ms", group.rtts == 0 ? hostcheck::Value() : group.rtt_ms()}});
    if (id.empty()) continue;
    const bool far = group.rtt_ms() >= least.far_ms;
    hostcheck::Finding found(id);
    found.subject("netns", netns).subject("remote", remote);
    if (id == kWindow) tell_window(found, group, remote, far);
    if (id == kBuffer) tell_buffer(found, group, remote, sizes[netns], far);
    if (id == kLoss) tell_loss(found, group, remote, far);
    found.evidence("smallest round trip, on average", number(group.rtt_ms()), "ms", "tcpi_min_rtt");
    exclude(found, id, group);
    output.add(found);
  }
}

}  // namespace

HOSTCHECK_PLUGIN("connection_limiter", check)
