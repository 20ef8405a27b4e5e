// Which rule drops the handshakes of a port that something listens on: each lost SYN, SYN-ACK or last ACK is walked
// through the chains as the kernel would, and rules whose counter stood still are out of the question.
#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>

#include <hostcheck/plugin.hpp>

#include "ruleset.h"

namespace {

constexpr std::string_view kDropsService = "netfilter.drops_service_port";
constexpr std::string_view kDropsAnswers = "netfilter.drops_answers";
// Walks a port; packets beyond them are counted, not walked.
constexpr std::size_t kMostWalks = 64;

struct Lost {
  std::string_view netns, peer, local, ifname, place, stage;
  std::int64_t peer_port = 0, port = 0, attempts = 0, dropped = 0;

  [[nodiscard]] bool is_answer() const { return stage == "synack"; }
};

struct Listener {
  std::string_view netns, process;
  std::int64_t port = 0;
  std::optional<std::int64_t> pid;
};

// What was lost of what comes to one port, or of the answers that leave it.
struct Port {
  std::vector<const Lost*> lost;
  std::int64_t dropped = 0, most = 0;
  std::map<std::string_view, std::int64_t> tries_of;  // by peer

  [[nodiscard]] bool is_of_answers() const { return lost.front()->is_answer(); }
  [[nodiscard]] bool has(std::string_view stage) const {
    return std::any_of(lost.begin(), lost.end(), [&](const Lost* each) { return each->stage == stage; });
  }
};
using Key = std::pair<std::string_view, std::int64_t>;  // netns, port

// Who it was, as far as the walks tell.
struct Verdict {
  std::string rule = "no single rule says so: a chain's policy, or what hostcheck cannot read";
  std::string command = "nft -a list ruleset";
  std::int64_t packets = -1;
  std::set<std::string> others;
  bool is_limit = false;       // the rule drops what is beyond its limit
  std::string_view lets_some;  // the rule that accepts the port up to a limit, where another one drops the rest
  bool on_purpose = false;     // a ban list, or a port that others may reach
};

struct Facts {
  std::vector<Lost> lost;
  std::vector<Listener> listeners, owners;
  std::vector<Rule> rules;
  std::vector<Chain> chains;
};

Facts read(const hostcheck::Input& input) {
  Facts facts;
  facts.lost = input.rows<Lost>("lost", {{"netns", &Lost::netns},
                                         {"peer", &Lost::peer},
                                         {"peer_port", &Lost::peer_port},
                                         {"local", &Lost::local},
                                         {"local_port", &Lost::port},
                                         {"attempts", &Lost::attempts},
                                         {"dropped", &Lost::dropped},
                                         {"ifname", &Lost::ifname},
                                         {"drop_place", &Lost::place},
                                         {"stage", &Lost::stage}});
  facts.listeners = input.rows<Listener>("listeners", {{"netns", &Listener::netns}, {"port", &Listener::port}});
  facts.owners = input.rows<Listener>("owners", {{"netns", &Listener::netns},
                                                 {"port", &Listener::port},
                                                 {"process", &Listener::process},
                                                 {"pid", &Listener::pid}});
  facts.rules = input.rows<Rule>(
      "rules", {{"netns", &Rule::netns},       {"backend", &Rule::backend},   {"family", &Rule::family},
                {"table", &Rule::table},       {"chain", &Rule::chain},       {"hook", &Rule::hook},
                {"priority", &Rule::priority}, {"position", &Rule::position}, {"text", &Rule::text},
                {"verdict", &Rule::verdict},   {"target", &Rule::target},     {"protocol", &Rule::protocol},
                {"sport", &Rule::sport},       {"dport", &Rule::dport},       {"src", &Rule::src},
                {"dst", &Rule::dst},           {"iif", &Rule::iif},           {"oif", &Rule::oif},
                {"ct_state", &Rule::ct_state}, {"plain", &Rule::plain},       {"counted", &Rule::packets}});
  facts.chains = input.rows<Chain>("chains", {{"netns", &Chain::netns},
                                              {"backend", &Chain::backend},
                                              {"family", &Chain::family},
                                              {"table", &Chain::table},
                                              {"chain", &Chain::chain},
                                              {"hook", &Chain::hook},
                                              {"device", &Chain::device},
                                              {"policy", &Chain::policy},
                                              {"priority", &Chain::priority},
                                              {"counted", &Chain::packets}});
  return facts;
}

std::string words_of(const Suspect& suspect) {
  return suspect.rule == nullptr ? suspect.way + " drop" : suspect.way + ": " + std::string(suspect.rule->text);
}

// The command that shows the chain it is in.
std::string command_for(const Suspect& suspect) {
  const bool legacy = (suspect.rule == nullptr ? suspect.chain->backend : suspect.rule->backend) == "legacy";
  const std::string family(suspect.rule == nullptr ? suspect.chain->family : suspect.rule->family);
  const std::string table(suspect.rule == nullptr ? suspect.chain->table : suspect.rule->table);
  const std::string chain(suspect.rule == nullptr ? suspect.chain->chain : suspect.rule->chain);
  if (!legacy) return "nft -a list chain " + family + " " + table + " " + chain;
  const std::string program = family == "ip6" ? "ip6tables-legacy" : "iptables-legacy";
  return program + " -t " + table + " -nvL " + chain + " --line-numbers";
}

bool for_certain_sources(const Rule& rule) {
  return !rule.src.empty() && rule.src.front() != '!';
}

// Whether it matches so many packets or connections only, as nft(8) and iptables-extensions(8) write that.
bool is_limited(const Rule& rule) {
  constexpr std::array<std::string_view, 7> kWords = {"limit rate",   "limit name",   "ct count", "-m limit",
                                                      "-m hashlimit", "-m connlimit", "-m recent"};
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view each) { return rule.text.find(each) != std::string_view::npos; });
}

