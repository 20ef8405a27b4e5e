// What check plugins bring as facts of their own.
#pragma once

#include <cstdint>
#include <string>

#include "core/base/text_pool.h"
#include "core/facts/table.h"

namespace hostcheck::facts {

// One row of one plugin's own table. Each plugin has its own columns, so they are one JSON object.
struct PluginFact {
  Symbol plugin;          // its name
  Symbol table_name;      // of the plugin's own choice
  std::uint32_t row = 0;  // from 1, in the order in which the plugin gave them
  std::string data;       // {"port": 443, "upstream": "10.0.0.9"}
  static const TableInfo& table();
};

}  // namespace hostcheck::facts
