#include "core/probe/trace_reading.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace hostcheck::probe {
namespace {

constexpr double kCertain = 0.01;         // p of Fisher's test below which two losses differ
constexpr double kLeastLoss = 0.005;      // lower bound of the loss that is worth a word
constexpr double kCleanLoss = 0.005;      // what may be lost where nothing is wrong
constexpr double kLikelihoodRange = 2.3;  // log of the ratio within which another place is as good: 10 to 1
// The same for the question whether to go on asking, and what is said without "most likely". It is put after every
// round, and each time chance may answer; a sequential test that ends at 1000 to 1 is wrong in 1 of 1000 at most,
// however often it looks (Wald).
constexpr double kSharpRange = 6.9;
constexpr double kLeastCertain = 0.001;  // that the loss is less than what hops behind its place are held to
constexpr double kSlowRouters = 0.2;     // share of routers that leave out answers; assumed, not measured
constexpr std::uint32_t kTriesOfADeadFlow = 3;

std::string who(const TracedHop& hop) {
  return hop.network.empty() ? hop.address.to_string() : hop.address.to_string() + ", " + hop.network;
}

std::string what(const TraceView& view) {
  if (view.transport == Transport::icmp) return "echo (ICMP)";
  return fmt::format("{} to port {}", view.transport == Transport::tcp ? "TCP" : "UDP", view.port);
}

const TracedHop* hop_at(const TraceView& view, std::uint32_t ttl) {
  const auto found =
      std::find_if(view.hops.begin(), view.hops.end(), [&](const TracedHop& each) { return each.ttl == ttl; });
  return found == view.hops.end() || found->address.empty() ? nullptr : &*found;
}

// "hop 3 (10.0.0.1)"
std::string hop_words(const TraceView& view, std::uint32_t ttl) {
  const TracedHop* hop = hop_at(view, ttl);
  return hop == nullptr ? fmt::format("hop {}", ttl) : fmt::format("hop {} ({})", ttl, who(*hop));
}

std::string list_of(const std::vector<std::uint32_t>& numbers) {
  std::string out;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    std::size_t last = i;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    if (!out.empty()) out += ", ";
    out += last > i ? fmt::format("{}-{}", numbers[i], numbers[last]) : fmt::format("{}", numbers[i]);
    i = last;
  }
  return out;
}

std::uint32_t answered(const TracedHop& hop) {
  return hop.count.sent - hop.count.lost;
}

// Hops that answer, without those that a later hop or the target contradicts.
std::vector<const TracedHop*> believable(const TraceView& view, const LossCount& target) {
  std::vector<const TracedHop*> out;
  for (auto hop = view.hops.begin(); hop != view.hops.end(); ++hop) {
    if (hop->address.empty() || answered(*hop) == 0) continue;
    const bool contradicted =
        fisher_less(target, hop->count) < kCertain ||
        std::any_of(hop + 1, view.hops.end(), [&](const TracedHop& later) {
          return !later.address.empty() && answered(later) > 0 && fisher_less(later.count, hop->count) < kCertain;
        });
    if (!contradicted) out.push_back(&*hop);
  }
  return out;
}

// Log-likelihood of a hop's count where so much is lost on the way to it, and it answers all that arrives.
double log_if_answering(const LossCount& count, double loss) {
  return std::log(1 - kSlowRouters) + count.lost * std::log(loss) + (count.sent - count.lost) * std::log1p(-loss);
}

// The same where it leaves out answers of its own accord, with any share of them as likely.
double log_if_slow(const LossCount& count) {
  return std::log(kSlowRouters) + std::lgamma(count.lost + 1) + std::lgamma(count.sent - count.lost + 1) -
         std::lgamma(count.sent + 2);
}

bool looks_clean(const LossCount& count) {
  return log_if_answering(count, kCleanLoss) > log_if_slow(count);
}

double log_behind(const LossCount& count, double loss) {
  const double answering = log_if_answering(count, loss);
  return count.share() > loss ? std::max(answering, log_if_slow(count)) : answering;
}

struct Place {
  std::size_t earliest = 0;  // index of the first hop (or the target, one behind the last) that is within kSharpRange
  std::size_t latest = 0;    // of the last within kLikelihoodRange
  std::size_t likeliest = 0;
  std::optional<std::size_t> clean;  // the last hop before the earliest that has none of it
  bool certain = false;
  bool sharp = false;  // no other hop is within kSharpRange
};

