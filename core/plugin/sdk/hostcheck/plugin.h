/* The boundary between hostcheck and a check plugin: plain C, so that compiler and standard library may differ.
 *
 * A plugin is a folder NAME with
 *   plugin.toml  its page: ids, parameters, and the SELECTs that it reads ("inputs"); plugins/README.md is the
 * reference plugin.so    its code, which exports hostcheck_plugin_entry() tests.toml   its tests on recorded facts
 *
 * hostcheck reads plugin.toml alone to know what to gather. It runs the SELECTs, forks, and in the child, without
 * privileges, loads plugin.so and calls check() once. So a plugin has the facts as rows in its memory, cannot change
 * them, and harms nobody but itself when it fails.
 *
 * Threads: check() is called once, on the only thread that there is; starting another fails. No function here may be
 * called from a signal handler.
 * Lifetime: everything that hostcheck hands over lives until check() returns. What the plugin hands to a function of
 * hostcheck_output is copied before that function returns.
 * Text: a pointer and a length in bytes, UTF-8, no zero byte at its end is promised or needed.
 * Units: each input column has the unit of its table's column (`hostcheck tables NAME`); times that hostcheck_input has
 * are in its members' names.
 * Errors: check() returns 0; anything else is a failure of the plugin, as are a crash, an exit, more time or memory
 * than plugin.toml asks for, and a system call that plugins may not make. Then all that it said before is thrown away,
 * its checks are `error`, and the report has the finding hostcheck.plugin_failed with the reason.
 *
 * Versions: a struct only ever grows at its end, and `size` says how much of it the other side knows; members beyond it
 * do not exist. HOSTCHECK_ABI changes only when that is not enough; then plugins of the other version are refused.
 */
#ifndef HOSTCHECK_PLUGIN_H
#define HOSTCHECK_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HOSTCHECK_ABI 1u
/* The hostcheck release that this header is from; in messages only. */
#define HOSTCHECK_SDK_VERSION "0.1.0"

struct hostcheck_text {
  const char* data; /* may be NULL when size is 0 */
  size_t size;      /* bytes */
};

enum hostcheck_kind { HOSTCHECK_NULL = 0, HOSTCHECK_INTEGER = 1, HOSTCHECK_REAL = 2, HOSTCHECK_TEXT = 3 };

/* One value. Booleans are the integers 0 and 1. Addresses are text as inet_ntop(3) writes them. */
struct hostcheck_value {
  uint32_t kind; /* enum hostcheck_kind; says which of the others counts */
  uint32_t unused;
  int64_t integer;
  double real;
  struct hostcheck_text text;
};

/* A value with its name: a parameter, a part of a finding's subject, a cell of a row. */
struct hostcheck_field {
  struct hostcheck_text name;
  struct hostcheck_value value;
};

/* The answer of one [[input]]. */
struct hostcheck_table {
  struct hostcheck_text name;          /* of the [[input]] */
  uint64_t rows;                       /* 0 too where nothing could be read */
  uint64_t columns;                    /* of each row */
  const struct hostcheck_text* column; /* their names, `columns` of them */
  const struct hostcheck_value* cell;  /* rows * columns, row by row */
  struct hostcheck_text absent;        /* why part or all of what it reads could not be read; "" where all was */
};

/* One column of a [[table]]. */
struct hostcheck_column {
  struct hostcheck_text name;
  uint32_t kind;   /* enum hostcheck_kind of its values; they may be NULL too. Booleans are integers */
  uint32_t is_key; /* 1: part of what tells rows apart */
  struct hostcheck_text unit;
};

/* A [[table]] of plugin.toml, whose rows hostcheck_output.row takes. */
struct hostcheck_own_table {
  struct hostcheck_text name;
  uint64_t columns;
  const struct hostcheck_column* column;
};

struct hostcheck_input {
  uint32_t size;                 /* bytes of this struct that hostcheck filled */
  uint32_t abi;                  /* HOSTCHECK_ABI of hostcheck */
  struct hostcheck_text version; /* release of hostcheck, "0.1.0" */
  uint64_t observed_ms;          /* time between the two samples; 0: there was one, and no _delta */
  uint64_t tables;               /* inputs, in the order of plugin.toml */
  const struct hostcheck_table* table;
  uint64_t params; /* parameters of all checks of the plugin, with the values that are set */
  const struct hostcheck_field* param;
  uint64_t checks; /* ids of its checks that are asked for; findings of others are left out */
  const struct hostcheck_text* check;
  /* The plugin's own tables as hostcheck knows them. Here only where `size` says so. */
  uint64_t own_tables;
  const struct hostcheck_own_table* own_table;
};

