// pmtu: the largest packet that arrives, by echo, by SYN with data and by datagrams to a closed port; who says "too
// big"; whether fragments arrive. No application gets a byte: a listener ignores the data of a SYN without TCP Fast
// Open.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "core/facts/probe_pmtu.h"
#include "core/kernel/packet_socket.h"
#include "core/kernel/route_lookup.h"
#include "core/probe/kind.h"
#include "core/probe/pmtu_reading.h"
#include "core/probe/pmtu_search.h"
#include "core/probe/target.h"
#include "core/probe/target_addresses.h"
#include "core/probe/volley.h"

namespace hostcheck::probe {
namespace {

constexpr std::size_t kSmall = 100;         // bytes; every path carries it
constexpr std::size_t kCutDatagram = 560;   // small enough for every path as a whole
constexpr std::uint32_t kMostPackets = 58;  // to one address
constexpr std::uint16_t kClosedPort = 33434;
constexpr std::uint8_t kFarthestLook = 6;  // hops that the place of a black hole is looked for in
constexpr std::size_t kMostBytes = 65535;
constexpr std::string_view kFragments = "fragments";
constexpr std::uint32_t kRoundsOfCut = 3;  // of two whole datagrams and two in fragments, where one of those was lost
constexpr std::size_t kMostAddresses = 4;

struct Way {
  std::string ifname;
  IpAddress gateway;
  std::uint32_t device_mtu = 0;
};

Result<Way> way_to(const Context& context, const IpAddress& target) {
  kernel::RouteQuery query;
  query.dst = target;
  const auto found = kernel::look_up_route(context.netns(), query);
  if (!found) return unexpected(found.error());
  if (found->error != 0) return unexpected(errno_error(found->error, "route", target.to_string()));
  if (found->route.hops.empty())
    return unexpected(make_error(ErrorCode::failed, "route", target.to_string(), "no next hop"));
  const auto fd = context.socket(AF_INET, SOCK_DGRAM, 0);
  if (!fd) return unexpected(fd.error());
  const auto name = kernel::interface_name_at(fd->get(), found->route.hops.front().ifindex);
  if (!name) return unexpected(name.error());
  const auto mtu = kernel::interface_mtu(fd->get(), *name);
  if (!mtu) return unexpected(mtu.error());
  return Way{*name, found->route.hops.front().gateway, *mtu};
}

bool wants_fragments(const Context& context) {
  const auto asked = context.arg("methods");
  return !asked || asked->find(kFragments) != std::string_view::npos;
}

class PmtuProbe {
 public:
  PmtuProbe(Context& context, Wire& wire, Way way) : context_(context), wire_(wire), way_(std::move(way)) {}

  // The whole of it; rows are in rows() then.
  Task<void> run(std::vector<Transport> methods, std::uint16_t port);
  [[nodiscard]] std::vector<facts::ProbePmtu>& rows() { return rows_; }
  // Why packets could not be sent where none arrived; "" else.
  [[nodiscard]] const std::string& send_error() const { return send_error_; }
  // "; WHAT was not tried: WHY" for each method that this process may not use.
  [[nodiscard]] const std::string& left_out() const { return left_out_; }

 private:
  Task<void> measure(Transport method, std::uint16_t port);
  Task<bool> fire(Volley& volley, std::vector<Shot>& shots);
  Task<bool> send(PmtuSearch& search, Volley& volley, facts::ProbePmtu& row);
  Task<void> look_for_place(Volley& volley, const facts::ProbePmtu& row);
  Task<void> try_fragments(Transport method, std::uint16_t port);
  [[nodiscard]] facts::ProbePmtu new_row(std::string_view method) const;
  // Whether packets of this method that fit were lost as well.
  [[nodiscard]] bool lost_by_chance(Transport method) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const facts::ProbePmtu& row) {
      return row.method.view() == name_of(method) && row.small_answered < row.small_sent;
    });
  }
  [[nodiscard]] bool may_send(std::size_t packets) const { return sent_ + packets <= kMostPackets; }

  Context& context_;
  Wire& wire_;
  Way way_;
  std::size_t hint_ = 0;              // what the first method found
  std::optional<double> slowest_ms_;  // and what delay it met
  bool black_hole_ = false;           // and whether larger packets vanish
  IpAddress passes_to_;               // the last router that they reach
  std::optional<std::uint32_t> passes_to_ttl_;
  std::uint32_t sent_ = 0;  // packets
  std::string send_error_;
  std::string left_out_;
  std::vector<facts::ProbePmtu> rows_;
};

