#include "core/facts/plugin_fact.h"

namespace hostcheck::facts {

const TableInfo& PluginFact::table() {
  using Row = PluginFact;
  static const TableInfo info =
      TableBuilder<Row>("plugin_facts", "Rows that check plugins bring in a run; there are none without one")
          .key<&Row::plugin>("plugin", "", "plugin.toml name", "Name of the plugin")
          .key<&Row::table_name>("table", "", "hostcheck_output.row",
                                 "The plugin's own table; a keyword of SQL, write \"table\"")
          .key<&Row::row>("row", "", "hostcheck_output.row", "Number of the row among that plugin's, from 1")
          .column<&Row::data>("data", "", "hostcheck_output.row", "Its cells as a JSON object: data ->> 'name' is one")
          .build();
  return info;
}

}  // namespace hostcheck::facts
