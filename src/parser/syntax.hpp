// The short forms people write in compose files and on command lines. Each throws base::Error that says what was
// expected; callers that know the place turn it into a SourceError.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace conductor::parser {

// "3000:8080", "127.0.0.1:3000:8080/udp", "8080", "9000-9010:8000-8010", "[::1]:80:80", "8000-8010:80".
struct PortMapping {
  std::string host_ip;
  int host_port = 0;  // 0: any free one
  int container_port = 0;
  int count = 1;
  std::string protocol = "tcp";
  int last_host_port = 0;  // not 0: any free one of host_port to this
  // Of compose's long form alone. `mode` and the two names say nothing on a single machine.
  std::string publish_scope;  // loopback, host or all; empty: not said
  std::string mode = "ingress", name, app_protocol;
};
PortMapping parse_port_mapping(std::string_view text);

// "service", "service:8080", "service:53/udp", "service:9000-9100", "project/service:80".
struct PeerReference {
  std::string peer;
  int first_port = 0;  // 0: all
  int last_port = 0;
  std::string protocol = "any";  // tcp when a port is given without one
};
PeerReference parse_peer(std::string_view text);

// "8080", "9000-9100", "53/udp": ports alone. Without a protocol both are meant.
struct PortRange {
  int first = 0;
  int last = 0;
  std::string protocol = "any";
};
PortRange parse_port_range(std::string_view text);

// Somewhere outside: "203.0.113.0/24", "2001:db8::1", "api.example.org", "*.example.org", each with ports behind a
// colon as PortRange has them ("api.example.org:443", "192.0.2.1:53/udp", "[2001:db8::]/32:443"); with ports and
// without a protocol TCP and UDP are meant.
struct Destination {
  std::string to;  // an address, network or name, in lower case, without brackets
  PortRange ports;
};
Destination parse_destination(std::string_view text);

// An IPv4 or IPv6 address, without brackets.
bool is_address(const std::string& text);
// A network of addresses to give out: "172.28.0.0/16", "fd00:1::/64". Answers it in its shortest form; throws when it
// is none, or has bits beyond its prefix.
std::string parse_subnet(std::string_view text);
// Whether an address is one of a subnet that parse_subnet has answered; false across families.
bool subnet_contains(const std::string& subnet, const std::string& address);
// A name of a host or a part of one: letters, digits, '.', '_' and '-'. Throws when it is none.
void check_host_name(const std::string& name);

// "name:address", "name=address"; an IPv6 address may stand in brackets.
struct HostEntry {
  std::string name;
  std::string address;
};
HostEntry parse_extra_host(std::string_view text);
// What parse_extra_host checks of both halves.
void check_extra_host(const HostEntry& entry);
// Of a name server; throws when it is none.
void check_name_server(const std::string& address);

enum class VolumeKind { bind, named, anonymous, tmpfs };
// "/host:/in:ro", "./rel:/in", "name:/in", "/in".
struct VolumeMount {
  VolumeKind kind = VolumeKind::anonymous;
  std::string source;  // host path as written, or volume name; empty for anonymous and tmpfs
  std::string target;  // absolute
  bool read_only = false;
  std::int64_t size = 0;    // tmpfs: bytes, 0 default
  std::int64_t inodes = 0;  // tmpfs
  unsigned mode = 01777;    // tmpfs
  bool allow_exec = false;  // tmpfs
  std::string propagation;  // "rprivate" when empty
  std::string subpath;      // named, anonymous
  bool recursive = true;    // bind
  bool copy = true;         // named, anonymous: an empty one takes the image's content
  bool relabel = false;     // z or Z was said, which means something with SELinux alone
};
VolumeMount parse_volume(std::string_view text);  // -v and compose's short form
VolumeMount parse_mount(std::string_view text);   // --mount type=bind,source=…,target=…,readonly
VolumeMount parse_tmpfs(std::string_view text);   // "/path:size=64m,nr_inodes=1k,mode=1770,exec"
unsigned parse_mode(std::string_view text);       // "1770", octal
// What the three check of a whole mount: its paths, its name, a source where one is needed and none where not.
void check_mount(const VolumeMount& mount);

// Words of a command line as a shell splits them (quotes and backslashes), without any expansion: compose's string
// commands.
std::vector<std::string> split_words(std::string_view text);

// "KEY=value", "KEY" lines of an env file; quotes, comments, `export`. A KEY alone has no value.
struct Variable {
  std::string name;
  std::optional<std::string> value;
};
std::vector<Variable> parse_env_file(std::string_view text, const std::string& file);

}  // namespace conductor::parser