facts::ProbePmtu PmtuProbe::new_row(std::string_view method) const {
  facts::ProbePmtu row;
  row.probe = context_.result.id;
  row.netns = context_.result.netns;
  row.address = wire_.target();
  row.method = context_.out.intern(method);
  row.device_mtu = way_.device_mtu;
  if (wire_.cached_mtu() != 0) row.cached_mtu = wire_.cached_mtu();
  row.ifname = context_.out.intern(way_.ifname);
  row.gateway = way_.gateway;
  return row;
}

Task<bool> PmtuProbe::fire(Volley& volley, std::vector<Shot>& shots) {
  const std::uint32_t before = volley.packets();
  const bool more = co_await volley.fire(shots);
  sent_ += volley.packets() - before;
  co_return more;
}

Task<bool> PmtuProbe::send(PmtuSearch& search, Volley& volley, facts::ProbePmtu& row) {
  std::vector<Shot> shots;
  for (const std::size_t size : search.next()) {
    shots.emplace_back();
    shots.back().size = size;
  }
  if (shots.empty() || !may_send(shots.size())) co_return false;
  const bool more = co_await fire(volley, shots);
  for (const Shot& each : shots) {
    if (each.fate == Fate::answered) {
      search.answered(each.size);
    } else if (each.fate == Fate::too_big) {
      search.too_big(each.size, each.mtu);
      row.errors_from = each.from;
      row.error_mtu = each.mtu;
    } else if (each.fate != Fate::waiting) {
      search.lost(each.size);
    }
  }
  co_return more;
}

std::string_view word_of(PmtuSearch::Outcome outcome) {
  switch (outcome) {
    case PmtuSearch::Outcome::full:
      return "full";
    case PmtuSearch::Outcome::smaller:
      return "smaller";
    case PmtuSearch::Outcome::black_hole:
      return "black_hole";
    case PmtuSearch::Outcome::unclear:
      return "unclear";
    case PmtuSearch::Outcome::unanswered:
      break;
  }
  return "unanswered";
}

Task<void> PmtuProbe::measure(Transport method, std::uint16_t port) {
  facts::ProbePmtu row = new_row(name_of(method));
  if (const auto can = wire_.can_send(method, true); !can) {
    row.outcome = context_.out.intern("not_tried");
    left_out_ += fmt::format("; {} was not tried: {}", name_of(method), can.error().detail);
    rows_.push_back(std::move(row));
    co_return;
  }
  Volley volley(context_, wire_, method, port);
  if (slowest_ms_) volley.expect(*slowest_ms_);
  const std::size_t top = std::min<std::size_t>(way_.device_mtu, kMostBytes);
  PmtuSearch search(std::min(kSmall, top), top, hint_, method == Transport::udp);
  while (co_await send(search, volley, row)) {
  }
  row.outcome = context_.out.intern(word_of(search.outcome()));
  if (search.path_mtu() != 0) row.path_mtu = static_cast<std::uint32_t>(search.path_mtu());
  if (search.failing() != 0) row.failing_size = static_cast<std::uint32_t>(search.failing());
  row.small_sent = search.small_sent();
  row.small_answered = search.small_answered();
  row.large_lost = search.large_lost();
  if (search.outcome() == PmtuSearch::Outcome::black_hole) {
    if (!black_hole_) co_await look_for_place(volley, row);
    black_hole_ = true;
    row.passes_to = passes_to_;
    row.passes_to_ttl = passes_to_ttl_;
  }
  if (hint_ == 0) hint_ = search.path_mtu();
  if (search.path_mtu() != 0) slowest_ms_ = volley.slowest_ms();
  row.packets = volley.packets();
  if (!volley.send_error().empty() && search.path_mtu() == 0) send_error_ = volley.send_error();
  rows_.push_back(std::move(row));
}

// The last router that answers "time exceeded" for a packet that is too large to arrive.
Task<void> PmtuProbe::look_for_place(Volley& volley, const facts::ProbePmtu& row) {
  if (way_.gateway.empty() || !may_send(kFarthestLook)) co_return;
  std::vector<Shot> shots(kFarthestLook);
  for (std::size_t i = 0; i < shots.size(); ++i) {
    shots[i].size = *row.failing_size;
    shots[i].ttl = static_cast<std::uint8_t>(i + 1);
  }
  (void)co_await fire(volley, shots);
  for (const Shot& each : shots) {
    if (!each.expired) continue;
    passes_to_ = each.from;
    passes_to_ttl_ = each.ttl;
  }
}

