#include "core/cli/bundle.h"

#include <algorithm>
#include <map>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "core/base/version.h"
#include "core/cli/console.h"
#include "core/cli/recorded.h"
#include "core/cli/window.h"
#include "core/conclude/evidence.h"
#include "core/kernel/packet_filter.h"
#include "core/report/archive.h"
#include "core/report/pcapng.h"
#include "core/report/render.h"

namespace hostcheck::cli {
namespace {

using nlohmann::ordered_json;
using std::chrono::milliseconds;

constexpr milliseconds kListenEvery{25};
constexpr unsigned kOwnerOnly = 0600;
constexpr std::size_t kLongestHostName = 24;

// "hostcheck-web-17-20260101T000000Z"; at most 48 bytes, none of which means anything to a shell.
std::string folder_name(const conclude::Report& report) {
  std::string host = report.host.name.substr(0, kLongestHostName);
  std::replace_if(
      host.begin(), host.end(),
      [](unsigned char each) { return std::isalnum(each) == 0 && each != '-' && each != '.'; }, '_');
  std::string time = report::utc(report.started).substr(0, 19) + "Z";
  std::erase_if(time, [](char each) { return each == '-' || each == ':'; });
  return fmt::format("hostcheck-{}-{}", host.empty() ? "host" : host, time);
}

report::PcapFile packets_of(const observe::CaptureRecord& record, const conclude::Evidence& evidence,
                            const conclude::Report& report) {
  report::PcapFile file;
  file.os = "Linux " + report.host.kernel;
  file.application = fmt::format("hostcheck {}", version());
  file.comment = fmt::format(
      "Host {}. The packets that its findings and probes are about, headers only; each says which row of which table "
      "it belongs to. {} passed the filter; {} did not fit, {} were lost before they could be read.",
      report.host.name, record.heard, record.not_kept, record.lost);
  file.snap_length = kernel::kCapturedBytes;
  std::map<std::tuple<std::size_t, std::uint32_t, kernel::PacketStart>, std::uint32_t> numbers;
  for (const conclude::EvidencePacket& each : evidence.packets) {
    const observe::CapturedPacket& packet = *each.packet;
    const auto [number, is_new] =
        numbers.try_emplace({packet.place, packet.ifindex, packet.start}, file.interfaces.size());
    if (is_new) {
      const auto name = record.interfaces.find({packet.place, packet.ifindex});
      const bool known = name != record.interfaces.end() && !name->second.empty();
      file.interfaces.push_back(
          {known ? name->second : fmt::format("if{}", packet.ifindex),
           "network namespace " + record.namespaces[packet.place],
           packet.start == kernel::PacketStart::ethernet ? report::kLinkEthernet : report::kLinkRawIp});
    }
    file.packets.push_back({number->second, packet.at, packet.length, packet.bytes, packet.outgoing, each.words});
  }
  return file;
}

ordered_json capture_json(const observe::CaptureRecord& record, const conclude::Evidence& evidence) {
  ordered_json json;
  json["namespaces"] = record.namespaces;
  json["packets"] = evidence.packets.size();
  json["headers_only"] = true;
  json["tables"] = ordered_json::array();
  for (const conclude::EvidenceTable& each : evidence.tables) {
    json["tables"].push_back(
        {{"table", each.table}, {"rows", each.rows}, {"rows_shown", each.shown}, {"packets", each.packets}});
  }
  json["candidates"] = record.heard;
  json["candidates_not_kept"] = record.not_kept;
  json["candidates_lost"] = record.lost;
  json["answered_handshakes_left_out"] = record.answered;
  return json;
}

struct Missing {
  std::string what;
  std::string why;
};

// What the capture lacks of what the report tells.
void note_gaps(const observe::CaptureRecord& record, const facts::Facts& facts, std::vector<Missing>& missing) {
  for (const auto& [netns, error] : record.failures) {
    missing.push_back({"packets of namespace " + netns, error.message()});
  }
  if (record.not_kept > 0) {
    missing.push_back({"packets", fmt::format("{} did not fit the bounds of the capture", record.not_kept)});
  }
  if (record.lost > 0) {
    missing.push_back({"packets", fmt::format("{} came faster than they could be read", record.lost)});
  }
  if (record.peers_left_out > 0) {
    missing.push_back(
        {"packets of probes", fmt::format("{} of their addresses were not heard", record.peers_left_out)});
  }
  for (const facts::Absence& each : facts.absences()) {
    if (each.table != "unanswered_syns" && each.table != "resets" && each.table != "icmp_errors") continue;
    missing.push_back({"packets of rows that " + each.table + " lacks", each.reason});
  }
}

std::string_view meaning_of(std::string_view name) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kMeanings = {{
      {"report.txt", "the report for people"},
      {"report.json", "the same for programs, schema hostcheck.report/1"},
      {"report.html", "the same for a browser"},
      {"snapshot.db",
       "every fact, an SQLite file: hostcheck run --from snapshot.db, hostcheck query --from snapshot.db"},
      {"packets.pcapng", "the packets that findings and probes are about, headers only: wireshark, tshark -r"},
  }};
  const auto found =
      std::find_if(kMeanings.begin(), kMeanings.end(), [&](const auto& each) { return each.first == name; });
  return found == kMeanings.end() ? std::string_view{} : found->second;
}

std::string manifest_of(const conclude::Report& report, const std::vector<report::ArchiveFile>& files,
                        const ordered_json& capture, const std::vector<Missing>& missing) {
  ordered_json json;
  json["schema"] = "hostcheck.bundle/1";
  json["hostcheck"] = version();
  json["host"] = report.host.name;
  json["kernel"] = report.host.kernel;
  json["netns"] = report.host.netns;
  json["started"] = report::utc(report.started);
  json["duration_ms"] = report.duration.count();
  json["observed_ms"] = report.observed.count();
  if (!report.snapshot.empty()) json["snapshot"] = report.snapshot;
  json["files"] = ordered_json::array();
  for (const report::ArchiveFile& each : files) {
    json["files"].push_back({{"name", each.name}, {"what", meaning_of(each.name)}, {"bytes", each.bytes.size()}});
  }
  json["capture"] = capture;
  json["missing"] = ordered_json::array();
  for (const Missing& each : missing) json["missing"].push_back({{"what", each.what}, {"why", each.why}});
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

Bundle::Bundle(std::string path, bool live, const gather::Options& namespaces) : path_(std::move(path)), live_(live) {
  if (is_wanted() && live_) capture_ = observe::Capture::open(namespaces.asked);
}

conclude::Wait Bundle::listening(conclude::Wait wait) {
  if (!capture_) return wait;
  return [this, wait = std::move(wait)](milliseconds window, const conclude::Tick& tick) {
    auto next = Clock::now();
    wait(window, [&] {
      capture_->drain();
      if (tick && Clock::now() >= next) next = Clock::now() + tick();
      return kListenEvery;
    });
  };
}

std::function<void()> Bundle::at_window_end() {
  if (!capture_) return {};
  return [this] { capture_->begin_probes(); };
}

probe::Onlooker Bundle::onlooker() {
  if (!capture_) return {};
  capture_->begin_probes();  // where there was no window
  return {[this](const kernel::NetnsInfo& netns, const IpAddress& peer) { capture_->add_peer(netns, peer); },
          [this](const kernel::NetnsInfo& netns, std::uint32_t probe, const Flow& flow) {
            capture_->add_flow(netns.name, probe, flow);
          },
          [this] { capture_->drain(); }};
}

Result<void> Bundle::write(const BundleReports& reports, const conclude::Report& report, const facts::Facts& facts,
                           const observe::Observation::Window& window) {
  if (!is_wanted()) return {};
  auto snapshot = snapshot_of(report, facts);
  if (!snapshot) return unexpected(snapshot.error());
  std::vector<report::ArchiveFile> files = {{"report.txt", reports.text},
                                            {"report.json", reports.json},
                                            {"report.html", reports.html},
                                            {"snapshot.db", *std::move(snapshot)}};
  std::vector<Missing> missing;
  ordered_json capture;
  if (capture_) {
    const observe::CaptureRecord record = capture_->stop();
    capture_.reset();
    note_gaps(record, facts, missing);
    const conclude::Evidence evidence = conclude::find_evidence(record, window, facts, report.findings);
    capture = capture_json(record, evidence);
    if (record.namespaces.empty()) {
      missing.push_back({"packets.pcapng", "no namespace could be heard"});
    } else {
      files.push_back({"packets.pcapng", report::as_pcapng(packets_of(record, evidence, report))});
    }
  } else {
    missing.push_back({"packets.pcapng", "a snapshot was judged: its packets are gone"});
  }
  files.insert(files.begin(), {"manifest.json", manifest_of(report, files, capture, missing)});
  const auto archive = report::as_tar_zst(folder_name(report), files, report.started);
  if (!archive) return unexpected(archive.error());
  return write_whole(path_, *archive, kOwnerOnly);
}

}  // namespace hostcheck::cli
