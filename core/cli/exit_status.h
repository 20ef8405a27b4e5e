// What the process ends with. Scripts rely on these.
#pragma once

namespace hostcheck::cli {

inline constexpr int kExitOk = 0;          // run: nothing at warning or above
inline constexpr int kExitWarning = 1;     // run: the worst finding is a warning; test: a test failed
inline constexpr int kExitCritical = 2;    // run: the worst finding is critical
inline constexpr int kExitUnknown = 3;     // the command itself failed, or a run could not see enough to judge
inline constexpr int kExitNpdProblem = 1;  // run --format npd: a finding at warning or above
inline constexpr int kExitNpdUnknown = 2;  // run --format npd: in place of kExitUnknown
inline constexpr int kExitUsage =
    64;  // wrong option, argument, id, parameter, configuration or SQL (sysexits EX_USAGE)

}  // namespace hostcheck::cli
