#include "core/cli/arguments.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"

namespace hostcheck::cli {
namespace {

struct Dispatch {
  int operator()(const QueryOptions& options) const { return query(options); }
  int operator()(const TablesOptions& options) const { return tables(options); }
};

}  // namespace

int main(int argc, const char* const* argv) {
  const auto parsed = parse_arguments(argc, argv);
  if (const auto* command = std::get_if<Command>(&parsed)) return std::visit(Dispatch{}, *command);
  const auto& answered = std::get<Answered>(parsed);
  if (answered.to_stderr) {
    print_error(answered.text);
    return answered.exit_status;
  }
  return print(answered.text) ? answered.exit_status : kExitUnknown;
}

}  // namespace hostcheck::cli
