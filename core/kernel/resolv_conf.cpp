#include "core/kernel/resolv_conf.h"

#include <algorithm>

#include "core/base/text.h"
#include "core/kernel/proc_text.h"

namespace hostcheck::kernel {
namespace {

// "ndots:3" -> 3, at most limit as glibc has it; nothing for another option.
void take_option(std::string_view option, std::string_view name, std::uint32_t limit, std::uint32_t& value) {
  if (!option.starts_with(name)) return;
  // atoi(3) reads leading digits only.
  const std::string_view digits =
      option.substr(name.size(), option.find_first_not_of("0123456789", name.size()) - name.size());
  value = digits.empty() ? 0 : std::min(parse_number<std::uint32_t>(digits).value_or(limit), limit);
}

void parse_options(std::string_view text, facts::ResolverConfig& config) {
  for (const std::string_view option : split_fields(text)) {
    // RES_MAXNDOTS, RES_MAXRETRANS and RES_MAXRETRY of resolv.h
    take_option(option, "ndots:", 15, config.ndots);
    take_option(option, "timeout:", 30, config.timeout_s);
    take_option(option, "attempts:", 5, config.attempts);
    if (option == "rotate") config.rotate = true;
    if (option == "use-vc") config.use_tcp = true;
    if (option == "single-request") config.single_request = true;
    config.options += (config.options.empty() ? "" : " ") + std::string(option);
  }
}

std::optional<NameServer> parse_server(std::string_view text) {
  const std::string_view word = trim(text);
  const std::string_view address = word.substr(0, word.find_first_of(";# \t"));
  const std::size_t percent = address.find('%');
  const auto parsed = IpAddress::parse(address.substr(0, percent));
  if (!parsed) return std::nullopt;
  NameServer server{*parsed, {}};
  if (percent != std::string_view::npos) server.scope = address.substr(percent + 1);
  return server;
}

std::string join(const std::vector<std::string_view>& words) {
  std::string joined;
  for (const std::string_view word : words) {
    if (!joined.empty()) joined += ' ';
    joined += word;
  }
  return joined;
}

void parse_line(std::string_view line, ResolvConf& conf) {
  const std::size_t keyword_end = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view keyword = line.substr(0, keyword_end);
  const std::string_view value = line.substr(keyword_end);
  if (keyword == "nameserver") {
    if (auto server = parse_server(value)) {
      conf.servers.push_back(std::move(*server));
      return;
    }
  } else if (keyword == "search") {
    conf.config.search = join(split_fields(value));
    return;
  } else if (keyword == "domain") {
    const auto words = split_fields(value);
    conf.config.search = words.empty() ? std::string{} : std::string(words.front());
    return;
  } else if (keyword == "options") {
    parse_options(value, conf.config);
    return;
  } else if (keyword == "sortlist") {
    return;
  }
  conf.config.unknown += (conf.config.unknown.empty() ? "" : "; ") + std::string(trim(line));
}

}  // namespace

ResolvConf parse_resolv_conf(std::string_view text) {
  ResolvConf conf;
  while (!text.empty()) {
    std::string_view line = take_line(text);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trim(line).empty() || line.front() == ';' || line.front() == '#') continue;
    parse_line(line, conf);
  }
  conf.config.present = true;
  conf.config.nameservers = static_cast<std::uint32_t>(conf.servers.size());
  return conf;
}

namespace {

// The file of /etc with this name that processes in the namespace see.
std::string etc_path(const FileTree& files, const NetnsInfo& netns, std::string_view name) {
  constexpr std::string_view kNamed = "/run/netns/";
  const std::string common = "/etc/" + std::string(name);
  if (netns.here) return common;
  if (netns.path.starts_with(kNamed)) {
    const std::string own = "/etc/netns/" + netns.path.substr(kNamed.size()) + "/" + std::string(name);
    return files.exists(own) ? own : common;
  }
  const std::size_t pid_end = netns.path.find("/ns/net");
  if (!netns.path.starts_with("/proc/") || pid_end == std::string::npos) return common;
  // The first namespace is opened by a kernel thread where process 1 cannot be looked at; that has the same root
  // folder.
  const std::string root = netns.path.substr(0, pid_end) + "/root";
  // A link to an absolute path would be followed from our own root folder.
  if (const auto target = files.read_link(root + common); target && target->starts_with('/')) return root + *target;
  return root + common;
}

}  // namespace

std::string resolv_conf_path(const FileTree& files, const NetnsInfo& netns) {
  return etc_path(files, netns, "resolv.conf");
}

std::string hosts_path(const FileTree& files, const NetnsInfo& netns) {
  return etc_path(files, netns, "hosts");
}

}  // namespace hostcheck::kernel
