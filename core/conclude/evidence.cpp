#include "core/conclude/evidence.h"

#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "core/conclude/evidence_findings.h"
#include "core/facts/observation.h"
#include "core/facts/probe.h"

namespace hostcheck::conclude {
namespace {

using facts::Direction;
using observe::CapturedPacket;
using observe::Frame;
using observe::PacketHeader;

// One direction of a connection in a namespace.
using Tuple = std::tuple<std::string_view, IpAddress, std::uint16_t, IpAddress, std::uint16_t>;
// A SYN's tuple and sequence number.
using Attempt = std::pair<Tuple, std::uint32_t>;
using IcmpKey =
    std::tuple<std::string_view, bool, std::uint32_t, std::uint32_t, IpAddress, IpAddress, std::string, std::uint16_t>;

// Rows as a live run has them; none where the table was not filled.
template <typename Row>
std::span<const Row> rows_of(const facts::Facts& facts) {
  const auto* rows = dynamic_cast<const facts::Rows<Row>*>(facts.find(Row::table().name));
  return rows == nullptr ? std::span<const Row>{} : std::span<const Row>(rows->rows);
}

std::string endpoint(const IpAddress& address, std::uint16_t port) {
  if (address.family() == Family::ipv6) return fmt::format("[{}]:{}", address.to_string(), port);
  return fmt::format("{}:{}", address.to_string(), port);
}

std::string protocol_name(std::uint8_t protocol) {
  switch (protocol) {
    case 1:
      return "icmp";
    case 6:
      return "tcp";
    case 17:
      return "udp";
    case 58:
      return "icmpv6";
    default:
      return std::to_string(protocol);
  }
}

class Finder {
 public:
  Finder(const observe::CaptureRecord& record, const observe::Observation::Window& window, const facts::Facts& facts,
         std::span<const checks::Finding> findings)
      : record_(record),
        window_(window),
        findings_(findings),
        syns_(rows_of<facts::UnansweredSyn>(facts)),
        resets_(rows_of<facts::Reset>(facts)),
        icmp_(rows_of<facts::IcmpErrorCount>(facts)),
        probes_(rows_of<facts::ProbeResult>(facts)) {
    index();
  }

  Evidence find() {
    note_answers();
    for (const CapturedPacket& packet : record_.packets) {
      const auto frame = packet.frame();
      if (!frame) continue;
      std::string words = words_of(packet, *frame);
      if (!words.empty()) out_.packets.push_back({&packet, std::move(words)});
    }
    out_.tables = {{"unanswered_syns", syns_.size(), shown_syns_.size(), syn_packets_},
                   {"resets", resets_.size(), shown_resets_.size(), reset_packets_},
                   {"icmp_errors", icmp_.size(), shown_icmp_.size(), icmp_packets_},
                   {"probe_results", probes_.size(), shown_probes_.size(), probe_packets_}};
    return std::move(out_);
  }

 private:
  void index() {
    for (const facts::UnansweredSyn& row : syns_) {
      const bool out = row.direction == Direction::out;
      const Tuple tuple = out ? Tuple{row.netns.view(), row.local, row.local_port, row.peer, row.peer_port}
                              : Tuple{row.netns.view(), row.peer, row.peer_port, row.local, row.local_port};
      syn_by_tuple_.emplace(tuple, &row);
    }
    for (const facts::Reset& row : resets_) {
      const bool out = row.direction == Direction::out;
      const Tuple tuple = out ? Tuple{row.netns.view(), row.local, row.local_port, row.peer, row.peer_port}
                              : Tuple{row.netns.view(), row.peer, row.peer_port, row.local, row.local_port};
      reset_by_tuple_.emplace(tuple, &row);
    }
    for (const facts::IcmpErrorCount& row : icmp_) {
      const IcmpKey key{row.netns.view(), row.direction == Direction::out,  row.type,       row.code, row.sender,
                        row.target,       std::string(row.protocol.view()), row.target_port};
      icmp_by_key_.emplace(key, &row);
    }
    for (const facts::ProbeResult& row : probes_) probe_by_id_.emplace(row.id, &row);
  }

