// SPDX-License-Identifier: Apache-2.0
// Shell completion and the manual page, written from the description of the command line.
#include <algorithm>

#include "command_line.h"
#include "text.h"

namespace restride::cli {
namespace {

// The words that an option or argument may take: its type, "a|b|c". Capitals stand for something else.
std::vector<std::string> words_of(const CLI::Option& option) {
  std::vector<std::string> out;
  const std::string type = option.get_type_name();
  if (type.find('|') == std::string::npos) return out;
  for (const std::string& word : CLI::detail::split(type, '|'))
    if (std::none_of(word.begin(), word.end(), [](unsigned char c) { return std::isupper(c); })) out.push_back(word);
  return out;
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

std::vector<std::string> flags_of(const CLI::Option& option) {
  std::vector<std::string> out;
  for (const std::string& name : option.get_snames()) out.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) out.push_back("--" + name);
  return out;
}

bool takes_value(const CLI::Option& option) { return option.get_type_size() > 0 && option.get_expected_max() > 0; }

// Options of the command itself and of the groups in it, in order; positionals apart.
struct Options {
  std::vector<const CLI::Option*> flags, positionals;
};

void collect(const CLI::App& app, Options& to) {
  for (const CLI::Option* option : app.get_options())
    (option->get_positional() ? to.positionals : to.flags).push_back(option);
  for (const CLI::App* group : app.get_subcommands([](const CLI::App*) { return true; }))
    if (group->get_name().empty()) collect(*group, to);
}

Options options_of(const CLI::App& app) {
  Options out;
  collect(app, out);
  return out;
}

std::vector<const CLI::App*> commands(const CLI::App& app) {
  std::vector<const CLI::App*> out;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; }))
    if (!sub->get_name().empty()) out.push_back(sub);
  return out;
}

// Text inside single quotes of a shell.
std::string shell_text(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out;
}

std::string bash(const CLI::App& app) {
  std::vector<std::string> names;
  std::string cases, values;
  for (const CLI::App* sub : commands(app)) {
    names.push_back(sub->get_name());
    std::vector<std::string> flags;
    const Options options = options_of(*sub);
    for (const CLI::Option* option : options.flags) {
      std::vector<std::string> patterns;
      for (const std::string& flag : flags_of(*option)) {
        flags.push_back(flag);
        patterns.push_back(sub->get_name() + ":" + flag);
      }
      if (!takes_value(*option)) continue;
      const auto words = words_of(*option);
      values += "    " + joined(patterns, "|") + ")\n      " +
                (words.empty() ? std::string("COMPREPLY=($(compgen -f -- \"$word\"))")
                               : "COMPREPLY=($(compgen -W '" + joined(words, " ") + "' -- \"$word\"))") +
                "\n      return ;;\n";
    }
    std::vector<std::string> positional;
    for (const CLI::Option* option : options.positionals)
      for (const std::string& word : words_of(*option)) positional.push_back(word);
    cases += "    " + sub->get_name() + ")\n      flags='" + joined(flags, " ") + "'\n      words='" +
             joined(positional, " ") + "' ;;\n";
  }
  return "# bash completion for restride\n"
         "_restride() {\n"
         "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} flags='' words=''\n"
         "  if ((COMP_CWORD == 1)); then\n"
         "    COMPREPLY=($(compgen -W '" +
         joined(names, " ") +
         " --help --version' -- \"$word\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]}:$before in\n" +
         values +
         "  esac\n"
         "  case ${COMP_WORDS[1]} in\n" +
         cases +
         "  esac\n"
         "  if [[ $word == -* ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$flags\" -- \"$word\"))\n"
         "  elif [[ -n $words ]]; then\n"
         "    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "  else\n"
         "    COMPREPLY=($(compgen -f -- \"$word\"))\n"
         "  fi\n"
         "}\n"
         "complete -o filenames -o bashdefault -F _restride restride\n";
}

// Text inside the brackets of a zsh option specification.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : shell_text(text))
    out += (c == '[' || c == ']' || c == ':') ? std::string("\\") + c : std::string(1, c);
  return out;
}

