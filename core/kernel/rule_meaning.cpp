#include "core/kernel/rule_meaning.h"

namespace hostcheck::kernel {
namespace {

std::string* member(RuleMeaning& rule, RuleColumn column) {
  switch (column) {
    case RuleColumn::protocol:
      return &rule.protocol;
    case RuleColumn::sport:
      return &rule.sport;
    case RuleColumn::dport:
      return &rule.dport;
    case RuleColumn::src:
      return &rule.src;
    case RuleColumn::dst:
      return &rule.dst;
    case RuleColumn::iif:
      return &rule.iif;
    case RuleColumn::oif:
      return &rule.oif;
    case RuleColumn::ct_state:
      return &rule.ct_state;
    case RuleColumn::none:
      break;
  }
  return nullptr;
}

}  // namespace

void RuleMeaning::clear() {
  for (std::string* each : {&text, &target, &protocol, &sport, &dport, &src, &dst, &iif, &oif, &ct_state, &comment}) {
    each->clear();
  }
  verdict = {};
  plain = true;
  packets.reset();
  bytes.reset();
}

void RuleMeaning::ask(RuleColumn column, std::string_view value) {
  std::string* const place = member(*this, column);
  if (place == nullptr || (!place->empty() && *place != value)) {
    plain = false;
  } else {
    *place = value;
  }
}

void RuleMeaning::decide(std::string_view what, std::string_view chain) {
  if (what == "log" && !verdict.empty()) return;
  verdict = what;
  target = chain;
}

void fill_rule_row(const RuleMeaning& meaning, facts::Facts& pool, facts::NetfilterRule& row) {
  row.text = meaning.text;
  row.verdict = pool.intern(meaning.verdict);
  row.target = pool.intern(meaning.target);
  row.protocol = pool.intern(meaning.protocol);
  row.sport = meaning.sport;
  row.dport = meaning.dport;
  row.src = meaning.src;
  row.dst = meaning.dst;
  row.iif = meaning.iif;
  row.oif = meaning.oif;
  row.ct_state = meaning.ct_state;
  row.comment = meaning.comment;
  row.plain = meaning.plain;
  if (meaning.packets) row.packets = facts::Counter(*meaning.packets);
  if (meaning.bytes) row.bytes = facts::Counter(*meaning.bytes);
}

}  // namespace hostcheck::kernel
