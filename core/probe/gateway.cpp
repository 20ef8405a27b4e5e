// Kind "gateway": who answers for a next hop's address on its link, how fast, and where its packets come from.
#include <algorithm>
#include <array>
#include <memory>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <unistd.h>

#include "core/facts/probe_gateway.h"
#include "core/kernel/neighbour_lookup.h"
#include "core/probe/gateway_targets.h"
#include "core/probe/kind.h"
#include "core/probe/target.h"
#include "core/probe/target_addresses.h"

namespace hostcheck::probe {
namespace {

using facts::ProbeGateway;

facts::ProbeDelays summary_of(const Delays& delays) {
  return {delays.sent, delays.answered(), delays.min(), delays.median(), delays.high(), delays.max()};
}

std::string joined(const std::vector<LinkAddress>& list) {
  std::string text;
  for (const LinkAddress& each : list) text += (text.empty() ? "" : ", ") + each.to_string();
  return text;
}

std::string with_counts(const LinkReading& reading) {
  std::string text;
  for (std::size_t at = 0; at < reading.lladdrs.size(); ++at) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", reading.lladdrs[at].to_string(), reading.counts[at]);
  }
  return text;
}

std::string outcome_of(const LinkTarget& target, const LinkFindings& found) {
  const LinkOutcome outcome = found.reading.outcome;
  if (target.own) {
    if (found.questions == 0) return "unclear";
    return outcome == LinkOutcome::silent ? "unique" : "duplicate";
  }
  if (found.questions == 0) return "unclear";
  if (outcome == LinkOutcome::duplicate && found.same_host.value_or(false)) return "flux";
  return std::string(name_of(outcome));
}

std::string delay_words(const Delays& delays) {
  if (delays.answered() == 0) return {};
  return fmt::format(", in {:.2f} ms at the median ({:.2f} to {:.2f})", *delays.median(), *delays.min(), *delays.max());
}

std::string asked_words(const LinkFindings& found, std::string_view protocol) {
  return fmt::format("{} {} questions", found.questions, protocol);
}

std::string echo_words(const ProbeGateway& row) {
  if (!row.asymmetric.value_or(false)) return {};
  std::string from = row.echo_from;
  for (std::string_view rest = row.through_from; !rest.empty();) {
    const std::string_view each = rest.substr(0, rest.find(", "));
    if (from.find(each) == std::string::npos) from += (from.empty() ? "" : ", ") + std::string(each);
    rest.remove_prefix(std::min(rest.size(), each.size() + 2));
  }
  return "; its packets come from " + from;
}

std::string words_of(const LinkTarget& target, const LinkFindings& found, const ProbeGateway& row) {
  const std::string_view protocol = target.address.family() == Family::ipv4 ? "ARP" : "NDP";
  const std::string what = target.address.to_string() + " on " + target.link.ifname;
  const std::string asked = asked_words(found, protocol);
  const std::string_view outcome = row.outcome.view();
  if (outcome == "unclear") return "no question for " + what + " could be sent";
  if (outcome == "unique") return fmt::format("nobody else answered {} for this host's {}", asked, what);
  if (target.own) return fmt::format("{} answers for this host's own {}: {}", with_counts(found.reading), what, asked);
  if (outcome == "silent") return fmt::format("{} answered none of {}", what, asked);
  const std::string macs = with_counts(found.reading);
  if (outcome == "duplicate") return fmt::format("two hosts answer for {}: {} of {}", what, macs, asked);
  if (outcome == "flux") return fmt::format("one host answers for {} from several interfaces: {}", what, macs);
  if (outcome == "failover") return fmt::format("{} moved from one MAC address to another meanwhile: {}", what, macs);
  if (outcome == "several") {
    return fmt::format("more than one MAC address answered for {}: {} of {}{}", what, macs, asked, echo_words(row));
  }
  const std::string group = row.virtual_router.empty() ? "" : " (" + std::string(row.virtual_router.view()) + ")";
  return fmt::format("{} answered {} of {} from {}{}{}{}", what, found.reading.answered, asked, row.lladdr.to_string(),
                     group, delay_words(found.direct), echo_words(row));
}

void fill_row(Context& context, const LinkTarget& target, const LinkFindings& found, ProbeGateway& row) {
  row.questions = found.questions;
  row.answers = found.reading.answered;
  row.lladdr_count = static_cast<std::uint32_t>(found.reading.lladdrs.size());
  row.lladdrs = with_counts(found.reading);
  if (!found.reading.lladdrs.empty()) row.lladdr = found.reading.lladdrs.front();
  row.virtual_router = context.out.intern(virtual_router(row.lladdr));
  row.same_host = found.same_host;
  row.direct = summary_of(found.direct);
  row.echo = summary_of(found.echo);
  row.through = summary_of(found.through);
  row.echo_from = joined(found.echo_from);
  row.through_from = joined(found.through_from);
  row.asymmetric = found.asymmetric;
  row.outcome = context.out.intern(outcome_of(target, found));
  if (row.neighbour_lladdr.empty() || found.reading.lladdrs.empty() || target.own) return;
  const auto& all = found.reading.lladdrs;
  row.neighbour_agrees = std::find(all.begin(), all.end(), row.neighbour_lladdr) != all.end();
}

// Before the questions: their answers change the entry.
void note_entry(Context& context, const LinkTarget& target, ProbeGateway& row) {
  if (target.own) return;
  const auto entry = kernel::find_neighbour(context.netns(), target.link.ifindex, target.address);
  if (!entry || !*entry) return;
  row.neighbour_lladdr = (*entry)->lladdr;
  row.neighbour_state = (*entry)->state;
}

void tell(Context& context, std::string_view outcome, const std::string& words) {
  facts::ProbeResult& result = context.result;
  // Of several neighbours the result tells the first that is not well, and each has its row.
  const bool well = result.outcome.empty() || result.outcome.view() == "answers" || result.outcome.view() == "unique";
  if (well) result.outcome = context.out.intern(outcome);
  result.words += (result.words.empty() ? "" : "; ") + words;
}

Task<void> ask_without_frames(Context& context, const LinkTarget& target, ProbeGateway& row) {
  const auto found = co_await ask_plainly(context, target);
  if (!found) {
    context.fail(found.error());
    co_return;
  }
  row.method = context.out.intern(found->method);
  row.echo = summary_of(found->echo);
  const std::string what = target.address.to_string() + " on " + target.link.ifname;
  switch (found->answer) {
    case PlainAnswer::answered:
      row.outcome = context.out.intern("answers");
      tell(context, "answers", what + " answers" + delay_words(found->echo));
      break;
    case PlainAnswer::silent:
      row.outcome = context.out.intern("silent");
      tell(context, "silent", what + " does not answer: its neighbour entry is failed");
      break;
    case PlainAnswer::unclear:
      row.outcome = context.out.intern("unclear");
      tell(context, "unclear", what + " answered no echo, and its neighbour entry does not tell whether it is there");
      break;
  }
  const auto entry = kernel::find_neighbour(context.netns(), target.link.ifindex, target.address);
  if (found->answer == PlainAnswer::answered && entry && *entry) row.lladdr = (*entry)->lladdr;
  row.virtual_router = context.out.intern(virtual_router(row.lladdr));
}

Task<void> ask_neighbour(Context& context, const LinkTarget& target, std::uint16_t echo_id) {
  ProbeGateway row;
  row.probe = context.result.id;
  row.netns = context.result.netns;
  row.gateway = target.address;
  row.ifname = context.out.intern(target.link.ifname);
  row.own = target.own;
  row.beyond = target.beyond;
  note_entry(context, target, row);
  const bool frames = target.link.ethernet && target.link.resolves;
  auto sockets =
      frames ? open_link_sockets(context, target, echo_id)
             : Result<LinkSockets>(unexpected(make_error(ErrorCode::unsupported, "probe gateway", target.link.ifname,
                                                         "its link has no ARP or NDP to ask by")));
  if (sockets) {
    row.method = context.out.intern(target.address.family() == Family::ipv4 ? "arp" : "ndp");
    LinkFindings found;
    co_await ask_link(context, target, std::move(*sockets), echo_id, found);
    fill_row(context, target, found, row);
    tell(context, row.outcome.view(), words_of(target, found, row));
  } else {
    context.result.fallback = sockets.error().message();
    if (target.own) {
      context.result.error = "duplicates of own addresses: " + sockets.error().message();
      co_return;
    }
    co_await ask_without_frames(context, target, row);
  }
  context.result.method = row.method;
  if (!row.outcome.empty()) context.out.rows<ProbeGateway>().push_back(std::move(row));
}

// Counts those that are still under way; the last one ends the wait.
struct Underway {
  explicit Underway(asio::io_context& io) : ended(io, Clock::time_point::max()) {}
  std::size_t left = 0;
  asio::steady_timer ended;
};

Task<void> ask_counted(Context& context, const LinkTarget& target, std::uint16_t echo_id,
                       std::shared_ptr<Underway> underway) {
  co_await ask_neighbour(context, target, echo_id);
  if (--underway->left == 0) underway->ended.cancel();
}

Task<Result<std::vector<LinkTarget>>> targets_of(Context& context) {
  const std::string& text = context.ask.target;
  if (const auto usable = check_naming(context); !usable) co_return unexpected(usable.error());
  if (text == "all") co_return all_gateway_targets(context);
  std::vector<std::string> addresses = {text};
  if (!IpAddress::parse(std::string_view(text).substr(0, text.find('%')))) {
    const auto target = parse_target(text);
    if (!target) co_return unexpected(target.error());
    if (target->port) {
      co_return unexpected(
          make_error(ErrorCode::invalid, "probe gateway", text, "a neighbour has no port: write HOST"));
    }
    const auto named = co_await target_addresses(context, target->host);
    if (named.empty()) co_return std::vector<LinkTarget>{};
    context.result.words = naming_words(target->host, named);
    addresses.clear();
    for (const NamedAddress& each : named) addresses.push_back(each.address.to_string());
  }
  co_return gateway_targets(context, addresses);
}

Task<void> run(Context& context) {
  (void)context.out.rows<ProbeGateway>();
  const auto targets = co_await targets_of(context);
  if (!targets) co_return context.fail(targets.error());
  if (targets->empty()) co_return;  // a name without an address, which the result says
  auto underway = std::make_shared<Underway>(context.io);
  underway->left = targets->size();
  const auto base = static_cast<std::uint16_t>(::getpid() * 64 + static_cast<int>(context.result.id) * 32);
  for (std::size_t at = 0; at < targets->size(); ++at) {
    asio::co_spawn(context.io, ask_counted(context, (*targets)[at], static_cast<std::uint16_t>(base + at), underway),
                   asio::detached);
  }
  asio::error_code ended;
  if (underway->left > 0) co_await underway->ended.async_wait(asio::redirect_error(asio::use_awaitable, ended));
}

constexpr std::array<std::string_view, 4> kArgs = {
    "dev=interface that it is asked on, where the route does not tell",
    "through=an address behind it that is asked through it",
    kServerArgument,
    kFamilyArgument,
};
constexpr std::array<std::string_view, 1> kTables = {"probe_gateway"};

}  // namespace

const Kind& gateway_kind() {
  static const Kind kind{
      {"gateway", "HOST|all",
       "who answers ARP or NDP for a next hop or an own address, how fast, and where its packets come from", kArgs,
       kTables},
      run};
  return kind;
}

}  // namespace hostcheck::probe