// Larger is likelier; of equals the one that the packet meets first.
int weight(const Suspect& suspect, std::string_view place) {
  int weight = suspect.match == Match::yes ? 4 : 0;
  if (suspect.rule != nullptr && suspect.rule->packets > 0) weight += 2;
  if (suspect.rule != nullptr && !suspect.rule->dport.empty()) weight += 1;
  const bool nft = (suspect.rule == nullptr ? suspect.chain->backend : suspect.rule->backend) == "nft";
  return place == "nft_do_chain" && !nft ? weight - 8 : weight;
}

// What was dropped of this handshake.
Packet packet_of(const Lost& lost) {
  if (lost.is_answer()) return {lost.local, lost.peer, lost.port, lost.peer_port, "", true, false};
  return {lost.peer, lost.local, lost.peer_port, lost.port, lost.ifname, false, lost.stage != "ack"};
}

Verdict find_rule(const Facts& facts, std::string_view netns, const Port& port) {
  std::vector<const Rule*> rules;
  std::vector<const Chain*> chains;
  for (const Rule& each : facts.rules) {
    if (each.netns == netns) rules.push_back(&each);
  }
  for (const Chain& each : facts.chains) {
    if (each.netns == netns) chains.push_back(&each);
  }
  const Ruleset ruleset(rules, chains);
  Verdict verdict;
  int best = -100;
  std::set<std::string> all;
  for (std::size_t at = 0; at < port.lost.size() && at < kMostWalks; ++at) {
    const Lost& lost = *port.lost[at];
    for (const Suspect& each : ruleset.walk(packet_of(lost))) {
      all.insert(words_of(each));
      if (each.rule != nullptr && !lost.is_answer() && for_certain_sources(*each.rule)) verdict.on_purpose = true;
      if (weight(each, lost.place) <= best) continue;
      best = weight(each, lost.place);
      verdict.rule = words_of(each);
      verdict.command = command_for(each);
      verdict.packets = each.rule == nullptr ? each.chain->packets : each.rule->packets;
      verdict.is_limit = each.rule != nullptr && is_limited(*each.rule);
    }
  }
  all.erase(verdict.rule);
  verdict.others = std::move(all);
  // Who means to keep a client out drops what it sends; to take its SYN and drop the answer is nobody's intent.
  if (port.is_of_answers()) return verdict;
  const std::int64_t number = port.lost.front()->port;
  for (const Rule* each : rules) {
    if (each->verdict != "accept" || each->dport.empty() || port_in(each->dport, number) != Match::yes) continue;
    if (!is_limited(*each)) {
      verdict.on_purpose = true;
    } else if (!for_certain_sources(*each)) {
      verdict.lets_some = each->text;
    }
  }
  return verdict;
}

