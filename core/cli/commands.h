// The subcommands. Each prints what it has to say and returns the exit status.
#pragma once

#include "core/cli/options.h"

namespace hostcheck::cli {

[[nodiscard]] int run(const RunOptions& options);
[[nodiscard]] int watch(const WatchOptions& options);
[[nodiscard]] int path(const PathOptions& options);
[[nodiscard]] int probe(const ProbeOptions& options);
[[nodiscard]] int query(const QueryOptions& options);
[[nodiscard]] int tables(const TablesOptions& options);
[[nodiscard]] int checks(const ChecksOptions& options);
[[nodiscard]] int explain(const ExplainOptions& options);
[[nodiscard]] int test(const TestOptions& options);
[[nodiscard]] int snapshot(const SnapshotOptions& options);
[[nodiscard]] int diff(const DiffOptions& options);
[[nodiscard]] int collect(const CollectOptions& options);
[[nodiscard]] int make_new(const NewOptions& options);
[[nodiscard]] int doctor(const DoctorOptions& options);
[[nodiscard]] int completion(const CompletionOptions& options);

// Parses the command line and does what it asks.
[[nodiscard]] int main(int argc, const char* const* argv);

}  // namespace hostcheck::cli
