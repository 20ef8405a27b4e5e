// Peers that get no answer although their packets arrive: the way of the answer is walked as the kernel walks it, and
// where it ends on this host, that is said, with every step before it.
#include <map>
#include <string>
#include <tuple>

#include "journey.h"

namespace {

using route_journey::Journey;
using route_journey::Whole;

constexpr std::string_view kId = "route.reply_impossible";
constexpr std::size_t kMostPeers = 1000;

struct Peer {
  std::string_view netns, peer, local, what;
  std::int64_t port = 0, packets = 0, times = 0;
  Whole mark;
};

struct Answer {
  std::string_view netns, gateway, ifname, outcome, lladdr;
  Whole questions;
};

// Peers whose answers end at the same place.
struct End {
  Journey journey;  // of the first one
  std::vector<const Peer*> peers;
};

const Answer* answer_to(const std::vector<Answer>& answers, std::string_view netns, const Journey& journey) {
  for (const Answer& each : answers) {
    if (each.netns == netns && each.gateway == journey.next_hop && each.ifname == journey.ifname) return &each;
  }
  return nullptr;
}

void tell(const End& end, const std::string& hooks, const Answer* answer, hostcheck::Output& output) {
  const Journey& journey = end.journey;
  const Peer& first = *end.peers.front();
  hostcheck::Finding found(kId);
  found.subject("netns", first.netns).subject("step", journey.ends).subject("at", journey.at);
  if (!journey.ifname.empty()) found.subject("interface", journey.ifname);
  const std::string others = end.peers.size() == 1 ? "" : " and " + std::to_string(end.peers.size() - 1) + " more";
  found.summary("answers to " + std::string(first.peer) + others + " end on this host, at the " + journey.ends + ": " +
                journey.at);
  std::int64_t syns = 0;
  std::int64_t stuck = 0;
  for (const Peer* each : end.peers) (each->what == "SYNs" ? syns += each->packets : stuck += each->times);
  if (syns > 0)
    found.evidence("SYNs that came and got no answer", syns, "SYNs", "handshake trace", hostcheck::When::window);
  if (stuck > 0) {
    found.evidence("connections that repeat what nobody acknowledges", stuck, "connections",
                   "inet_diag_msg.idiag_retrans");
  }
  for (const auto& [step, words] : journey.steps) {
    found.evidence(step, words, "",
                   step == "rule"        ? "RTM_GETRULE"
                   : step == "neighbour" ? "RTM_GETNEIGH"
                                         : "rtnetlink");
  }
  if (!hooks.empty()) found.evidence("hooks that it would pass", hooks, "", "nf_tables, ip_tables");
  if (journey.ends == "source") found.severity(hostcheck::Severity::info);
  if (journey.ends == "neighbour") {
    found.status(answer != nullptr && answer->outcome == "silent" ? hostcheck::Status::confirmed
                                                                  : hostcheck::Status::suspected);
    if (answer != nullptr) {
      found.evidence(
          "gateway probe",
          std::string(answer->outcome) + " to " + std::to_string(answer->questions.value_or(0)) + " questions", "",
          "ARP or NDP");
    }
  }
  output.add(found);
}

void check(const hostcheck::Input& input, hostcheck::Output& output) {
  // A way that is known in part ends nowhere for certain: then the check is unknown.
  for (const std::string_view each : {"rules", "routes", "others"}) {
    if (!input.absent(each).empty()) return;
  }
  const auto peers = input.rows<Peer>("peers", {{"netns", &Peer::netns},
                                                {"peer", &Peer::peer},
                                                {"local", &Peer::local},
                                                {"port", &Peer::port},
                                                {"what", &Peer::what},
                                                {"packets", &Peer::packets},
                                                {"times", &Peer::times},
                                                {"mark", &Peer::mark}});
  const auto answers = input.rows<Answer>("answers", {{"netns", &Answer::netns},
                                                      {"gateway", &Answer::gateway},
                                                      {"ifname", &Answer::ifname},
                                                      {"outcome", &Answer::outcome},
                                                      {"questions", &Answer::questions},
                                                      {"lladdr", &Answer::lladdr}});
  struct Hooks {
    std::string_view netns, words;
  };
  std::map<std::string_view, std::string> hooks;
  for (const Hooks& each : input.rows<Hooks>("hooks", {{"netns", &Hooks::netns}, {"words", &Hooks::words}})) {
    hooks[each.netns] = each.words;
  }
  const route_journey::Facts facts = route_journey::read(input);
  std::map<std::tuple<std::string_view, std::string, std::string>, End> ends;
  std::string unclear;
  for (std::size_t at = 0; at < peers.size() && at < kMostPeers; ++at) {
    const Peer& each = peers[at];
    const auto peer = route_journey::parse(each.peer);
    const auto local = route_journey::parse(each.local);
    if (!peer || !local || peer->bits != local->bits) continue;
    Journey journey =
        route_journey::follow(facts, each.netns, *peer, each.peer, *local, each.local, each.mark.value_or(0));
    if (!journey.unclear.empty()) unclear = journey.unclear;
    if (journey.ends.empty()) continue;
    // A default gateway that is silent has a check of its own: route.gateway_unreachable. A peer on the link that is
    // silent has left, which is no fault of this host.
    if (journey.ends == "neighbour" && (journey.by_default || journey.gateway.empty())) continue;
    End& end = ends[{each.netns, journey.ends, journey.at}];
    if (end.peers.empty()) end.journey = std::move(journey);
    end.peers.push_back(&each);
  }
  for (const auto& [where, end] : ends) {
    const std::string_view netns = std::get<0>(where);
    const Answer* answer = nullptr;
    if (end.journey.ends == "neighbour") {
      output.probe(kId, "gateway", end.journey.next_hop, netns, {{"dev", end.journey.ifname}});
      answer = answer_to(answers, netns, end.journey);
      if (answer != nullptr && answer->outcome != "silent") continue;  // it is there: the entry was old
    }
    tell(end, hooks[netns], answer, output);
  }
  if (!unclear.empty()) output.unknown(kId, "the way of answers to some peers cannot be followed: " + unclear);
}

}  // namespace

HOSTCHECK_PLUGIN("route_journey", check)