// "10.0.0.9 (2), 10.0.0.7 (1)": those with the most attempts first.
std::string clients_of(const Port& port) {
  std::vector<std::pair<std::string_view, std::int64_t>> clients(port.tries_of.begin(), port.tries_of.end());
  std::stable_sort(clients.begin(), clients.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string words;
  for (std::size_t at = 0; at < clients.size() && at < 5; ++at) {
    words.append(at == 0 ? "" : ", ").append(clients[at].first).append(" (") +=
        std::to_string(clients[at].second) + ")";
  }
  return words;
}

// The processes of the port, with the lowest process number of each; one without a name where they could not be read.
std::map<std::string_view, std::optional<std::int64_t>> owners_of(const Facts& facts, const Key& key) {
  std::map<std::string_view, std::optional<std::int64_t>> owners;
  for (const Listener& each : facts.owners) {
    if (Key(each.netns, each.port) != key) continue;
    auto& pid = owners[each.process];
    if (each.pid && (!pid || *each.pid < *pid)) pid = each.pid;
  }
  const bool listens = std::any_of(facts.listeners.begin(), facts.listeners.end(),
                                   [&](const Listener& each) { return Key(each.netns, each.port) == key; });
  if (owners.empty() && listens) owners.emplace("", std::nullopt);
  return owners;
}

// What the packet filter dropped, as the report says it.
std::string_view packets_of(const Port& port) {
  if (port.is_of_answers()) return "SYN-ACKs of the port that the packet filter dropped";
  if (!port.has("ack")) return "SYNs to the port that the packet filter dropped";
  return port.has("syn") ? "SYNs and last ACKs of handshakes to the port that the packet filter dropped"
                         : "last ACKs of handshakes to the port that the packet filter dropped";
}

std::string summary_of(const Key& key, const Port& port, std::string_view name) {
  const std::string attempts = hostcheck::counted(port.lost.size(), "attempt", "attempts") + " of " +
                               hostcheck::counted(port.tries_of.size(), "client", "clients") + " (" +
                               std::string(port.tries_of.begin()->first) + ")";
  const std::string where = "port " + std::to_string(key.second) + " of " + std::string(name);
  if (port.is_of_answers()) {
    return "the packet filter drops the answers of " + where + ": " + attempts +
           " came in, and their SYN-ACKs never left";
  }
  return "the packet filter drops connections to " + where + ": " + attempts + " got no answer";
}

void tell(const Key& key, const Port& port, const Verdict& verdict, std::string_view process,
          std::optional<std::int64_t> pid, hostcheck::Output& output) {
  hostcheck::Finding found(port.is_of_answers() ? kDropsAnswers : kDropsService);
  found.severity(verdict.on_purpose ? hostcheck::Severity::info : hostcheck::Severity::warning);
  found.subject("netns", key.first).subject("port", key.second);
  if (!process.empty()) found.subject("process", process);
  found.subject("pid", pid);
  found.summary(summary_of(key, port, process.empty() ? "unknown" : process));
  using hostcheck::When;
  found.evidence(packets_of(port), port.dropped, "packets", "kfree_skb NETFILTER_DROP of these very packets",
                 When::window);
  if (!port.lost.front()->place.empty()) {
    found.evidence("dropped at", port.lost.front()->place, "", "kfree_skb location", When::window);
  }
  found.evidence("the rule, by the packet's way", verdict.rule, "", "nf_tables, ip_tables");
  if (verdict.packets >= 0) {
    found.evidence("packets that this rule counted meanwhile", verdict.packets, "packets", "the rule's counter",
                   When::window);
  }
  std::size_t told = 0;
  for (const std::string& each : verdict.others) {
    if (++told <= 3) found.evidence("could be it too", each, "", "nf_tables, ip_tables");
  }
  if (!verdict.lets_some.empty()) {
    found.evidence("a rule lets the port pass up to a limit", verdict.lets_some, "", "nf_tables, ip_tables");
  }
  found.evidence("clients that got no answer, with their attempts", clients_of(port), "", "handshake trace",
                 When::window);
  found.fix("Find who wrote the rule and whether it is meant; then delete it, or let the port pass before it",
            verdict.command);
  if (port.is_of_answers()) {
    found.fix(
        "If these clients are not to be served, drop their SYNs (input) instead, so that they cost no half-open "
        "handshakes");
  } else if (verdict.is_limit || !verdict.lets_some.empty()) {
    found.fix("If the limit is meant, raise it above what the clients need");
  } else {
    found.fix("If it is meant, let the program listen on 127.0.0.1 only, so that nobody expects it");
  }
  output.add(found);
}

void check(const hostcheck::Input& input, hostcheck::Output& output) {
  const Facts facts = read(input);
  std::map<std::pair<Key, bool>, Port> ports;  // what comes in and the answers, each of its own
  for (const Lost& each : facts.lost) {
    Port& port = ports[{{each.netns, each.port}, each.is_answer()}];
    port.lost.push_back(&each);
    port.dropped += each.dropped;
    port.most = std::max(port.most, each.attempts);
    ++port.tries_of[each.peer];
  }
  for (const auto& [place, port] : ports) {
    const Key& key = place.first;
    // A repeated SYN is a client; single ones may be a scan that passes by.
    const std::int64_t least = input.integer(port.is_of_answers() ? "min_answers" : "min_attempts");
    if (port.most < 2 && static_cast<std::int64_t>(port.lost.size()) < least) continue;
    const auto owners = owners_of(facts, key);
    if (owners.empty()) continue;
    const Verdict verdict = find_rule(facts, key.first, port);
    for (const auto& [process, pid] : owners) tell(key, port, verdict, process, pid, output);
  }
}

}  // namespace

HOSTCHECK_PLUGIN("firewall_walk", check)
