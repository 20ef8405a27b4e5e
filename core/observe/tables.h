// From a trace's record and the surroundings to fact tables. No I/O.
#pragma once

#include <chrono>
#include <map>

#include "core/facts/facts.h"
#include "core/facts/observation.h"
#include "core/facts/request.h"
#include "core/observe/seen.h"
#include "core/observe/surroundings.h"
#include "core/observe/trace.h"

namespace hostcheck::observe {

void fill_syns(const Seen& seen, facts::Facts& out);
void fill_unanswered_syns(const Seen& seen, facts::Facts& out);
void fill_drops(const Seen& seen, facts::Facts& out);
void fill_resets(const Seen& seen, facts::Facts& out);
void fill_retransmits(const Seen& seen, facts::Facts& out);
void fill_timestamps_backwards(const Seen& seen, facts::Facts& out);
void fill_icmp_errors(const Seen& seen, facts::Facts& out);
void fill_lost_events(const Seen& seen, facts::Facts& out);
void fill_drop_samples(const Seen& seen, facts::Facts& out);
void fill_accepts(const Seen& seen, facts::Facts& out);
// Columns pid and process of the rows of fill_accepts(): looks through /proc, so only where they are asked for.
void fill_accept_owners(const std::map<std::uint32_t, Surroundings>& around, facts::Facts& out);
// Absences of the tables of the request that rows are missing from because they did not fit.
void note_lost(const observe_lost& lost, const facts::Request& request, facts::Facts& out);

void fill_listener_drops(const std::map<std::uint32_t, Surroundings>& around, std::chrono::milliseconds span,
                         facts::Facts& out);
void fill_queue_samples(const std::map<std::uint32_t, Surroundings>& around, std::chrono::milliseconds span,
                        facts::Facts& out);

}  // namespace hostcheck::observe