enum hostcheck_severity { HOSTCHECK_INFO = 0, HOSTCHECK_WARNING = 1, HOSTCHECK_CRITICAL = 2, HOSTCHECK_DEFAULT = 255 };
enum hostcheck_status {
  HOSTCHECK_CONFIRMED = 0,
  HOSTCHECK_SUSPECTED = 1,
  HOSTCHECK_INCONCLUSIVE = 2,
  HOSTCHECK_REFUTED = 3,
  HOSTCHECK_BY_CLAIM = 255 /* confirmed, or suspected where plugin.toml says claim = "likely" */
};

struct hostcheck_evidence {
  struct hostcheck_text what;   /* "accept queue" */
  struct hostcheck_value value; /* 57 */
  struct hostcheck_text unit;   /* "SYNs"; "" for names */
  struct hostcheck_text source; /* "sock_diag SK_MEMINFO_DROPS" */
  uint32_t over_window;         /* 1: counted or seen between the two samples; 0: the state now */
  uint32_t unused;
};

struct hostcheck_exclusion {
  struct hostcheck_text id;      /* the check that is excluded */
  struct hostcheck_text because; /* "61 of 262144 entries" */
};

struct hostcheck_fix {
  struct hostcheck_text text;
  struct hostcheck_text command; /* "" when it takes more than a command */
  struct hostcheck_text persist; /* where it is kept over a reboot; may be "" */
};

/* A finding. title, why, references and, where `fixes` is 0, the cures are those of plugin.toml. */
struct hostcheck_finding {
  uint32_t size;     /* sizeof(struct hostcheck_finding) */
  uint32_t severity; /* enum hostcheck_severity; critical needs claim = "live" */
  uint32_t status;   /* enum hostcheck_status */
  uint32_t unused;
  struct hostcheck_text id;      /* one of the plugin's checks */
  struct hostcheck_text summary; /* one line with the numbers in it */
  uint64_t subjects;             /* names are among plugin.toml's subject; NULL values are left out */
  const struct hostcheck_field* subject;
  uint64_t evidences;
  const struct hostcheck_evidence* evidence;
  uint64_t exclusions;
  const struct hostcheck_exclusion* exclusion;
  uint64_t fixes;
  const struct hostcheck_fix* fix;
};

/* Asks for a probe. The run decides whether it is sent: within --probe and --budget, and only to this host's next hops,
 * addresses and resolvers and to named targets. Once it was answered, a plugin that has an input which reads a table of
 * probes is started again, in a new process, with the answers in that input, and its findings then take the place of
 * the first ones. */
struct hostcheck_probe {
  uint32_t size; /* sizeof(struct hostcheck_probe) */
  uint32_t unused;
  struct hostcheck_text id;     /* the check that asks */
  struct hostcheck_text kind;   /* "connect", "sweep", "pmtu", "trace", "gateway", "dns", "listener" */
  struct hostcheck_text target; /* "10.0.0.1:443" */
  struct hostcheck_text netns;  /* namespace to send from */
  uint64_t arguments;
  const struct hostcheck_field* argument;
};

/* What check() answers with. Every function takes `context` as its first argument. */
struct hostcheck_output {
  uint32_t size; /* bytes of this struct that hostcheck filled */
  uint32_t unused;
  void* context;
  void (*finding)(void* context, const struct hostcheck_finding* finding);
  /* The check could not judge, or not all: `unknown` with this reason unless it has findings. */
  void (*unknown)(void* context, struct hostcheck_text id, struct hostcheck_text reason);
  /* One row for a [[table]] of plugin.toml. Fields are its columns by their names, in any order; those left out are
   * NULL. A table or column that is not declared, or a value of another type, is a failure of the plugin. */
  void (*row)(void* context, struct hostcheck_text table, uint64_t fields, const struct hostcheck_field* field);
  void (*probe)(void* context, const struct hostcheck_probe* probe);
  /* Not all rows of a [[table]] can be told, for this reason: who reads it is told so. Here only where `size` says so.
   */
  void (*absent)(void* context, struct hostcheck_text table, struct hostcheck_text reason);
};

/* The descriptor. It and what it points to live as long as the shared object is loaded. */
struct hostcheck_plugin {
  uint32_t abi;            /* HOSTCHECK_ABI of the header that it was built with */
  uint32_t size;           /* sizeof(struct hostcheck_plugin) of that header */
  const char* name;        /* as in plugin.toml, ends with a zero byte */
  const char* sdk_version; /* HOSTCHECK_SDK_VERSION of that header, ends with a zero byte */
  /* Judges once. 0: done; else it failed, and *failure (zero byte at its end, may stay NULL) says how. */
  int (*check)(const struct hostcheck_input* input, const struct hostcheck_output* output, const char** failure);
};

/* What plugin.so exports. Never NULL. */
const struct hostcheck_plugin* hostcheck_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif
