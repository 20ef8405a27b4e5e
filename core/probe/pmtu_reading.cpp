#include "core/probe/pmtu_reading.h"

#include <algorithm>

#include <fmt/format.h>

namespace hostcheck::probe {
namespace {

using facts::ProbePmtu;

constexpr std::string_view kNotTried = "not_tried";

bool is_fragments(const ProbePmtu& row) {
  return row.method.view() == "fragments";
}

// Rows of methods that were answered, best first: the largest arrival, then TCP before UDP before ICMP.
std::size_t deciding(const std::vector<ProbePmtu>& rows) {
  std::size_t best = rows.size();
  const auto rank = [&](const ProbePmtu& row) {
    const int order = row.method.view() == "tcp" ? 2 : row.method.view() == "udp" ? 1 : 0;
    return std::pair(row.path_mtu.value_or(0), order);
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (is_fragments(rows[i]) || !rows[i].path_mtu) continue;
    if (best == rows.size() || rank(rows[i]) > rank(rows[best])) best = i;
  }
  return best;
}

std::string hole_words(const ProbePmtu& row) {
  std::string out = fmt::format(
      "packets of up to {} bytes arrive at {}, larger ones vanish: {} lost and no \"too big\" came back, while {} of "
      "{} "
      "small ones arrived between them",
      *row.path_mtu, row.address.to_string(), row.large_lost, row.small_answered, row.small_sent);
  if (!row.errors_from.empty()) {
    out += fmt::format(" ({} allows {} bytes, what drops them is behind it and says nothing)",
                       row.errors_from.to_string(), row.error_mtu.value_or(0));
  }
  if (!row.passes_to.empty()) {
    out += fmt::format("; {}, hop {}, is the last router that one of {} bytes still reached", row.passes_to.to_string(),
                       row.passes_to_ttl.value_or(0), row.failing_size.value_or(0));
  } else if (row.gateway.empty()) {
    out += "; the address is on the link itself";
  }
  return out;
}

std::string main_words(const ProbePmtu& row) {
  const std::string_view outcome = row.outcome.view();
  if (outcome == "black_hole") return hole_words(row);
  if (outcome == "full") {
    return fmt::format("packets of {} bytes, the most that {} sends, arrive at {}", *row.path_mtu, row.ifname.view(),
                       row.address.to_string());
  }
  if (outcome == "smaller") {
    return fmt::format(
        "packets of up to {} bytes arrive at {}; for larger ones {} answers that they are too big, so path "
        "MTU discovery works",
        *row.path_mtu, row.address.to_string(), row.errors_from.to_string());
  }
  return fmt::format(
      "packets of {} bytes arrive at {}; for larger ones too much is lost to tell: {} of {} small ones "
      "arrived",
      *row.path_mtu, row.address.to_string(), row.small_answered, row.small_sent);
}

// What the other methods add.
std::string other_words(const std::vector<ProbePmtu>& rows, std::size_t decides) {
  std::string out;
  const ProbePmtu& best = rows[decides];
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (i == decides || is_fragments(rows[i])) continue;
    const ProbePmtu& row = rows[i];
    if (row.outcome.view() == kNotTried) continue;
    if (!row.path_mtu) {
      out += fmt::format("; nothing answers {}", row.method.view());
    } else if (*row.path_mtu < *best.path_mtu && row.method.view() == "icmp") {
      out += fmt::format("; echo only comes back up to {} bytes: it is limited, or the way back loses larger packets",
                         *row.path_mtu);
    } else if (*row.path_mtu < *best.path_mtu) {
      out += fmt::format("; by {} only up to {} bytes", row.method.view(), *row.path_mtu);
    }
  }
  const std::uint32_t usual = std::min(best.cached_mtu.value_or(*best.path_mtu), best.device_mtu);
  if (usual > *best.path_mtu) {
    out += fmt::format("; the kernel sends up to {} bytes", usual);
  } else if (usual < *best.path_mtu) {
    out += fmt::format("; the kernel still sends only {} bytes, as it learned or was told", usual);
  }
  return out;
}

std::string fragment_words(const ProbePmtu& row) {
  const std::string_view outcome = row.outcome.view();
  if (outcome == "lost") {
    return fmt::format(
        "a datagram in two fragments does not arrive ({} lost), while whole ones of the same {} bytes do",
        row.large_lost, row.failing_size.value_or(0));
  }
  if (outcome == "answers_lost") {
    return fmt::format("fragments arrive, but answers of {} bytes, in fragments, do not come back",
                       row.failing_size.value_or(0));
  }
  return outcome == "arrive"
             ? fmt::format("fragments arrive, a datagram of {} bytes whole again", row.path_mtu.value_or(0))
             : "whether fragments arrive cannot be told";
}

}  // namespace

PmtuReading read_pmtu(const std::vector<ProbePmtu>& rows) {
  PmtuReading out;
  out.decides = deciding(rows);
  if (out.decides == rows.size()) {
    const bool tried =
        std::any_of(rows.begin(), rows.end(), [](const ProbePmtu& row) { return row.outcome.view() != kNotTried; });
    if (!tried && !rows.empty()) {
      out.outcome = kNotTried;
      out.words = "nothing was sent: this process may not send by any way that was asked for";
      return out;
    }
    out.words = rows.empty() ? "nothing answers, not even small packets"
                             : fmt::format("{} answers nothing, not even small packets", rows[0].address.to_string());
    return out;
  }
  const ProbePmtu& best = rows[out.decides];
  const std::string_view outcome = best.outcome.view();
  out.outcome = outcome == "black_hole" ? "black_hole"
                : outcome == "full"     ? "full"
                : outcome == "smaller"  ? "smaller"
                                        : "unclear";
  out.words = main_words(best) + other_words(rows, out.decides);
  const auto fragments = std::find_if(rows.begin(), rows.end(), is_fragments);
  if (fragments == rows.end()) return out;
  out.words += "; " + fragment_words(*fragments);
  if (fragments->outcome.view() == "lost" && out.outcome != "black_hole") {
    out.outcome = "fragments_lost";
    out.decides = static_cast<std::size_t>(fragments - rows.begin());
  }
  return out;
}

}  // namespace hostcheck::probe
