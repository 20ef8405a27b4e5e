// SYNs that a listener should have answered, when none of the checks that name a reason fires: the candidates that
// people ask for one after the other are ruled out with the values that they had while the SYNs were lost, and what is
// left is said.
#include <algorithm>
#include <map>
#include <set>
#include <string>

#include <hostcheck/plugin.hpp>

namespace {

constexpr std::string_view kId = "listen.syns_refused";

using Key = std::pair<std::string_view, std::int64_t>;  // netns, port
using Whole = std::optional<std::int64_t>;

struct Lost {
  std::string_view netns, peer, local, reason, stage, witnesses;
  std::int64_t port = 0, attempts = 0;
};
struct Reason {
  std::string_view netns, reason;
  std::int64_t port = 0, tries = 0;
};
struct Listener {
  std::string_view netns;
  std::int64_t port = 0;
  Whole queue, room, half_open, drops;
};
struct Owner {
  std::string_view netns, process;
  std::int64_t port = 0;
  Whole pid;
};
struct Named {
  std::string_view netns, name;
  Whole value;
};
struct Share {
  std::string_view netns;
  Whole pid, used, limit;
};

struct Facts {
  std::vector<Lost> lost;
  std::vector<Reason> reasons;
  std::vector<Listener> listeners;
  std::vector<Owner> owners;
  std::vector<Named> counters, settings;
  std::vector<Share> tracked, descriptors, memory;
};

Facts read(const hostcheck::Input& input) {
  Facts facts;
  facts.lost = input.rows<Lost>("lost", {{"netns", &Lost::netns},
                                         {"peer", &Lost::peer},
                                         {"local", &Lost::local},
                                         {"local_port", &Lost::port},
                                         {"attempts", &Lost::attempts},
                                         {"reason", &Lost::reason},
                                         {"stage", &Lost::stage},
                                         {"witnesses", &Lost::witnesses}});
  facts.reasons = input.rows<Reason>("reasons", {{"netns", &Reason::netns},
                                                 {"local_port", &Reason::port},
                                                 {"reason", &Reason::reason},
                                                 {"tries", &Reason::tries}});
  facts.listeners = input.rows<Listener>("listeners", {{"netns", &Listener::netns},
                                                       {"port", &Listener::port},
                                                       {"queue", &Listener::queue},
                                                       {"room", &Listener::room},
                                                       {"half_open", &Listener::half_open},
                                                       {"drops", &Listener::drops}});
  facts.owners = input.rows<Owner>(
      "owners", {{"netns", &Owner::netns}, {"port", &Owner::port}, {"process", &Owner::process}, {"pid", &Owner::pid}});
  facts.counters =
      input.rows<Named>("counters", {{"netns", &Named::netns}, {"name", &Named::name}, {"moved", &Named::value}});
  facts.settings =
      input.rows<Named>("settings", {{"netns", &Named::netns}, {"name", &Named::name}, {"value", &Named::value}});
  facts.tracked =
      input.rows<Share>("tracked", {{"netns", &Share::netns}, {"entries", &Share::used}, {"max", &Share::limit}});
  facts.descriptors = input.rows<Share>(
      "descriptors",
      {{"netns", &Share::netns}, {"pid", &Share::pid}, {"fd_open", &Share::used}, {"fd_limit", &Share::limit}});
  facts.memory = input.rows<Share>("memory", {{"pages_used", &Share::used}, {"high", &Share::limit}});
  return facts;
}

Whole find(const std::vector<Named>& all, std::string_view netns, std::string_view name) {
  for (const Named& each : all) {
    if (each.netns == netns && each.name == name) return each.value;
  }
  return std::nullopt;
}

std::string number(const Whole& value) {
  return value ? std::to_string(*value) : "unknown";
}

// Rules out what was read and did not hold; what was not read, or did hold, is left out.
class Candidates {
 public:
  Candidates(const Facts& facts, const Key& key, hostcheck::Finding& found) : facts_(facts), key_(key), found_(found) {}

  void rule_out(const Whole& pid) {
    for (const Listener& each : facts_.listeners) {
      if (Key(each.netns, each.port) == key_) queues(each);
    }
    counted("listen.syn_flood", {"SyncookiesSent"}, "cookies sent");
    counted("tcp.paws_drops", {"PAWSEstab", "PAWSTimewait"}, "segments dropped by their timestamps");
    counted("route.rp_filter_drops", {"IPReversePathFilter"}, "packets dropped by reverse-path filters");
    filter();
    shares(pid);
    const Whole recycle = find(facts_.settings, key_.first, "net.ipv4.tcp_tw_recycle");
    if (recycle.value_or(0) == 0) {
      found_.excluded("tcp.tw_recycle_enabled",
                      recycle ? "net.ipv4.tcp_tw_recycle is 0" : "this kernel has no tcp_tw_recycle");
    }
  }

