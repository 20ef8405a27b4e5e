#include "core/probe/gateway_link.h"

#include <algorithm>
#include <array>
#include <map>

#include <sys/socket.h>

#include "core/kernel/packet_socket.h"
#include "core/probe/link_frames.h"
#include "core/probe/packet.h"

namespace hostcheck::probe {
namespace {

using namespace std::chrono_literals;

constexpr std::uint16_t kArp = 0x0806;
constexpr std::uint16_t kIpv4 = 0x0800;
constexpr std::uint16_t kIpv6 = 0x86dd;
constexpr unsigned kRounds = 5;
constexpr unsigned kOwnRounds = 3;
constexpr auto kRoundGap = 200ms;
constexpr auto kListen = 1000ms;
constexpr unsigned kDirect = 20;
constexpr auto kDirectTime = 1500ms;
constexpr unsigned kEchoes = 5;
constexpr auto kEchoGap = 10ms;
constexpr std::size_t kMostAsked = 4;     // MAC addresses that are asked for an echo
constexpr std::uint16_t kThrough = 1000;  // sequence numbers of the echoes through the gateway start here

// Neighbour advertisements and echo replies.
constexpr std::array<sock_filter, 7> kIpv6Answers = {{
    {BPF_LD | BPF_B | BPF_ABS, 0, 0, 20},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 4, 58},
    {BPF_LD | BPF_B | BPF_ABS, 0, 0, 54},
    {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 136},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 129},
    {BPF_RET | BPF_K, 0, 0, 0xffff},
    {BPF_RET | BPF_K, 0, 0, 0},
}};

// Echo replies with our identifier.
std::array<sock_filter, 9> ipv4_echoes(std::uint16_t id) {
  return {{
      {BPF_LD | BPF_B | BPF_ABS, 0, 0, 23},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 6, 1},
      {BPF_LDX | BPF_B | BPF_MSH, 0, 0, 14},
      {BPF_LD | BPF_B | BPF_IND, 0, 0, 14},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 3, 0},
      {BPF_LD | BPF_H | BPF_IND, 0, 0, 18},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, id},
      {BPF_RET | BPF_K, 0, 0, 0xffff},
      {BPF_RET | BPF_K, 0, 0, 0},
  }};
}

Result<UniqueFd> open_packets(const Context& context, std::uint16_t ethertype, std::uint32_t ifindex,
                              std::span<const sock_filter> filter) {
  auto fd = context.socket(AF_PACKET, SOCK_RAW, 0);
  if (!fd) return fd;
  const auto ready = [&]() -> Result<void> {
    if (!filter.empty()) {
      if (auto filtered = kernel::attach_filter(fd->get(), filter); !filtered) return filtered;
    }
    if (auto stamped = kernel::ask_timestamps(fd->get()); !stamped) return stamped;
    return kernel::bind_packets(fd->get(), ethertype, ifindex);
  }();
  if (!ready) return unexpected(ready.error());
  return fd;
}

bool send_whole(int fd, const Frame& frame) {
  return ::send(fd, frame.data(), frame.size(), MSG_DONTWAIT) == static_cast<ssize_t>(frame.size());
}

