#include "core/probe/gateway_judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace hostcheck::probe {
namespace {

struct Prefix {
  std::array<std::uint8_t, 5> bytes;
  std::size_t bits;
  std::string_view name;
  unsigned group_bits;  // of the address's end that number the group
};

// Published by RFC 9568 section 7.3 (VRRP), by the makers of the others.
constexpr std::array<Prefix, 8> kVirtual = {{
    {{0x00, 0x00, 0x5e, 0x00, 0x01}, 40, "VRRP", 8},
    {{0x00, 0x00, 0x5e, 0x00, 0x02}, 40, "VRRP for IPv6", 8},
    {{0x00, 0x00, 0x0c, 0x07, 0xac}, 40, "HSRP", 8},
    {{0x00, 0x00, 0x0c, 0x9f, 0xf0}, 36, "HSRPv2", 12},
    {{0x00, 0x05, 0x73, 0xa0, 0x00}, 36, "HSRPv2 for IPv6", 12},
    {{0x00, 0x07, 0xb4, 0x00, 0x00}, 32, "GLBP", 0},
    {{0x02, 0xbf, 0x00, 0x00, 0x00}, 16, "NLB", 0},
    {{0x03, 0xbf, 0x00, 0x00, 0x00}, 16, "NLB", 0},
}};

bool has_prefix(std::span<const std::uint8_t> mac, const Prefix& prefix) {
  for (std::size_t bit = 0; bit < prefix.bits; ++bit) {
    const auto mask = static_cast<std::uint8_t>(0x80U >> (bit % 8));
    if ((mac[bit / 8] & mask) != (prefix.bytes[bit / 8] & mask)) return false;
  }
  return true;
}

bool is_glbp(const LinkAddress& mac) {
  return virtual_router(mac) == "GLBP";
}

// The rounds in which one MAC address answered.
struct Source {
  LinkAddress lladdr;
  unsigned count = 0;
  std::size_t first = 0;  // positions among all answers
  std::size_t last = 0;
  std::vector<unsigned> rounds;
};

std::vector<Source> sources_of(std::span<const LinkAnswer> answers) {
  std::vector<Source> sources;
  for (std::size_t at = 0; at < answers.size(); ++at) {
    auto known = std::find_if(sources.begin(), sources.end(),
                              [&](const Source& each) { return each.lladdr == answers[at].lladdr; });
    if (known == sources.end()) known = sources.insert(sources.end(), Source{answers[at].lladdr, 0, at, at, {}});
    ++known->count;
    known->last = at;
    known->rounds.push_back(answers[at].round);
  }
  std::stable_sort(sources.begin(), sources.end(), [](const Source& a, const Source& b) { return a.count > b.count; });
  return sources;
}

bool overlap(const Source& a, const Source& b) {
  return a.first < b.last && b.first < a.last;
}

LinkOutcome outcome_of(unsigned questions, std::span<const LinkAnswer> answers, const std::vector<Source>& sources) {
  if (sources.empty()) return LinkOutcome::silent;
  if (sources.size() == 1) return LinkOutcome::answers;
  if (std::all_of(sources.begin(), sources.end(), [](const Source& each) { return is_glbp(each.lladdr); })) {
    return LinkOutcome::answers;
  }
  const Source& most = sources[0];
  const Source& second = sources[1];
  if (sources.size() == 2 && !overlap(most, second)) {
    // One answer alone may be a straggler as well as a beginning.
    return most.count + second.count <= questions ? LinkOutcome::failover : LinkOutcome::several;
  }
  const bool both_to_each = answers.size() > questions && second.count >= 2;
  return both_to_each ? LinkOutcome::duplicate : LinkOutcome::several;
}

}  // namespace

std::string virtual_router(const LinkAddress& mac) {
  const auto bytes = mac.bytes();
  if (bytes.size() != 6) return {};
  for (const Prefix& each : kVirtual) {
    if (!has_prefix(bytes, each)) continue;
    std::string name(each.name);
    if (each.group_bits == 0) return name;
    const unsigned end = static_cast<unsigned>(bytes[4]) << 8 | bytes[5];
    return name + " " + std::to_string(end & ((1U << each.group_bits) - 1));
  }
  return {};
}

std::string_view name_of(LinkOutcome outcome) {
  switch (outcome) {
    case LinkOutcome::silent:
      return "silent";
    case LinkOutcome::answers:
      return "answers";
    case LinkOutcome::duplicate:
      return "duplicate";
    case LinkOutcome::failover:
      return "failover";
    case LinkOutcome::several:
      return "several";
  }
  return "";
}

LinkReading read_answers(unsigned questions, std::span<const LinkAnswer> answers) {
  const std::vector<Source> sources = sources_of(answers);
  LinkReading reading;
  reading.outcome = outcome_of(questions, answers, sources);
  std::vector<unsigned> rounds;
  for (const Source& each : sources) {
    reading.lladdrs.push_back(each.lladdr);
    reading.counts.push_back(each.count);
    rounds.insert(rounds.end(), each.rounds.begin(), each.rounds.end());
  }
  std::sort(rounds.begin(), rounds.end());
  reading.answered = static_cast<unsigned>(std::unique(rounds.begin(), rounds.end()) - rounds.begin());
  return reading;
}

std::optional<bool> one_host(std::span<const std::uint16_t> identifications) {
  constexpr std::size_t kLeast = 4;
  constexpr unsigned kStep = 512;  // the kernel adds as much as a random part of the ticks since the last one
  if (identifications.size() < kLeast) return std::nullopt;
  const bool counts = std::adjacent_find(identifications.begin(), identifications.end(), std::not_equal_to<>()) !=
                      identifications.end();
  if (!counts) return std::nullopt;
  for (std::size_t at = 1; at < identifications.size(); ++at) {
    const unsigned step = static_cast<std::uint16_t>(identifications[at] - identifications[at - 1]);
    if (step == 0 || step > kStep) return false;
  }
  return true;
}

void Delays::add(double value_ms) {
  const double value = std::max(value_ms, 0.0);
  ms.insert(std::upper_bound(ms.begin(), ms.end(), value), value);
}

std::optional<double> Delays::min() const {
  return ms.empty() ? std::nullopt : std::optional(ms.front());
}

std::optional<double> Delays::max() const {
  return ms.empty() ? std::nullopt : std::optional(ms.back());
}

std::optional<double> Delays::median() const {
  if (ms.empty()) return std::nullopt;
  const std::size_t half = ms.size() / 2;
  return ms.size() % 2 == 1 ? ms[half] : (ms[half - 1] + ms[half]) / 2;
}

std::optional<double> Delays::high() const {
  if (ms.empty()) return std::nullopt;
  const auto place = static_cast<std::size_t>(std::ceil(0.9 * static_cast<double>(ms.size()))) - 1;
  return ms[place];
}

}  // namespace hostcheck::probe
