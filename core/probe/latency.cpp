// Kind "latency": is a target far, or is there a queue on the way?
#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "core/facts/probe_latency.h"
#include "core/kernel/own_links.h"
#include "core/probe/kind.h"
#include "core/probe/latency_series.h"
#include "core/probe/target.h"

namespace hostcheck::probe {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kIdleEchoes = 40;
constexpr auto kEchoGap = 25ms;
constexpr auto kPatience = 500ms;  // for the first answers
constexpr std::uint32_t kBurst = 16;
constexpr auto kLoadedTime = 1000ms;    // the least time that is watched from the load's begin
constexpr auto kLongestWatch = 4000ms;  // the most, while answers are late
constexpr std::uint32_t kHandshakes = 12;
constexpr auto kHandshakeGap = 50ms;
constexpr std::int64_t kLoadedHandshakes = 6;

struct Settings {
  LatencyTarget target;
  std::int64_t load = 200;
  std::optional<double> base_ms;
  DelayThresholds thresholds;
};

Error wrong(std::string_view object, std::string_view detail) {
  return make_error(ErrorCode::invalid, "probe latency", object, detail);
}

Result<LatencyTarget> target_of(const Context& context) {
  const std::string_view text = context.ask.target;
  const std::size_t percent = text.find('%');
  const auto parsed = parse_target(percent == std::string_view::npos ? text : text.substr(0, percent));
  if (!parsed) return unexpected(parsed.error());
  const auto address = IpAddress::parse(parsed->host);
  if (!address || address->is_any() || address->is_multicast()) {
    return unexpected(wrong(text, "must be an address, with or without a port"));
  }
  LatencyTarget target{*address, parsed->port.value_or(0), 0};
  std::string_view device = context.arg("dev").value_or("");
  if (percent != std::string_view::npos) device = text.substr(percent + 1);
  if (device.empty()) return target;
  const auto scope = kernel::NetnsScope::enter(context.netns());
  if (!scope) return unexpected(scope.error());
  const auto links = kernel::own_links();
  if (!links) return unexpected(links.error());
  const kernel::OwnLink* link = kernel::find_link(*links, device);
  if (link == nullptr) return unexpected(wrong("dev=" + std::string(device), "no such interface"));
  target.scope = link->ifindex;
  return target;
}

Result<Settings> settings_of(const Context& context) {
  Settings settings;
  const auto target = target_of(context);
  if (!target) return unexpected(target.error());
  settings.target = *target;
  const auto load = context.number("load", settings.load, 0, 1000);
  if (!load) return unexpected(load.error());
  settings.load = *load;
  if (const auto text = context.arg("base_ms")) {
    double value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc{} || end != text->data() + text->size() || !(value >= 0 && value < 1e6)) {
      return unexpected(wrong("base_ms=" + std::string(*text), "must be a time in ms from 0 to 1000000"));
    }
    settings.base_ms = value;
  }
  return settings;
}

class Probe {
 public:
  Probe(Context& context, const Settings& settings) : context_(context), settings_(settings), target_(settings.target) {
    row_.probe = context.result.id;
    row_.netns = context.result.netns;
    row_.address = target_.address;
    row_.port = target_.port;
  }

  Task<void> run() {
    auto echo = EchoSeries::open(context_, target_);
    if (echo) {
      method_ = "echo";
      co_await by_echo(**echo);
    } else {
      context_.result.fallback = echo.error().message();
    }
    const bool silent = std::none_of(idle_.begin(), idle_.end(), [](const auto& each) { return each.answered_ms; });
    if (silent && target_.port != 0 && !context_.over()) {
      if (echo) context_.result.fallback = "echo is not answered";
      method_ = "connect";
      idle_.clear();
      co_await by_handshake();
    }
    finish();
  }

 private:
  // One every 25 ms, without and with load: what limits the rate of answers would limit it both times.
  [[nodiscard]] Clock::time_point until_next() {
    next_ = std::max(next_ + kEchoGap, Clock::now());
    return std::min(next_, context_.limits().deadline);
  }

  Task<void> by_echo(EchoSeries& echo) {
    next_ = Clock::now();
    for (std::uint32_t number = 0; number < kIdleEchoes; ++number) {
      if (!co_await context_.turn(target_.address)) co_return;
      echo.ask(idle_);
      co_await echo.listen(until_next(), idle_);
    }
    co_await echo.listen(context_.within(kPatience), idle_, true);
    const bool any = std::any_of(idle_.begin(), idle_.end(), [](const auto& each) { return each.answered_ms; });
    if (any && !context_.over()) {
      echo.begin_series();
      co_await load_and_ask(echo);
    }
  }

