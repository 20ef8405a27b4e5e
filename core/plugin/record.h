// A host's present facts as a plugin's test.
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/facts/anonymous.h"
#include "core/facts/facts.h"
#include "core/facts/request.h"
#include "core/plugin/plugin.h"

namespace hostcheck::plugin {

// A [[test]] for the end of the plugin's tests.toml, as checks::record_test makes one of a rule: what is expected is
// what the plugin's checks say of the recorded facts now, in a child as in a run. Errors: its code is not there, it
// fails, or (code limit) there are more rows than checks::kMostRecordedRows.
[[nodiscard]] Result<std::string> record_plugin_test(std::string_view name, const Plugin& plugin,
                                                     const facts::Facts& facts, const facts::Request& reads,
                                                     const facts::Anonymiser* anonymiser);

}  // namespace hostcheck::plugin