Task<void> PmtuProbe::try_fragments(Transport method, std::uint16_t port) {
  if (!wire_.can_cut() || !may_send(8)) co_return;
  facts::ProbePmtu row = new_row("fragments");
  Volley volley(context_, wire_, method, port);
  const auto shoot = [&](std::size_t size, std::size_t cut) {
    Shot shot;
    shot.size = size;
    shot.cut = cut;
    return shot;
  };
  const std::size_t size = std::min(kCutDatagram, hint_);
  std::vector<Shot> cut = {shoot(size, size / 2)};
  bool more = co_await fire(volley, cut);
  std::string_view outcome = "unanswered";
  if (cut[0].fate == Fate::answered) {
    outcome = "arrive";
    row.path_mtu = static_cast<std::uint32_t>(size);
    // An answer that has to come back in fragments (a closed port's answer is short); in a black hole it would tell of
    // that again.
    const std::size_t headers = ip_header_size(wire_.target().family()) + 8;
    const std::size_t large = black_hole_ ? size : std::min(hint_ + kCutDatagram, kMostBytes);
    for (std::uint32_t tries = 0; more && tries < 3 && *row.path_mtu < large && may_send(2); ++tries) {
      std::vector<Shot> one = {shoot(large, hint_ - headers)};
      more = co_await fire(volley, one);
      if (one[0].fate == Fate::answered) row.path_mtu = static_cast<std::uint32_t>(large);
      if (one[0].fate == Fate::lost) ++row.large_lost;
    }
    if (*row.path_mtu < large && row.large_lost == 3 && !lost_by_chance(method)) {
      outcome = "answers_lost";
      row.failing_size = static_cast<std::uint32_t>(large);
    }
  } else if (more) {
    // On a way that loses packets a datagram in two is lost often: every whole one has to arrive, and no cut one.
    row.large_lost = 1;
    bool arrives = false;
    for (std::uint32_t round = 0; more && !arrives && round < kRoundsOfCut && may_send(6); ++round) {
      std::vector<Shot> rest = {shoot(size, 0), shoot(size, size / 2), shoot(size, 0), shoot(size, size / 2)};
      more = co_await fire(volley, rest);
      for (std::size_t i = 0; i < rest.size(); ++i) {
        const bool answered = rest[i].fate == Fate::answered;
        if (rest[i].cut == 0) ++row.small_sent;
        if (rest[i].cut == 0 && answered) ++row.small_answered;
        if (rest[i].cut != 0 && answered) arrives = true;
        if (rest[i].cut != 0 && rest[i].fate == Fate::lost) ++row.large_lost;
      }
      if (row.small_answered < row.small_sent) break;
    }
    row.failing_size = static_cast<std::uint32_t>(size);
    const bool all_lost = row.large_lost == 1 + 2 * kRoundsOfCut && row.small_answered == 2 * kRoundsOfCut;
    outcome = arrives ? "arrive" : all_lost && !lost_by_chance(method) ? "lost" : "unanswered";
    if (arrives) row.path_mtu = static_cast<std::uint32_t>(size);
  }
  row.outcome = context_.out.intern(outcome);
  row.packets = volley.packets();
  rows_.push_back(std::move(row));
}

Task<void> PmtuProbe::run(std::vector<Transport> methods, std::uint16_t port) {
  for (const Transport method : methods) {
    if (context_.over()) co_return;
    co_await measure(method, method == Transport::tcp ? port : kClosedPort);
  }
  if (!wants_fragments(context_)) co_return;
  for (const Transport method : {Transport::icmp, Transport::udp}) {
    const bool works = std::any_of(rows_.begin(), rows_.end(), [&](const facts::ProbePmtu& row) {
      return row.method.view() == name_of(method) && row.path_mtu && *row.path_mtu >= kSmall;
    });
    if (!works || context_.over()) continue;
    co_await try_fragments(method, kClosedPort);
    break;
  }
}

Result<std::vector<Transport>> methods_of(const Context& context, bool has_port) {
  std::vector<Transport> out;
  const auto asked = context.arg("methods");
  if (!asked) {
    out = {Transport::icmp};
    if (has_port) out.push_back(Transport::tcp);
    out.push_back(Transport::udp);
    return out;
  }
  for (std::size_t at = 0; at <= asked->size();) {
    const std::size_t end = std::min(asked->find(',', at), asked->size());
    const std::string_view name = asked->substr(at, end - at);
    at = end + 1;
    if (name == kFragments) continue;
    const auto method = transport_by_name(name);
    if (!method || (*method == Transport::tcp && !has_port)) {
      return unexpected(make_error(ErrorCode::invalid, "probe pmtu", fmt::format("methods={}", *asked),
                                   method ? "tcp needs a port in the target: HOST:PORT"
                                          : "must be some of icmp, tcp, udp, fragments, with commas between"));
    }
    out.push_back(*method);
  }
  const bool can_cut = std::any_of(out.begin(), out.end(), [](Transport each) { return each != Transport::tcp; });
  if (!can_cut && wants_fragments(context)) {
    return unexpected(make_error(ErrorCode::invalid, "probe pmtu", fmt::format("methods={}", *asked),
                                 "fragments are sent by icmp or udp: name one of them too"));
  }
  return out;
}