  Task<void> load_and_ask(EchoSeries& echo) {
    auto load = Load::open(context_, target_);
    if (!load) {
      context_.result.fallback = "no load: " + load.error().message();
      co_return;
    }
    const auto start = Clock::now();
    next_ = start;
    auto loaded_until = start;
    while (!context_.over() && Clock::now() < start + kLongestWatch) {
      if (!co_await context_.turn(target_.address)) break;
      echo.ask(loaded_);
      const auto until = until_next();
      while (may_load(start) && Clock::now() < until) {
        if (!co_await send_burst(*load, static_cast<std::uint32_t>(settings_.load) - row_.load_packets)) break;
        loaded_until = Clock::now();
      }
      co_await echo.listen(until, loaded_);
      const bool watched = Clock::now() >= start + kLoadedTime && !may_load(start);
      if (watched && is_calm()) break;
    }
    row_.load_ms =
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(loaded_until - start).count());
    co_await echo.listen(context_.within(kPatience), loaded_, true);
  }

  // No more once it shows: a question of this phase that has waited for long is proof enough.
  [[nodiscard]] bool may_load(Clock::time_point start) const {
    if (row_.load_packets >= static_cast<std::uint32_t>(settings_.load) || Clock::now() >= start + kLoadedTime) {
      return false;
    }
    const double base = shortest();
    return std::none_of(loaded_.begin(), loaded_.end(), [&](const DelaySample& each) {
      return each.answered_ms.value_or(now_ms()) - each.sent_ms > base + 2 * settings_.thresholds.queue_ms;
    });
  }

  Task<bool> send_burst(Load& load, std::uint32_t most) {
    const std::uint32_t packets = std::min(kBurst, most);
    if (!co_await context_.turn(target_.address, packets)) co_return false;
    row_.load_bytes += load.send(packets) * load.bytes_each();
    row_.load_packets += packets;
    co_return true;
  }

  [[nodiscard]] double shortest() const {
    double base = settings_.base_ms.value_or(1e6);
    for (const DelaySample& each : idle_) {
      if (each.answered_ms) base = std::min(base, *each.answered_ms - each.sent_ms);
    }
    return base;
  }

  // The last questions are answered as without load.
  [[nodiscard]] bool is_calm() const {
    constexpr std::size_t kLast = 6;
    if (loaded_.size() < kLast + 1) return false;
    // The very last one may be under way.
    return std::all_of(loaded_.end() - kLast - 1, loaded_.end() - 1, [&](const DelaySample& each) {
      return each.answered_ms && *each.answered_ms - each.sent_ms < shortest() + settings_.thresholds.queue_ms / 2;
    });
  }

  Task<bool> handshake(std::vector<DelaySample>& samples) {
    auto place = co_await context_.half_open(target_.address);
    if (!place || !co_await context_.turn(target_.address)) co_return false;
    const auto sample = co_await ask_by_handshake(context_, target_, 900ms);
    if (!sample) {
      context_.fail(sample.error());
      co_return false;
    }
    samples.push_back(*sample);
    co_await context_.sleep_until(Clock::now() + kHandshakeGap);
    co_return true;
  }

  Task<void> by_handshake() {
    for (std::uint32_t number = 0; number < kHandshakes; ++number) {
      if (!co_await handshake(idle_)) co_return;
      if (number == 2 && !idle_[0].answered_ms && !idle_[1].answered_ms && !idle_[2].answered_ms) co_return;
    }
    auto load = Load::open(context_, target_);
    if (!load) co_return;
    const auto start = Clock::now();
    // Each right behind its part of the load.
    for (std::int64_t number = 1; number <= kLoadedHandshakes; ++number) {
      const auto part = static_cast<std::uint32_t>(settings_.load * number / kLoadedHandshakes);
      while (row_.load_packets < part) {
        if (!co_await send_burst(*load, part - row_.load_packets)) co_return;
      }
      if (!co_await handshake(loaded_)) co_return;
    }
    row_.load_ms =
        static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count());
  }

  void finish() {
    facts::ProbeResult& result = context_.result;
    if (idle_.empty()) {
      if (result.error.empty()) result.error = result.fallback.empty() ? "no time left to ask" : result.fallback;
      return;
    }
    const DelayReading reading = read_delays(idle_, loaded_, settings_.base_ms, settings_.thresholds);
    row_.method = result.method = context_.out.intern(method_);
    row_.outcome = result.outcome = context_.out.intern(reading.outcome);
    result.words = target_.address.to_string() + ": " + reading.words;
    row_.base_ms = reading.base_ms;
    row_.idle_sent = reading.idle.delays.sent;
    row_.idle_answered = reading.idle.delays.answered();
    row_.idle_median_ms = reading.idle.delays.median();
    row_.idle_max_ms = reading.idle.delays.max();
    row_.loaded_sent = reading.loaded.delays.sent;
    row_.loaded_answered = reading.loaded.delays.answered();
    row_.loaded_median_ms = reading.loaded.delays.median();
    row_.loaded_high_ms = reading.loaded.delays.high();
    row_.loaded_max_ms = reading.loaded.delays.max();
    if (row_.idle_answered > 0) row_.idle_gap_ms = reading.idle.gap_ms;
    if (row_.loaded_answered > 0) row_.loaded_gap_ms = reading.loaded.gap_ms;
    context_.out.rows<facts::ProbeLatency>().push_back(row_);
  }

  Context& context_;
  const Settings& settings_;
  const LatencyTarget target_;
  std::string_view method_;
  facts::ProbeLatency row_;
  Clock::time_point next_;  // of the next echo
  std::vector<DelaySample> idle_;
  std::vector<DelaySample> loaded_;
};

Task<void> run(Context& context) {
  (void)context.out.rows<facts::ProbeLatency>();
  const auto settings = settings_of(context);
  if (!settings) {
    context.fail(settings.error());
    co_return;
  }
  Probe probe(context, *settings);
  co_await probe.run();
}

constexpr std::array<std::string_view, 3> kArgs = {
    "load=packets of the load, 0 to 1000 (200); 0 for none",
    "base_ms=a shorter delay that is known, in ms, as a connection's smallest round trip",
    "dev=interface of a link-local address",
};
constexpr std::array<std::string_view, 1> kTables = {"probe_latency"};

}  // namespace

const Kind& latency_kind() {
  static const Kind kind{
      {"latency", "ADDRESS[:PORT]",
       "the delay to a target without and with a small load: distance, or a queue on the way", kArgs, kTables},
      run};
  return kind;
}

}  // namespace hostcheck::probe