  [[nodiscard]] std::string_view netns_of(const CapturedPacket& packet) const {
    return record_.namespaces[packet.place];
  }
  [[nodiscard]] bool within(const CapturedPacket& packet) const {
    return packet.at >= window_.began && packet.at <= window_.ended;
  }
  [[nodiscard]] Tuple tuple_of(const CapturedPacket& packet, const PacketHeader& head) const {
    return {netns_of(packet), head.source, head.source_port, head.destination, head.destination_port};
  }
  [[nodiscard]] Tuple reversed(const CapturedPacket& packet, const PacketHeader& head) const {
    return {netns_of(packet), head.destination, head.destination_port, head.source, head.source_port};
  }

  // Attempts that got a SYN-ACK or a RST: on the ports of one that got nothing there may be such, before or after it.
  void note_answers() {
    for (const CapturedPacket& packet : record_.packets) {
      const auto frame = within(packet) ? packet.frame() : std::nullopt;
      if (!frame) continue;
      const bool reset = frame->has(observe::kTcpRst);
      if (!reset && !frame->is_syn_ack()) continue;
      const Attempt attempt{reversed(packet, frame->header), frame->acknowledgement - 1};
      answered_.insert(attempt);
      if (reset && frame->has(observe::kTcpAck)) {
        const auto row = reset_by_tuple_.find(tuple_of(packet, frame->header));
        if (row != reset_by_tuple_.end() && row->second->answers_syn) refused_.emplace(attempt, row->second);
      }
    }
  }

  std::string words_of(const CapturedPacket& packet, const Frame& frame) {
    if (within(packet)) {
      if (frame.icmp_error) {
        if (std::string words = icmp_words(packet, frame); !words.empty()) return words;
      } else if (frame.has(observe::kTcpRst)) {
        if (std::string words = reset_words(packet, frame); !words.empty()) return words;
      } else if (frame.has(observe::kTcpSyn)) {
        if (std::string words = syn_words(packet, frame); !words.empty()) return words;
      }
    }
    return probe_words(packet, frame);
  }

  std::string syn_words(const CapturedPacket& packet, const Frame& frame) {
    const bool syn = frame.is_syn();
    const Tuple tuple = syn ? tuple_of(packet, frame.header) : reversed(packet, frame.header);
    const Attempt attempt{tuple, frame.sequence};
    if (const auto found = syn_by_tuple_.find(tuple); found != syn_by_tuple_.end()) {
      const facts::UnansweredSyn& row = *found->second;
      const bool settled = row.stage == facts::HandshakeStage::syn && (!syn || answered_.contains(attempt));
      if (!settled) {
        shown_syns_.insert(&row);
        ++syn_packets_;
        const auto& [netns, source, source_port, destination, destination_port] = tuple;
        return fmt::format("unanswered_syns: {} to {}, stage {}, {} ({})", endpoint(source, source_port),
                           endpoint(destination, destination_port), facts::name_of(row.stage),
                           facts::name_of(row.reason), facts::name_of(row.certainty)) +
               findings_about(findings_, {netns, row.local, row.local_port, row.peer});
      }
    }
    const auto refused = syn ? refused_.find(attempt) : refused_.end();
    if (refused == refused_.end()) return {};
    ++reset_packets_;
    return about_reset(*refused->second, "the SYN that is answered by a RST");
  }

  std::string about_reset(const facts::Reset& row, std::string_view what) {
    const bool out = row.direction == Direction::out;
    const std::string local = endpoint(row.local, row.local_port);
    const std::string peer = endpoint(row.peer, row.peer_port);
    return fmt::format("resets: {}, {} to {}, by {}{}{}", what, out ? local : peer, out ? peer : local,
                       facts::name_of(row.by), row.reason.empty() ? "" : " ", row.reason.view()) +
           findings_about(findings_, {row.netns.view(), row.local, row.local_port, row.peer});
  }