// The likelihood that the loss begins at hops[begin]: those before have none of it, those behind all of the least that
// is seen behind; any may leave out answers besides.
double likelihood_of_place(const std::vector<const TracedHop*>& hops, const LossCount& target, std::size_t begin) {
  double before = 0;
  for (std::size_t i = 0; i < begin; ++i) {
    before += std::max(log_if_answering(hops[i]->count, kCleanLoss), log_if_slow(hops[i]->count));
  }
  const double least = std::max(kCleanLoss, loss_lower_bound(target, kLeastCertain));
  double best = -HUGE_VAL;
  for (std::size_t choice = begin; choice <= hops.size(); ++choice) {
    const double share = choice < hops.size() ? hops[choice]->count.share() : target.share();
    const double loss = std::clamp(share, least, 0.999);
    double behind = log_behind(target, loss);
    for (std::size_t i = begin; i < hops.size(); ++i) behind += log_behind(hops[i]->count, loss);
    best = std::max(best, behind);
  }
  return before + best;
}

Place place_of_loss(const std::vector<const TracedHop*>& hops, const LossCount& target) {
  std::vector<double> likelihood;
  Place out;
  for (std::size_t begin = 0; begin <= hops.size(); ++begin) {
    likelihood.push_back(likelihood_of_place(hops, target, begin));
    if (likelihood[begin] > likelihood[out.likeliest]) out.likeliest = begin;
  }
  const auto behind = [&](std::size_t i) { return likelihood[out.likeliest] - likelihood[i]; };
  while (behind(out.earliest) >= kSharpRange) ++out.earliest;
  out.latest = hops.size();
  while (behind(out.latest) >= kLikelihoodRange) --out.latest;
  std::size_t possible = 0;
  for (std::size_t i = 0; i < likelihood.size(); ++i) possible += behind(i) < kSharpRange ? 1 : 0;
  out.sharp = possible == 1;
  LossCount clean;
  for (std::size_t i = 0; i < out.likeliest; ++i) {
    if (!looks_clean(hops[i]->count)) continue;
    clean += hops[i]->count;
    if (i < out.earliest) out.clean = i;
  }
  out.certain = out.likeliest == 0 ? out.latest == 0 && !hops.empty() : fisher_less(clean, target) < kCertain;
  return out;
}

// Hops that people take for a fault, and why they are none.
std::string harmless_words(const TraceView& view, const std::vector<const TracedHop*>& believed,
                           std::optional<std::uint32_t> begins) {
  std::vector<std::uint32_t> silent;
  std::vector<std::uint32_t> slow;
  for (const TracedHop& hop : view.hops) {
    if (hop.address.empty()) {
      silent.push_back(hop.ttl);
    } else if (begins && hop.ttl >= *begins) {
      continue;
    } else if (hop.limited ||
               (std::find(believed.begin(), believed.end(), &hop) == believed.end() && hop.count.lost > 0)) {
      slow.push_back(hop.ttl);
    }
  }
  std::string out;
  if (!silent.empty()) {
    out += fmt::format("; no answer from {} {}: a router that does not answer is no fault",
                       silent.size() > 1 ? "hops" : "hop", list_of(silent));
  }
  if (!slow.empty()) {
    out += fmt::format("; {} {} only now and then, which says nothing by itself", slow.size() > 1 ? "hops" : "hop",
                       list_of(slow) + (slow.size() > 1 ? " answer" : " answers"));
  }
  return out;
}

std::uint32_t last_answering(const TraceView& view) {
  std::uint32_t out = 0;
  for (const TracedHop& hop : view.hops) {
    if (!hop.address.empty()) out = hop.ttl;
  }
  return out;
}

void read_unreached(const TraceView& view, TraceReading& out) {
  const std::uint32_t last = last_answering(view);
  if (const TracedHop* hop = hop_at(view, last)) {
    out.stops_after_ttl = last;
    out.stops_after = hop->address;
  }
  if (!view.refused_by.empty()) {
    out.outcome = "filtered";
    out.words = fmt::format("{} does not reach {}: {} says that it does not let it pass", what(view),
                            view.target.to_string(), view.refused_by.to_string());
    return;
  }
  out.outcome = "unreached";
  out.words = fmt::format("{} does not answer {}, {} lost", view.target.to_string(), what(view), loss_words(out.count));
  out.words += last == 0 ? "; no router answers either"
                         : fmt::format("; the last that answers is {}: what drops them is behind it, or the target",
                                       hop_words(view, last));
}

void read_flow_loss(const TraceView& view, TraceReading& out) {
  std::uint32_t last = 0;
  for (const TracedFlow& flow : view.flows) {
    if (std::find(out.dead_flows.begin(), out.dead_flows.end(), flow.port) != out.dead_flows.end()) {
      if (flow.last_ttl > last) out.stops_after = flow.last_address;
      last = std::max(last, flow.last_ttl);
    }
  }
  out.outcome = "flow_loss";
  out.words = fmt::format("{} from {} {} never arrives, from the other {} {} always: a path among equal ones is broken",
                          what(view), view.transport == Transport::icmp ? "identifiers" : "source ports",
                          fmt::join(out.dead_flows, ", "), view.flows.size() - out.dead_flows.size(),
                          view.transport == Transport::icmp ? "identifiers" : "ports");
  if (last == 0) return;
  out.stops_after_ttl = last;
  const std::string where = fmt::format("hop {} ({})", last, out.stops_after.to_string());
  if (view.distance && last + 1 >= *view.distance) {
    out.words += fmt::format(
        "; the failing ones still reach {}, the last before the target: they are lost on the last hop or on the way "
        "back",
        where);
    return;
  }
  out.words += fmt::format("; the failing ones are last seen at {}", where);
}