std::string zsh(const CLI::App& app) {
  std::string described, cases;
  for (const CLI::App* sub : commands(app)) {
    described += "    '" + sub->get_name() + ":" + zsh_text(sub->get_description()) + "'\n";
    cases += "    " + sub->get_name() + ")\n      _arguments";
    const Options options = options_of(*sub);
    const auto action = [](const CLI::Option& option) {
      const auto words = words_of(option);
      return words.empty() ? std::string(":_files") : ":(" + joined(words, " ") + ")";
    };
    for (const CLI::Option* option : options.flags) {
      const auto flags = flags_of(*option);
      for (const std::string& flag : flags)
        cases += " \\\n        '(" + joined(flags, " ") + ")" + flag + "[" + zsh_text(option->get_description()) + "]" +
                 (takes_value(*option) ? ":value" + action(*option) : "") + "'";
    }
    for (const CLI::Option* option : options.positionals)
      cases += " \\\n        '*:" + zsh_text(option->get_name()) + action(*option) + "'";
    cases += " ;;\n";
  }
  return "#compdef restride\n"
         "_restride() {\n"
         "  local -a commands=(\n" +
         described +
         "  )\n"
         "  if ((CURRENT == 2)); then\n"
         "    _describe command commands\n"
         "    return\n"
         "  fi\n"
         "  local command=$words[2]\n"
         "  shift words\n"
         "  ((CURRENT--))\n"
         "  case $command in\n" +
         cases +
         "  esac\n"
         "}\n"
         "_restride \"$@\"\n";
}

std::string fish(const CLI::App& app) {
  std::string out = "# fish completion for restride\n";
  for (const CLI::App* sub : commands(app)) {
    const std::string& name = sub->get_name();
    out += "complete -c restride -n __fish_use_subcommand -f -a " + name + " -d '" +
           shell_text(sub->get_description()) + "'\n";
    const std::string prefix = "complete -c restride -n '__fish_seen_subcommand_from " + name + "'";
    const Options options = options_of(*sub);
    for (const CLI::Option* option : options.flags) {
      out += prefix;
      for (const std::string& flag : option->get_snames()) out += " -s " + flag;
      for (const std::string& flag : option->get_lnames()) out += " -l " + flag;
      const auto words = words_of(*option);
      if (takes_value(*option)) out += words.empty() ? " -r" : " -x -a '" + joined(words, " ") + "'";
      out += " -d '" + shell_text(option->get_description()) + "'\n";
    }
    for (const CLI::Option* option : options.positionals)
      if (const auto words = words_of(*option); !words.empty()) out += prefix + " -f -a '" + joined(words, " ") + "'\n";
  }
  return out;
}

// Text for troff: no line may start with a control character, backslashes and hyphens mean themselves.
std::string roff(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\')
      out += "\\e";
    else if (c == '-')
      out += "\\-";
    else
      out += c;
  }
  if (!out.empty() && (out[0] == '.' || out[0] == '\'')) out.insert(0, "\\&");
  return out;
}

std::string roff_option(const CLI::Option& option) {
  std::string out = ".TP\n";
  std::vector<std::string> names;
  if (option.get_positional()) {
    out += "\\fI" + roff(option.get_type_name()) + "\\fR\n";
  } else {
    for (const std::string& flag : flags_of(option)) names.push_back("\\fB" + roff(flag) + "\\fR");
    out += joined(names, ", ") + (takes_value(option) ? " \\fI" + roff(option.get_type_name()) + "\\fR" : "") + "\n";
  }
  return out + roff(option.get_description()) + ".\n";
}

}  // namespace

std::string completion(const CLI::App& app, const std::string& shell) {
  return shell == "zsh" ? zsh(app) : shell == "fish" ? fish(app) : bash(app);
}

std::string manual_page(const CLI::App& app) {
  std::string out = ".TH RESTRIDE 1 \"\" \"restride " + roff(version()) +
                    "\" \"User commands\"\n.SH NAME\nrestride \\- " + roff(app.get_description()) +
                    "\n.SH SYNOPSIS\n.B restride\n\\fICOMMAND\\fR [\\fIOPTION\\fR]... [\\fIPATH\\fR]...\n";
  out += ".SH COMMANDS\n";
  for (const CLI::App* sub : commands(app)) {
    out += ".SS " + roff(sub->get_name()) + "\n" + roff(sub->get_description()) + ".\n";
    const Options options = options_of(*sub);
    for (const CLI::Option* option : options.positionals) out += roff_option(*option);
    for (const CLI::Option* option : options.flags) out += roff_option(*option);
  }
  out +=
      ".SH FILES\nResults are written beside their target and renamed: a target is complete or not there. "
      "Formats that hold no metadata drop it.\n";
  out += ".SH EXIT STATUS\n";
  for (const auto& [code, text] : std::vector<std::pair<const char*, const char*>>{
           {"0", "All was done, or skipped by \\-\\-resume."},
           {"1", "Some pictures could not be read, decoded, encoded or written."},
           {"2", "The command line makes no sense."},
           {"3", "Nothing more can be done: no target folder, disk full, no such device."},
           {"130, 143", "Stopped by SIGINT (Ctrl\\-C) or SIGTERM; \\-\\-resume goes on."}})
    out += std::string(".TP\n.B ") + code + "\n" + text + "\n";
  out +=
      ".SH ENVIRONMENT\n.TP\n.B RESTRIDE_CUDA_LIBRARY_PATH\nFolders, separated by colons, in which NVIDIA's codec "
      "libraries are looked for first.\n";
  return out;
}

}  // namespace restride::cli