  std::string reset_words(const CapturedPacket& packet, const Frame& frame) {
    const auto found = reset_by_tuple_.find(tuple_of(packet, frame.header));
    if (found == reset_by_tuple_.end()) return {};
    shown_resets_.insert(found->second);
    ++reset_packets_;
    return about_reset(*found->second, "RST");
  }

  std::string icmp_words(const CapturedPacket& packet, const Frame& frame) {
    if (!frame.quoted) return {};
    IcmpKey key{netns_of(packet),
                packet.outgoing,
                frame.icmp_type,
                frame.icmp_code,
                frame.header.source,
                frame.quoted->destination,
                protocol_name(frame.quoted->protocol),
                frame.quoted->destination_port};
    auto found = icmp_by_key_.find(key);
    if (found == icmp_by_key_.end()) return {};
    ++icmp_packets_;
    shown_icmp_.insert(found->second);
    // On loopback one packet is both.
    std::get<1>(key) = !packet.outgoing;
    if (const auto other = icmp_by_key_.find(key); other != icmp_by_key_.end()) shown_icmp_.insert(other->second);
    const facts::IcmpErrorCount& row = *found->second;
    return fmt::format("icmp_errors: {} from {} about {} to {}", facts::name_of(row.error), row.sender.to_string(),
                       row.protocol.view(),
                       row.target_port == 0 ? row.target.to_string() : endpoint(row.target, row.target_port)) +
           findings_about(findings_, {row.netns.view(), row.target, row.target_port, row.sender});
  }

  std::string probe_words(const CapturedPacket& packet, const Frame& frame) {
    if (!packet.probing) return {};
    const auto id = record_.flows.probe_of(std::string(netns_of(packet)), frame);
    if (!id) return {};
    ++probe_packets_;
    const auto row = probe_by_id_.find(*id);
    if (row == probe_by_id_.end()) return fmt::format("probe_results: {}", *id);
    shown_probes_.insert(row->second);
    return fmt::format("probe_results: {}, {} {}, asked by {}", *id, row->second->kind.view(), row->second->target,
                       row->second->asked_by);
  }

  const observe::CaptureRecord& record_;
  const observe::Observation::Window& window_;
  std::span<const checks::Finding> findings_;
  std::span<const facts::UnansweredSyn> syns_;
  std::span<const facts::Reset> resets_;
  std::span<const facts::IcmpErrorCount> icmp_;
  std::span<const facts::ProbeResult> probes_;
  std::map<Tuple, const facts::UnansweredSyn*> syn_by_tuple_;
  std::map<Tuple, const facts::Reset*> reset_by_tuple_;
  std::map<IcmpKey, const facts::IcmpErrorCount*> icmp_by_key_;
  std::map<std::uint32_t, const facts::ProbeResult*> probe_by_id_;
  std::set<Attempt> answered_;
  std::map<Attempt, const facts::Reset*> refused_;
  std::set<const facts::UnansweredSyn*> shown_syns_;
  std::set<const facts::Reset*> shown_resets_;
  std::set<const facts::IcmpErrorCount*> shown_icmp_;
  std::set<const facts::ProbeResult*> shown_probes_;
  std::size_t syn_packets_ = 0;
  std::size_t reset_packets_ = 0;
  std::size_t icmp_packets_ = 0;
  std::size_t probe_packets_ = 0;
  Evidence out_;
};

}  // namespace

Evidence find_evidence(const observe::CaptureRecord& record, const observe::Observation::Window& window,
                       const facts::Facts& facts, std::span<const checks::Finding> findings) {
  return Finder(record, window, facts, findings).find();
}

}  // namespace hostcheck::conclude