void read_loss(const TraceView& view, TraceReading& out) {
  std::vector<const TracedHop*> hops;
  for (const TracedHop& hop : view.hops) {
    if (!hop.address.empty() && answered(hop) > 0) hops.push_back(&hop);
  }
  out.outcome = "loss";
  out.words = fmt::format("{} of the packets that are sent to {} by {} are lost", loss_words(out.count),
                          view.target.to_string(), what(view));
  if (view.whole_connections) {
    out.words +=
        "; where it begins is not told: by whole connections the target loses more than the way does, since the lost "
        "end of one makes the next from its port fail";
    return;
  }
  const Place place = place_of_loss(hops, out.count);
  if (hops.empty()) {
    out.words += "; where it begins cannot be told: no router answers";
    return;
  }
  if (!place.certain) {
    out.words += "; where it begins is not proven, most likely at ";
    out.words += place.likeliest < hops.size() ? hop_words(view, hops[place.likeliest]->ttl) : "the target";
    return;
  }
  out.place_is_sharp = place.sharp;
  if (place.clean) out.clean_until_ttl = hops[*place.clean]->ttl;
  const std::uint32_t begins = place.likeliest < hops.size() ? hops[place.likeliest]->ttl : view.distance.value_or(0);
  if (begins != 0) {
    out.loss_begins_ttl = begins;
    out.loss_may_begin_ttl = place.earliest < hops.size() ? hops[place.earliest]->ttl : begins;
  }
  const bool target = begins == view.distance.value_or(0);
  const bool exact = place.earliest == place.likeliest;
  if (target) {
    out.words += exact ? "; only the target has it" : "; most likely only the target has it";
  } else {
    out.words += fmt::format("; it begins at {} and every answering hop behind has it too", hop_words(view, begins));
  }
  if (target && !view.target_network.empty()) out.words += fmt::format(" ({})", view.target_network);
  if (out.clean_until_ttl) {
    const std::string clean = hop_words(view, *out.clean_until_ttl);
    out.words += exact ? fmt::format(", while {} does not", clean) : fmt::format(", at the earliest behind {}", clean);
  } else {
    out.words += exact ? ", the first that answers"
                       : fmt::format(", or already at {}", hop_words(view, hops[place.earliest]->ttl));
  }
}

}  // namespace

std::string loss_words(const LossCount& count) {
  return fmt::format("{} of {} ({:.3g} %)", count.lost, count.sent, 100 * count.share());
}

TraceReading read_trace(const TraceView& view) {
  TraceReading out;
  LossCount live;
  for (const TracedFlow& flow : view.flows) {
    out.count += flow.count;
    if (flow.count.lost < flow.count.sent) live += flow.count;
  }
  if (out.count.lost == out.count.sent) {
    read_unreached(view, out);
    out.words += harmless_words(view, {}, std::nullopt);
    return out;
  }
  const auto hops = believable(view, out.count);
  // A flow is dead when chance, with the loss of the others, would not have killed one of so many.
  const double chance = (live.lost + 0.5) / (live.sent + 1.0);
  for (const TracedFlow& flow : view.flows) {
    const bool dead = flow.count.sent >= kTriesOfADeadFlow && flow.count.lost == flow.count.sent &&
                      static_cast<double>(view.flows.size()) * std::pow(chance, flow.count.sent) < kCertain;
    if (dead) out.dead_flows.push_back(flow.port);
  }
  if (!out.dead_flows.empty()) {
    read_flow_loss(view, out);
  } else if (out.count.lost >= 2 && loss_lower_bound(out.count, 0.05) > kLeastLoss) {
    read_loss(view, out);
  } else {
    out.outcome = "clean";
    out.words =
        fmt::format("{} reaches {}{}", what(view), view.target.to_string(),
                    view.distance ? fmt::format(" in {} {}", *view.distance, *view.distance > 1 ? "hops" : "hop") : "");
    if (out.count.lost > 0) {
      out.words += fmt::format(", {} lost, which may be chance", loss_words(out.count));
    } else if (out.count.sent > 2) {
      out.words += fmt::format(", none of {} lost", out.count.sent);
    }
  }
  out.words += harmless_words(view, hops, out.loss_begins_ttl);
  return out;
}

}  // namespace hostcheck::probe
