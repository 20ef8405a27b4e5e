#include "core/facts/timeline.h"
#include "core/observe/tables.h"

namespace hostcheck::observe {

using facts::Witness;

void fill_drop_samples(const Seen& seen, facts::Facts& out) {
  auto& rows = out.rows<facts::DropSample>();
  if (seen.drops_over_time == nullptr) return;
  for (const auto& [key, slices] : seen.drops_over_time->slices()) {
    const auto& [netns, reason, place] = key;
    const Surroundings* around = around_of(seen, netns);
    if (around == nullptr) continue;
    facts::DropSample row;
    row.netns = out.intern(around->netns().name);
    row.reason = out.intern(drop_word(seen, reason));
    row.place = out.intern(place_of(seen, place));
    row.span_ms = span_of(seen);
    row.source = Witness::bpf;
    for (const DropSeries::Slice& each : slices) {
      const auto [from, until] = seen.drops_over_time->bounds(each.number);
      row.from_ms = from;
      row.until_ms = until;
      row.packets = each.packets;
      rows.push_back(row);
    }
  }
}

void fill_queue_samples(const std::map<std::uint32_t, Surroundings>& around, std::chrono::milliseconds span,
                        facts::Facts& out) {
  auto& rows = out.rows<facts::QueueSample>();
  for (const auto& [inode, place] : around) {
    for (const auto& [cookie, series] : place.queues()) {
      const WatchedListener& listener = place.listeners().at(cookie);
      facts::QueueSample row;
      row.netns = out.intern(place.netns().name);
      row.address = listener.address;
      row.port = listener.port;
      row.inode = listener.inode;
      row.span_ms = static_cast<std::uint32_t>(span.count());
      row.source = Witness::sock_diag;
      for (const QueuePoint& each : series.points()) {
        row.from_ms = each.from_ms;
        row.until_ms = each.until_ms;
        row.samples = each.samples;
        row.accept_queue = each.queue;
        row.accept_limit = each.limit;
        row.half_open = each.half_open;
        row.drops = each.drops;
        rows.push_back(row);
      }
    }
  }
}

}  // namespace hostcheck::observe