double ms_between(std::chrono::nanoseconds from, std::chrono::nanoseconds to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

void add_once(std::vector<LinkAddress>& list, const LinkAddress& address) {
  if (std::find(list.begin(), list.end(), address) == list.end()) list.push_back(address);
}

class Conversation {
 public:
  Conversation(Context& context, const LinkTarget& target, LinkSockets sockets, std::uint16_t echo_id,
               LinkFindings& findings)
      : context_(context),
        target_(target),
        echo_id_(echo_id),
        found_(findings),
        neighbour_(context.io, std::move(sockets.neighbour)) {
    if (sockets.echo.valid()) echo_.emplace(context.io, std::move(sockets.echo));
  }

  Task<void> run() {
    context_.note_flow({0, target_.address, 0, 0});
    co_await ask_all();
    found_.reading = read_answers(found_.questions, found_.answers);
    if (target_.own || found_.reading.outcome == LinkOutcome::silent) co_return;
    co_await ask_one();
    co_await echo();
  }

 private:
  [[nodiscard]] LinkSender sender() const { return {target_.link.mac, target_.source}; }

  // Hands over what comes until then, or until take says that it has enough.
  template <typename Take>
  Task<void> listen(Socket& socket, Clock::time_point until, Take take) {
    std::array<std::uint8_t, 2048> buffer{};
    while (Clock::now() < until) {
      const auto got = kernel::receive(socket.fd(), buffer);
      if (!got) co_return;  // the interface went down
      if (!*got) {
        if (!co_await socket.readable(until)) co_return;
        continue;
      }
      const kernel::Received& frame = **got;
      if (frame.kind == kernel::FrameKind::outgoing || frame.kind == kernel::FrameKind::to_other) continue;
      if (take(frame)) co_return;
    }
  }

  [[nodiscard]] std::optional<NeighbourAnswer> answer_of(const kernel::Received& frame) const {
    auto answer = parse_neighbour_answer(frame.bytes);
    if (!answer || answer->address != target_.address) return std::nullopt;
    const auto& own = target_.own_macs;
    if (std::find(own.begin(), own.end(), answer->lladdr) != own.end()) return std::nullopt;
    return answer;
  }

  Task<void> ask_all() {
    const Frame question = neighbour_question(sender(), target_.address);
    const unsigned rounds = target_.own ? kOwnRounds : kRounds;
    for (unsigned round = 0; round < rounds; ++round) {
      if (!co_await context_.turn(target_.address) || !send_whole(neighbour_.fd(), question)) co_return;
      ++found_.questions;
      const auto until = context_.within(round + 1 < rounds ? std::chrono::milliseconds(kRoundGap) : kListen);
      co_await listen(neighbour_, until, [&](const kernel::Received& frame) {
        if (const auto answer = answer_of(frame)) found_.answers.push_back({round, answer->lladdr});
        return false;
      });
    }
  }

  // One question at a time, so that each answer has its question.
  Task<void> ask_one() {
    const LinkAddress to = found_.reading.lladdrs.front();
    const Frame question = neighbour_question(sender(), target_.address, to);
    const auto end = context_.within(kDirectTime);
    unsigned lost = 0;
    while (found_.direct.sent < kDirect && lost < 2 && Clock::now() < end) {
      if (!co_await context_.turn(target_.address)) co_return;
      const auto sent = kernel::wall_clock();
      if (!send_whole(neighbour_.fd(), question)) co_return;
      ++found_.direct.sent;
      bool answered = false;
      co_await listen(neighbour_, context_.within(kListen), [&](const kernel::Received& frame) {
        const auto answer = answer_of(frame);
        if (!answer || answer->lladdr != to) return false;
        found_.direct.add(ms_between(sent, frame.at));
        answered = true;
        return true;
      });
      lost = answered ? 0 : lost + 1;
    }
  }

  struct Sent {
    LinkAddress to;
    std::chrono::nanoseconds at{0};
  };

  bool take_echo(const kernel::Received& frame) {
    const auto answer = parse_echo_answer(frame.bytes);
    if (!answer || answer->id != echo_id_) return false;
    const auto asked = asked_.find(answer->sequence);
    if (asked == asked_.end()) return false;
    const bool through = answer->sequence >= kThrough;
    if (answer->from != (through ? target_.beyond : target_.address)) return false;
    (through ? found_.through : found_.echo).add(ms_between(asked->second.at, frame.at));
    add_once(through ? found_.through_from : found_.echo_from, answer->frame_source);
    found_.asymmetric = found_.asymmetric.value_or(false) || answer->frame_source != asked->second.to;
    if (!through && answer->ip_id) identifications_[answer->sequence] = *answer->ip_id;
    asked_.erase(asked);
    return asked_.empty();
  }

  Task<bool> send_echo(Socket& socket, const LinkAddress& to, const IpAddress& address, std::uint16_t sequence) {
    if (!co_await context_.turn(target_.address)) co_return false;
    context_.note_flow(flow_of(Transport::icmp, address, echo_id_, 0));
    const Frame question = echo_question(sender(), {to, address, echo_id_, sequence});
    asked_[sequence] = {to, kernel::wall_clock()};
    if (!send_whole(socket.fd(), question)) co_return false;
    ++(sequence >= kThrough ? found_.through : found_.echo).sent;
    co_await listen(socket, context_.within(kEchoGap), [&](const kernel::Received& frame) {
      (void)take_echo(frame);
      return false;
    });
    co_return true;
  }

  // The MAC addresses in turn, so that a host's identifications interleave.
  Task<void> echo() {
    Socket& socket = echo_ ? *echo_ : neighbour_;
    auto asked = found_.reading.lladdrs;
    asked.resize(std::min(asked.size(), kMostAsked));
    std::uint16_t sequence = 0;
    for (unsigned round = 0; round < kEchoes; ++round) {
      for (const LinkAddress& to : asked) {
        if (!co_await send_echo(socket, to, target_.address, sequence++)) co_return;
      }
      if (target_.beyond.family() != target_.address.family()) continue;
      const auto behind = static_cast<std::uint16_t>(kThrough + round);
      if (!co_await send_echo(socket, asked.front(), target_.beyond, behind)) co_return;
    }
    const auto slow = std::chrono::milliseconds(static_cast<int>(3 * found_.direct.median().value_or(0)));
    const auto patience = std::max(std::chrono::milliseconds(500), std::min(slow, std::chrono::milliseconds(2000)));
    if (!asked_.empty()) {
      co_await listen(socket, context_.within(patience),
                      [&](const kernel::Received& frame) { return take_echo(frame); });
    }
    judge_hosts(asked.size());
  }

  void judge_hosts(std::size_t macs) {
    if (macs < 2) return;
    std::vector<std::uint16_t> in_order;
    std::vector<bool> seen(macs, false);
    for (const auto& [sequence, identification] : identifications_) {
      in_order.push_back(identification);
      seen[sequence % macs] = true;
    }
    if (std::find(seen.begin(), seen.end(), false) == seen.end()) found_.same_host = one_host(in_order);
  }

  Context& context_;
  const LinkTarget& target_;
  const std::uint16_t echo_id_;
  LinkFindings& found_;
  Socket neighbour_;
  std::optional<Socket> echo_;
  std::map<std::uint16_t, Sent> asked_;                     // echoes without an answer yet, by sequence
  std::map<std::uint16_t, std::uint16_t> identifications_;  // of the gateway's echo replies, by sequence
};

}  // namespace

Result<LinkSockets> open_link_sockets(const Context& context, const LinkTarget& target, std::uint16_t echo_id) {
  LinkSockets sockets;
  const std::uint32_t ifindex = target.link.ifindex;
  const bool six = target.address.family() == Family::ipv6;
  auto neighbour = six ? open_packets(context, kIpv6, ifindex, kIpv6Answers) : open_packets(context, kArp, ifindex, {});
  if (!neighbour) return unexpected(neighbour.error());
  sockets.neighbour = std::move(*neighbour);
  if (six) return sockets;
  auto echo = open_packets(context, kIpv4, ifindex, ipv4_echoes(echo_id));
  if (!echo) return unexpected(echo.error());
  sockets.echo = std::move(*echo);
  return sockets;
}

Task<void> ask_link(Context& context, const LinkTarget& target, LinkSockets sockets, std::uint16_t echo_id,
                    LinkFindings& findings) {
  Conversation conversation(context, target, std::move(sockets), echo_id, findings);
  co_await conversation.run();
}

}  // namespace hostcheck::probe
