#include "core/cli/prompt.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <histedit.h>

#include "core/base/text.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"
#include "core/cli/prompt_words.h"

namespace hostcheck::cli {
namespace {

constexpr int kHistoryLines = 1000;

// Ctrl-C gives the line up, not the program.
void interrupted(int) {}

class Editor {
 public:
  Editor() {
    HistEvent event;
    history(history_.get(), &event, H_SETSIZE, kHistoryLines);
    history(history_.get(), &event, H_SETUNIQUE, 1);
    if (const char* file = std::getenv("HOSTCHECK_HISTORY"); file != nullptr && *file != '\0') {
      file_ = file;
      history(history_.get(), &event, H_LOAD, file_.c_str());
    }
    el_set(line_.get(), EL_CLIENTDATA, this);
    el_set(line_.get(), EL_PROMPT, &Editor::show_prompt);
    el_set(line_.get(), EL_EDITOR, "emacs");
    el_set(line_.get(), EL_SIGNAL, 0);
    el_set(line_.get(), EL_HIST, history, history_.get());
    el_set(line_.get(), EL_ADDFN, "hostcheck-complete", "complete the word", &Editor::complete);
    el_set(line_.get(), EL_BIND, "^I", "hostcheck-complete", nullptr);
    el_set(line_.get(), EL_BIND, "^R", "em-inc-search-prev", nullptr);
    struct sigaction action = {};
    action.sa_handler = interrupted;  // without SA_RESTART: el_gets returns
    sigaction(SIGINT, &action, &former_);
  }
  Editor(const Editor&) = delete;
  Editor& operator=(const Editor&) = delete;
  ~Editor() {
    sigaction(SIGINT, &former_, nullptr);
    HistEvent event;
    if (!file_.empty() && history(history_.get(), &event, H_SAVE, file_.c_str()) < 0) {
      complain("history could not be written to " + file_);
    }
  }

  enum class Got { line, interrupt, end };
  Got read(std::string& line, bool goes_on) {
    goes_on_ = goes_on;
    int count = 0;
    errno = 0;
    const char* text = el_gets(line_.get(), &count);
    if (text == nullptr || count <= 0) {
      if (errno != EINTR) return Got::end;
      el_reset(line_.get());
      return Got::interrupt;
    }
    line.assign(text, static_cast<std::size_t>(count));
    return Got::line;
  }
  void remember(const std::string& statement) {
    HistEvent event;
    history(history_.get(), &event, H_ENTER, std::string(trim(statement)).c_str());
  }
  // What came before on a statement of several lines; completion looks at it.
  std::string before;

 private:
  static Editor& of(EditLine* line) {
    void* self = nullptr;
    el_get(line, EL_CLIENTDATA, &self);
    return *static_cast<Editor*>(self);
  }
  static char* show_prompt(EditLine* line) {
    static std::string first = "hostcheck> ";
    static std::string next = "       ..> ";
    return of(line).goes_on_ ? next.data() : first.data();
  }
  static unsigned char complete(EditLine* line, int) {
    const LineInfo* info = el_line(line);
    const std::string typed(info->buffer, info->cursor);
    const auto words = words_for(of(line).before + typed);
    if (words.empty()) return CC_REFRESH_BEEP;
    const std::size_t begun = typed.size() - word_start(typed);
    std::string more = common_beginning(words).substr(begun);
    if (words.size() == 1) more += ' ';
    if (!more.empty()) return el_insertstr(line, more.c_str()) < 0 ? CC_ERROR : CC_REFRESH;
    std::string list = "\n";
    for (const std::string& word : words) list += word + "  ";
    (void)cli::print(list + "\n");
    return CC_REDISPLAY;
  }

  std::unique_ptr<History, decltype(&history_end)> history_{history_init(), &history_end};
  std::unique_ptr<EditLine, decltype(&el_end)> line_{el_init("hostcheck", stdin, stdout, stderr), &el_end};
  std::string file_;
  bool goes_on_ = false;
  struct sigaction former_ = {};
};

std::string help_text() {
  std::string out = "A SELECT that ends with ; is answered. Tab completes.\n";
  for (const PromptCommand& command : prompt_commands()) {
    out += fmt::format("  {:<20}{}\n", fmt::format("{} {}", command.name, command.argument), command.meaning);
  }
  return out;
}

std::vector<std::string> command_names() {
  std::vector<std::string> names;
  for (const PromptCommand& command : prompt_commands()) names.emplace_back(command.name);
  return names;
}

void set_observe(QueryOptions& options, const std::string& value) {
  if (value == "auto") {
    options.observe.reset();
    return;
  }
  if (const auto parsed = parse_duration(value)) {
    options.observe = *parsed;
  } else {
    complain(".observe '" + value + "': " + parsed.error().detail);
  }
}

// False when it says to leave.
bool obey(const std::string& line, QueryOptions& options) {
  const auto fields = split_fields(line);
  const std::string name(fields[0]);
  const std::string value(fields.size() > 1 ? fields[1] : std::string_view{});
  if (name == ".quit" || name == ".exit") return false;
  if (name == ".help") {
    (void)print(help_text());
  } else if (name == ".tables") {
    (void)tables(TablesOptions{options.rules, "", "text"});
  } else if (name == ".columns") {
    if (value.empty()) {
      complain(".columns: of which table? .tables lists them");
    } else {
      TablesOptions page;
      page.name = value;
      page.rules = options.rules;
      (void)tables(page);
    }
  } else if (name == ".format") {
    if (value == "table" || value == "json" || value == "csv") {
      options.format = value;
    } else {
      complain(".format '" + value + "': table, json or csv");
    }
  } else if (name == ".netns") {
    options.netns = value;
  } else if (name == ".observe") {
    set_observe(options, value);
  } else {
    complain("no command " + name + did_you_mean(name, command_names()) + "; .help lists them");
  }
  return true;
}

}  // namespace

int prompt(QueryOptions options, const std::function<void(const QueryOptions&)>& answer) {
  Editor editor;
  (void)print("Facts of this host, in SQL. .help shows the commands, .tables what can be asked.\n");
  std::string line;
  while (true) {
    const Editor::Got got = editor.read(line, !editor.before.empty());
    if (got == Editor::Got::end) break;
    if (got == Editor::Got::interrupt) {
      editor.before.clear();
      (void)print("\n");
      continue;
    }
    if (editor.before.empty() && trim(line).empty()) continue;
    if (editor.before.empty() && trim(line).starts_with('.')) {
      editor.remember(line);
      if (!obey(std::string(trim(line)), options)) return kExitOk;
      continue;
    }
    editor.before += line;
    if (!is_whole_statement(editor.before)) continue;
    options.sql = std::exchange(editor.before, {});
    editor.remember(options.sql);
    answer(options);
  }
  (void)print("\n");
  return kExitOk;
}

}  // namespace hostcheck::cli
