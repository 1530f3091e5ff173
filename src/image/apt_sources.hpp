// The host's apt configuration (sources.list(5), apt.conf(5)): which mirror it uses for a distribution. Parsing is
// pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::image {

struct AptSource {  // one enabled "deb" entry with one URI
  std::string uri;
  std::vector<std::string> suites;
  std::vector<std::string> components;
  std::string signed_by;  // key files; empty when not said
};

std::vector<AptSource> parse_deb822(std::string_view text);            // *.sources
std::vector<AptSource> parse_one_line_sources(std::string_view text);  // *.list

// The value of an option written on one line, `Acquire::http::Proxy "http://…";`, if any; comments are no options.
std::optional<std::string> find_apt_option(std::string_view configuration, std::string_view option);

// What of the host's configuration concerns bases.
struct AptConfiguration {
  std::vector<AptSource> sources;
  std::optional<std::string> proxy;  // Acquire::http::Proxy; not when "DIRECT"
  bool accepts_old_archive = false;  // Acquire::Check-Valid-Until "false": the mirror is a snapshot
};
// Reads sources.list, sources.list.d and apt.conf.d below `directory`; a file that is absent is empty. A source named
// mirror+file:PATH stands for the first mirror in that file.
AptConfiguration read_apt_configuration(const std::string& directory = "/etc/apt");

// The mirror for debootstrap: the first source of that distribution's own archive that is no security archive, one that
// has the suite before others. Nothing when there is none.
std::optional<std::string> mirror_of(const std::vector<AptSource>& sources, const std::string& distribution,
                                     const std::string& suite);

// Lines for a base's /etc/apt/sources.list: the suite, its updates and its security archive, as far as the host has
// them. A suite that is not the host's takes the place of the host's in the same archives. Empty when the host has
// none.
std::string sources_list_for(const std::vector<AptSource>& sources, const std::string& distribution,
                             const std::string& suite);

}  // namespace conductor::image