// What came of one address.
struct Measured {
  IpAddress address;
  std::vector<facts::ProbePmtu> rows;
  PmtuReading reading;
  std::string_view method;
  std::string fallback;
  std::optional<Error> error;
};

Task<void> measure_address(Context& context, const std::vector<Transport>& methods, std::uint16_t port,
                           Measured& measured) {
  const auto way = way_to(context, measured.address);
  if (!way) {
    measured.error = way.error();
    co_return;
  }
  const auto wire = open_wire(context, measured.address, port);
  if (!wire) {
    measured.error = wire.error();
    co_return;
  }
  PmtuProbe probe(context, **wire, *way);
  co_await probe.run(methods, port);
  measured.method = (*wire)->method();
  measured.fallback = probe.send_error();
  if (!(*wire)->fallback().empty()) {
    measured.fallback = fmt::format("raw sockets need CAP_NET_RAW ({}); whether fragments arrive is not told{}",
                                    (*wire)->fallback(), probe.left_out());
  }
  measured.rows = std::move(probe.rows());
  measured.reading = read_pmtu(measured.rows);
}

// Of several addresses the worst decides.
void conclude(Context& context, std::vector<Measured>& all) {
  constexpr std::array<std::string_view, 7> kWorstFirst = {"black_hole", "fragments_lost", "unclear", "unanswered",
                                                           "not_tried",  "smaller",        "full"};
  const auto rank = [&](std::string_view outcome) {
    return std::find(kWorstFirst.begin(), kWorstFirst.end(), outcome) - kWorstFirst.begin();
  };
  facts::ProbeResult& result = context.result;
  std::string_view worst;
  const Error* error = nullptr;
  for (Measured& each : all) {
    result.words += result.words.empty() ? "" : ". ";
    if (each.error) {
      error = &*each.error;
      result.words += fmt::format("{} could not be measured: {}", each.address.to_string(), error->message());
      continue;
    }
    result.words += each.reading.words;
    if (worst.empty() || rank(each.reading.outcome) < rank(worst)) worst = each.reading.outcome;
    result.method = context.out.intern(each.method);
    if (result.fallback.empty()) result.fallback = each.fallback;
    auto& rows = context.out.rows<facts::ProbePmtu>();
    for (std::size_t i = 0; i < each.rows.size(); ++i) {
      rows.push_back(std::move(each.rows[i]));
      rows.back().decides = i == each.reading.decides;
    }
  }
  if (worst.empty() && error != nullptr) {
    result.words.clear();
    return context.fail(*error);
  }
  result.outcome = context.out.intern(worst);
}

Task<void> probe(Context& context) {
  const auto target = parse_target(context.ask.target);
  if (!target) co_return context.fail(target.error());
  const auto methods = methods_of(context, target->port.has_value());
  if (!methods) co_return context.fail(methods.error());
  const auto addresses = co_await target_addresses(context, target->host, kMostAddresses);
  if (addresses.empty()) co_return;
  std::vector<Measured> all(addresses.size());
  std::vector<Task<void>> tasks;
  for (std::size_t i = 0; i < all.size(); ++i) {
    all[i].address = addresses[i].address;
    tasks.push_back(measure_address(context, *methods, target->port.value_or(0), all[i]));
  }
  co_await context.together(std::move(tasks));
  context.result.words = naming_words(target->host, addresses);
  conclude(context, all);
}

Task<void> run(Context& context) {
  (void)context.out.rows<facts::ProbePmtu>();
  co_await probe(context);
}

constexpr std::array<std::string_view, 3> kArgs = {
    "methods=some of icmp,tcp,udp, in the order to try, and fragments (all; tcp where a port is given)",
    kServerArgument, kFamilyArgument};
constexpr std::array<std::string_view, 1> kTables = {"probe_pmtu"};

}  // namespace

const Kind& pmtu_kind() {
  static const Kind kind = {{"pmtu", "HOST[:PORT]",
                             "The largest packet that arrives, whether \"too big\" comes back for larger ones and from "
                             "whom, and whether fragments arrive.",
                             kArgs, kTables},
                            run};
  return kind;
}

}  // namespace hostcheck::probe
