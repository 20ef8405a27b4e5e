#include <exception>
#include <new>

#include "core/cli/arguments.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"

namespace hostcheck::cli {
namespace {

struct Dispatch {
  int operator()(const RunOptions& options) const { return run(options); }
  int operator()(const WatchOptions& options) const { return watch(options); }
  int operator()(const PathOptions& options) const { return path(options); }
  int operator()(const ProbeOptions& options) const { return probe(options); }
  int operator()(const QueryOptions& options) const { return query(options); }
  int operator()(const TablesOptions& options) const { return tables(options); }
  int operator()(const ChecksOptions& options) const { return checks(options); }
  int operator()(const ExplainOptions& options) const { return explain(options); }
  int operator()(const TestOptions& options) const { return test(options); }
  int operator()(const SnapshotOptions& options) const { return snapshot(options); }
  int operator()(const DiffOptions& options) const { return diff(options); }
  int operator()(const CollectOptions& options) const { return collect(options); }
  int operator()(const NewOptions& options) const { return make_new(options); }
  int operator()(const DoctorOptions& options) const { return doctor(options); }
  int operator()(const CompletionOptions& options) const { return completion(options); }
};

int dispatch(int argc, const char* const* argv) {
  const auto parsed = parse_arguments(argc, argv);
  if (const auto* command = std::get_if<Command>(&parsed)) return std::visit(Dispatch{}, *command);
  const auto& answered = std::get<Answered>(parsed);
  if (answered.to_stderr) {
    print_error(answered.text);
    return answered.exit_status;
  }
  return print(answered.text) ? answered.exit_status : kExitUnknown;
}

}  // namespace

int main(int argc, const char* const* argv) {
  try {
    return dispatch(argc, argv);
  } catch (const std::bad_alloc&) {
    complain("out of memory");
  } catch (const std::exception& error) {
    complain(std::string("this is a fault of hostcheck itself: ") + error.what());
  }
  return kExitUnknown;
}

}  // namespace hostcheck::cli