 private:
  void queues(const Listener& listener) {
    if (listener.queue && listener.room && *listener.queue <= *listener.room) {
      found_.excluded("listen.accept_queue_overflow",
                      "accept queue " + number(listener.queue) + " of " + number(listener.room));
    }
    const Whole most = find(facts_.settings, key_.first, "net.ipv4.tcp_max_syn_backlog");
    // Without cookies SYNs are refused from three quarters of it on.
    if (listener.half_open && most && *listener.half_open * 4 < *most * 3) {
      found_.excluded("listen.syn_queue_overflow", "half-open " + number(listener.half_open) + " of " + number(most));
    }
  }
  void counted(std::string_view id, std::initializer_list<std::string_view> names, const std::string& words) {
    std::int64_t sum = 0;
    bool known = false;
    for (const std::string_view name : names) {
      const Whole moved = find(facts_.counters, key_.first, name);
      known = known || moved;
      sum += moved.value_or(0);
    }
    if (known && sum == 0) found_.excluded(id, "0 " + words);
  }
  void filter() {
    const bool dropped = std::any_of(facts_.reasons.begin(), facts_.reasons.end(), [&](const Reason& each) {
      return Key(each.netns, each.port) == key_ && each.reason == "firewall";
    });
    if (!dropped) found_.excluded("netfilter.drops_service_port", "0 of its SYNs dropped by the packet filter");
  }
  void shares(const Whole& pid) {
    for (const Share& each : facts_.tracked) {
      if (each.netns != key_.first || !each.used) continue;
      if (!each.limit || *each.used < *each.limit) {
        found_.excluded("conntrack.table_full", number(each.used) + " of " + number(each.limit) + " entries");
      }
    }
    for (const Share& each : facts_.descriptors) {
      if (each.netns != key_.first || !pid || each.pid != pid || !each.used || *each.used >= *each.limit) continue;
      found_.excluded("limits.fd_process", number(each.used) + " of " + number(each.limit) + " descriptors");
    }
    for (const Share& each : facts_.memory) {
      if (!each.used || *each.used >= *each.limit) continue;
      found_.excluded("limits.tcp_memory", std::to_string(100 * *each.used / *each.limit) + " % of TCP memory");
    }
  }
  const Facts& facts_;
  const Key& key_;
  hostcheck::Finding& found_;
};

// What was lost at one port.
struct Port {
  std::int64_t tries = 0, refused = 0, syns = 0, most = 0;
  std::set<std::string_view> peers;
  std::map<std::string_view, std::int64_t> witnesses;
};

std::string reasons_of(const Facts& facts, const Key& key) {
  std::vector<std::pair<std::int64_t, std::string_view>> sorted;
  for (const Reason& each : facts.reasons) {
    if (Key(each.netns, each.port) == key) sorted.emplace_back(-each.tries, each.reason);
  }
  std::sort(sorted.begin(), sorted.end());
  std::string words;
  for (const auto& [tries, reason] : sorted) {
    words += (words.empty() ? "" : ", ") + std::string(reason) + " " + std::to_string(-tries);
  }
  return words;
}

void tell(const Facts& facts, const Key& key, const Port& port, const Owner& owner, hostcheck::Output& output) {
  using hostcheck::When;
  const std::string process(owner.process.empty() ? "unknown" : owner.process);
  hostcheck::Finding found(kId);
  found.subject("netns", key.first).subject("port", key.second);
  if (!owner.process.empty()) found.subject("process", owner.process).subject("pid", owner.pid);
  const bool refused = port.refused * 2 >= port.tries;
  found.summary(
      hostcheck::counted(static_cast<std::uint64_t>(port.tries), "connection attempt", "connection attempts") + " of " +
      hostcheck::counted(port.peers.size(), "client", "clients") + " to port " + std::to_string(key.second) + " of " +
      process + " got no answer: " +
      (refused ? "the listener refused them although its queues have room"
               : "they arrived and never came to the listener, and no drop was told"));
  found.evidence("SYNs without an answer", port.syns, "SYNs", "handshake trace", When::window);
  found.evidence("attempts at this port without an answer, by reason", reasons_of(facts, key), "", "handshake trace",
                 When::window);
  for (const Listener& each : facts.listeners) {
    if (Key(each.netns, each.port) == key && each.drops) {
      found.evidence("packets that the listener counted as dropped", *each.drops, "packets",
                     "sock_diag SK_MEMINFO_DROPS", When::window);
    }
  }
  const auto likeliest = std::max_element(port.witnesses.begin(), port.witnesses.end(),
                                          [](const auto& a, const auto& b) { return a.second < b.second; });
  if (likeliest != port.witnesses.end() && !likeliest->first.empty()) {
    found.evidence("what speaks for it", likeliest->first, "", "handshake trace", When::window);
  }
  const std::string peer(*port.peers.begin());
  if (refused) {
    found.fix(
        "Left are: no route back to the client, an IPsec policy that blocks (ip xfrm policy), a security module that "
        "refuses, no memory for the request. See the way back",
        "ip route get " + peer);
  } else {
    found.fix("Left is what stands between the interface and TCP without telling: traffic control filters, XDP, IPVS",
              "tc filter show dev IFNAME ingress");
  }
  Candidates(facts, key, found).rule_out(owner.pid);
  output.add(found);
}

void check(const hostcheck::Input& input, hostcheck::Output& output) {
  const Facts facts = read(input);
  std::map<Key, Port> ports;
  for (const Lost& each : facts.lost) {
    if (each.stage == "synack") continue;  // answered: what became of the answer is another matter
    Port& port = ports[{each.netns, each.port}];
    ++port.tries;
    port.refused += each.reason == "listener_refused" ? 1 : 0;
    port.syns += each.attempts;
    port.most = std::max(port.most, each.attempts);
    port.peers.insert(each.peer);
    ++port.witnesses[each.witnesses];
  }
  for (const auto& [key, port] : ports) {
    if (port.most < 2 && port.tries < input.integer("min_tries")) continue;
    std::vector<Owner> owners;
    for (const Owner& each : facts.owners) {
      if (Key(each.netns, each.port) == key) owners.push_back(each);
    }
    if (owners.empty()) owners.emplace_back();
    for (const Owner& each : owners) tell(facts, key, port, each, output);
  }
}

}  // namespace

HOSTCHECK_PLUGIN("listener_diagnosis", check)
