#include "core/base/text.h"
#include "core/cli/command_spec.h"
#include "core/cli/commands.h"
#include "core/cli/console.h"
#include "core/cli/exit_status.h"

namespace hostcheck::cli {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? std::string{} : std::string(" ")) + word;
  return all;
}

// What may follow an option or stand as an argument: shell words, or a command that prints them.
std::string values_for(const std::string& kind, const std::vector<std::string>& choices) {
  if (!choices.empty()) return joined(choices);
  if (kind == "ID" || kind == "GLOB") return "$(hostcheck checks 2>/dev/null | awk '/^[a-z_]+\\./ {print $1}')";
  if (kind == "NAME") return "$(hostcheck tables 2>/dev/null | awk '/^[a-z]/ {print $1}')";
  return {};
}

bool takes_path(const std::string& kind) {
  return kind == "FILE" || kind == "DIR" || kind == "PATH";
}

std::string bash_case(const CommandSpec& spec) {
  std::string options = "--help";
  std::string cases;
  for (const OptionSpec& option : spec.options) {
    options += " " + option.name;
    if (option.value.empty()) continue;
    if (option.name == "--netns") {
      cases += "        --netns) words=\"all $(ls /run/netns 2>/dev/null)\";;\n";
    } else if (takes_path(option.value)) {
      cases += "        " + option.name + ") COMPREPLY=($(compgen -f -- \"$word\")); return;;\n";
    } else if (option.value == "NAME" && option.choices.empty()) {
      cases += "        " + option.name +
               ") words=\"$(hostcheck checks 2>/dev/null | awk -F. '/^[a-z_]+\\./ {print $1}' | sort -u)\";;\n";
    } else {
      cases += "        " + option.name + ") words=\"" + values_for(option.value, option.choices) + "\";;\n";
    }
  }
  std::string otherwise = "words=\"" + options + " " + values_for(spec.argument, spec.argument_choices) + "\"";
  if (takes_path(spec.argument)) otherwise += "; COMPREPLY=($(compgen -f -- \"$word\"))";
  return "    " + spec.name + ")\n      case \"$previous\" in\n" + cases + "        *) " + otherwise +
         ";;\n      esac;;\n";
}

std::string bash_function() {
  std::vector<std::string> names;
  std::string cases;
  for (const CommandSpec& spec : command_specs()) {
    names.push_back(spec.name);
    cases += bash_case(spec);
  }
  return "_hostcheck() {\n"
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\" previous=\"${COMP_WORDS[COMP_CWORD-1]}\" words=\n"
         "  COMPREPLY=()\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    COMPREPLY=($(compgen -W \"" +
         joined(names) +
         " --help --version\" -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case \"${COMP_WORDS[1]}\" in\n" +
         cases +
         "  esac\n"
         "  COMPREPLY+=($(compgen -W \"$words\" -- \"$word\"))\n"
         "}\n"
         "complete -F _hostcheck hostcheck\n";
}

}  // namespace

std::string completion_script(const std::string& shell) {
  // zsh runs bash's completions. It loads the file when it is first asked, and wants an answer then too.
  if (shell == "zsh") {
    return "#compdef hostcheck\nautoload -U +X bashcompinit && bashcompinit\n" + bash_function() +
           "if [ \"${funcstack[1]}\" = _hostcheck ]; then _bash_complete -F _hostcheck; fi\n";
  }
  return "# bash completion of hostcheck\n" + bash_function();
}

int completion(const CompletionOptions& options) {
  return print(completion_script(options.shell)) ? kExitOk : kExitUnknown;
}

}  // namespace hostcheck::cli
