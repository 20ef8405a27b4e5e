#include "core/plugin/record.h"

#include <algorithm>
#include <cerrno>
#include <vector>

#include <unistd.h>

#include "core/checks/record.h"
#include "core/plugin/plugin_test.h"
#include "core/plugin/session.h"

namespace hostcheck::plugin {

Result<std::string> record_plugin_test(std::string_view name, const Plugin& plugin, const facts::Facts& facts,
                                       const facts::Request& reads, const facts::Anonymiser* anonymiser) {
  if (::access(plugin.library.c_str(), R_OK) != 0) {
    return unexpected(errno_error(errno, "load the plugin's code (is it built?)", plugin.library));
  }
  const auto recorded = checks::record_facts(facts, reads, anonymiser);
  if (!recorded) return unexpected(recorded.error());
  auto database = sql::Database::open();
  if (!database) return unexpected(database.error());
  if (auto planned = plan(plugin, *database); !planned) return unexpected(planned.error());
  database->use(recorded->facts);
  const std::vector<Plugin> plugins = {plugin};
  Session session(plugins, recorded->facts, *database, Clock::now() + 2 * kLargestTime);
  facts::Facts brought;
  SessionResult said = session.finish(brought);
  if (!said.failures.empty()) {
    return unexpected(make_error(ErrorCode::failed, "record", plugin.name, said.failures.front().summary));
  }
  std::string text = checks::recorded_test(name, joined(plugin), *recorded, said.results);
  for (const Table& each : plugin.tables) {
    if (const facts::TableData* data = brought.find(each.info.name)) text += checks::brought_text(*data);
  }
  return text;
}

}  // namespace hostcheck::plugin
