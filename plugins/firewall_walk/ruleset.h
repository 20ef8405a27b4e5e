// The chains of one namespace and the way of a packet through them.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "match.h"

// One row of netfilter_chains.
struct Chain {
  std::string_view netns, backend, family, table, chain, hook, policy;
  std::string_view device;                  // of a netdev chain; several with commas
  std::int64_t priority = 0, packets = -1;  // packets: decided by the policy meanwhile, -1 where it is not counted
};

// Something that may have dropped the packet, in the order in which the packet comes by.
struct Suspect {
  const Rule* rule = nullptr;    // nullptr: a chain's policy
  const Chain* chain = nullptr;  // whose policy
  Match match = Match::maybe;    // whether the packet is sure to match, and sure to get there
  std::string way;               // "inet filter input, rule 2 > inet filter services, rule 1"
};

class Ruleset {
 public:
  // Rows of one namespace; they have to outlive it. Rules in order of their positions.
  Ruleset(const std::vector<const Rule*>& rules, const std::vector<const Chain*>& chains);

  // From ingress through prerouting to input; an outgoing packet through output and postrouting to egress.
  [[nodiscard]] std::vector<Suspect> walk(const Packet& packet) const;

 private:
  using Name = std::tuple<std::string_view, std::string_view, std::string_view, std::string_view>;
  struct Body {
    Name name;
    std::string_view hook;
    std::int64_t priority = 0;
    const Chain* chain = nullptr;
    std::vector<const Rule*> rules;
  };
  // What became of the packet in a chain.
  enum class End { back, over, dropped };
  struct Walk {
    const Packet& packet;
    std::vector<Suspect> suspects;
    int steps = 0;
    bool unsure = false;  // a rule of the present base chain may have let the packet go
  };
  static Match device_of(const Body& base, const Packet& packet);
  End through(const Body& body, Walk& walk, Match sure, const std::string& way, int depth) const;
  Body& body_of(const Name& name);
  std::map<Name, Body> bodies_;
  std::vector<const Body*> bases_;  // in the order in which a packet meets them
};
