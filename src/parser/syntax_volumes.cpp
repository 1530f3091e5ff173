// Volumes and mounts: `-v`, `--mount`, `--tmpfs` and compose's short forms.
#include "base/text.hpp"
#include "base/units.hpp"
#include "parser/diagnostics.hpp"
#include "parser/substitution.hpp"
#include "parser/syntax.hpp"

#include <algorithm>

namespace conductor::parser {

namespace {

constexpr const char* volume_forms = "[SOURCE:]/PATH[:ro|rw]";

void check_target(const std::string& target, std::string_view what) {
  if (!target.starts_with('/'))
    throw base::Error(show(what) + ": the path in the container must begin with '/', not " + show(target));
  if (target.find_first_not_of('/') == std::string::npos)
    throw base::Error(show(what) + ": nothing can be mounted over '/'");
}

bool is_host_path(std::string_view source) {
  return source.starts_with('/') || source.starts_with('.') || source.starts_with('~');
}

bool is_volume_name(std::string_view name) {
  const auto inner = [](char c) { return is_name_char(c) || c == '-' || c == '.'; };
  return !name.empty() && is_name_char(name.front()) && name.front() != '_' &&
         std::all_of(name.begin(), name.end(), inner);
}

void check_volume_name(const std::string& name, std::string_view what) {
  if (!is_volume_name(name))
    throw base::Error(show(what) + ": " + show(name) +
                      " is no name of a volume; host paths begin with '/', './' or '~'");
}

bool is_propagation(std::string_view text) {
  return text == "private" || text == "rprivate" || text == "shared" || text == "rshared" || text == "slave" ||
         text == "rslave";
}

void check_propagation(const std::string& text, std::string_view what) {
  if (!is_propagation(text))
    throw base::Error(show(what) + ": unknown propagation " + show(text) +
                      "; expected rprivate, private, rslave, slave, rshared or shared");
}

// What docker takes for hosts that are virtual machines of another system, and what is so anyway.
bool says_nothing(const std::string& option) {
  return option == "rw" || option == "consistent" || option == "cached" || option == "delegated" || option == "rbind";
}

void apply_volume_option(VolumeMount& mount, const std::string& option, std::string_view what) {
  const bool bind = mount.kind == VolumeKind::bind;
  if (option == "ro")
    mount.read_only = true;
  else if (is_propagation(option) && bind)
    mount.propagation = option;
  else if (is_propagation(option))
    throw base::Error(show(what) + ": only a bind mount has a propagation");
  else if (option == "nocopy" && !bind)
    mount.copy = false;
  else if (option == "z" || option == "Z")
    mount.relabel = true;
  else if (option == "U")
    throw base::Error(show(what) + ": option 'U' is not supported: change the owner of what is mounted yourself");
  else if (!says_nothing(option))
    throw base::Error(show(what) + ": unknown option " + show(option) +
                      "; expected ro, rw, nocopy, z, Z, or of a bind mount rprivate, rslave, rshared …");
}

std::int64_t size_of(const std::string& value, std::string_view what) {
  const auto size = base::parse_size(value);
  if (!size) throw base::Error(show(what) + ": expected a size such as 64m, not " + show(value));
  return *size;
}

void apply_tmpfs_option(VolumeMount& mount, const std::string& option, std::string_view what) {
  const auto equals = option.find('=');
  const std::string name = option.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
  if (name == "size")
    mount.size = size_of(value, what);
  else if (name == "nr_inodes")
    mount.inodes = size_of(value, what);
  else if (name == "mode")
    mount.mode = parse_mode(value);
  else if (option == "ro")
    mount.read_only = true;
  else if (option == "exec" || option == "noexec")
    mount.allow_exec = option == "exec";
  else if (option == "suid" || option == "dev")
    throw base::Error(show(what) + ": a tmpfs has neither set-user-ID programs nor devices: " + show(option));
  else if (option != "rw" && option != "nosuid" && option != "nodev")
    throw base::Error(show(what) + ": unknown option " + show(option) +
                      "; expected size=, nr_inodes=, mode=, exec, noexec, ro or rw");
}

}  // namespace

unsigned parse_mode(std::string_view text) {
  constexpr std::size_t digits = 5;
  if (text.empty() || text.size() > digits || text.find_first_not_of("01234567") != std::string_view::npos)
    throw base::Error("expected a mode of octal digits such as 1770, not " + show(text));
  unsigned mode = 0;
  for (const char c : text) mode = mode * 8 + static_cast<unsigned>(c - '0');
  if (mode > 07777) throw base::Error("expected a mode of at most 7777, not " + show(text));
  return mode;
}

VolumeMount parse_volume(std::string_view text) {
  VolumeMount mount;
  const auto parts = base::split(text, ':');
  if (parts.size() > 3 || text.empty()) throw base::Error(show(text) + ": expected " + volume_forms);
  if (parts.size() > 1) {
    mount.source = parts[0];
    mount.kind = is_host_path(mount.source) ? VolumeKind::bind : VolumeKind::named;
    if (mount.kind == VolumeKind::named) check_volume_name(mount.source, text);
  }
  mount.target = parts.size() == 1 ? parts[0] : parts[1];
  check_target(mount.target, text);
  if (parts.size() == 3)
    for (const auto& option : base::split(parts[2], ',')) apply_volume_option(mount, option, text);
  return mount;
}

VolumeMount parse_tmpfs(std::string_view text) {
  VolumeMount mount;
  mount.kind = VolumeKind::tmpfs;
  const auto colon = text.find(':');
  mount.target = text.substr(0, colon);
  check_target(mount.target, text);
  if (colon == std::string_view::npos) return mount;
  for (const auto& option : base::split(text.substr(colon + 1), ',')) apply_tmpfs_option(mount, option, text);
  return mount;
}

namespace {

bool switched_on(const std::string& value, std::string_view what) {
  if (value.empty() || value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  throw base::Error(show(what) + ": expected true or false, not " + show(value));
}

VolumeKind mount_kind(const std::string& type, std::string_view what) {
  if (type == "bind") return VolumeKind::bind;
  if (type == "volume") return VolumeKind::named;
  if (type == "tmpfs") return VolumeKind::tmpfs;
  throw base::Error(show(what) + ": unknown type " + show(type) + "; expected bind, volume or tmpfs");
}

// docker's modes of what is mounted below a bind: "ro" is recursive here in any case.
bool is_recursive(const std::string& value, std::string_view what) {
  if (value == "disabled") return false;
  if (value == "writable")
    throw base::Error(show(what) +
                      ": bind-recursive=writable is not supported: read-only means all that is mounted below");
  if (value != "enabled" && value != "readonly")
    throw base::Error(show(what) + ": expected bind-recursive=enabled, disabled or readonly, not " + show(value));
  return true;
}

// True when the field is one of a kind.
bool apply_kind_field(VolumeMount& mount, const std::string& name, const std::string& value, std::string_view what) {
  if (name == "tmpfs-size")
    mount.size = size_of(value, what);
  else if (name == "tmpfs-inodes")
    mount.inodes = size_of(value, what);
  else if (name == "tmpfs-mode")
    mount.mode = parse_mode(value);
  else if (name == "tmpfs-exec")
    mount.allow_exec = switched_on(value, what);
  else if (name == "bind-propagation")
    mount.propagation = value;
  else if (name == "bind-nonrecursive")
    mount.recursive = !switched_on(value, what);
  else if (name == "bind-recursive")
    mount.recursive = is_recursive(value, what);
  else if (name == "volume-nocopy")
    mount.copy = !switched_on(value, what);
  else if (name == "volume-subpath")
    mount.subpath = value;
  else
    return false;
  return true;
}

void apply_mount_field(VolumeMount& mount, const std::string& name, const std::string& value, std::string_view what) {
  static const std::vector<std::string> names = {
      "type",       "source",     "target",           "readonly",       "tmpfs-size",    "tmpfs-inodes",
      "tmpfs-mode", "tmpfs-exec", "bind-propagation", "bind-recursive", "volume-nocopy", "volume-subpath"};
  if (apply_kind_field(mount, name, value, what)) return;
  if (name == "type")
    mount.kind = mount_kind(value, what);
  else if (name == "source" || name == "src")
    mount.source = value;
  else if (name == "target" || name == "dst" || name == "destination")
    mount.target = value;
  else if (name == "readonly" || name == "ro")
    mount.read_only = switched_on(value, what);
  else if (name == "volume-driver" && value != "local")
    throw base::Error(show(what) + ": there is no volume driver " + show(value) + ", only local");
  else if (name == "volume-opt" || name == "volume-label")
    throw base::Error(show(what) + ": " + name + " is not supported: make the volume first (conductor volume create)");
  else if (name != "consistency" && name != "volume-driver")
    throw base::Error(show(what) + ": unknown field " + show(name) + base::did_you_mean(name, names));
}

// Relative, and with no "..": it is resolved in the volume, but what it means is to be seen.
void check_subpath(const std::string& subpath, std::string_view what) {
  const auto parts = base::split(subpath, '/');
  if (subpath.starts_with('/') || std::find(parts.begin(), parts.end(), "..") != parts.end())
    throw base::Error(show(what) + ": the subpath " + show(subpath) + " must be relative to the volume, without '..'");
}

}  // namespace

void check_mount(const VolumeMount& mount) {
  const std::string what = mount.source.empty() ? mount.target : mount.source + ":" + mount.target;
  check_target(mount.target, what);
  if (mount.kind == VolumeKind::bind && mount.source.empty())
    throw base::Error(show(what) + ": a bind mount needs a source");
  if (mount.kind == VolumeKind::tmpfs && !mount.source.empty())
    throw base::Error(show(what) + ": a tmpfs has no source");
  if (mount.kind == VolumeKind::named) check_volume_name(mount.source, what);
  if (!mount.propagation.empty()) {
    if (mount.kind != VolumeKind::bind) throw base::Error(show(what) + ": only a bind mount has a propagation");
    check_propagation(mount.propagation, what);
  }
  const bool tmpfs = mount.kind == VolumeKind::tmpfs, bind = mount.kind == VolumeKind::bind;
  if (!tmpfs && (mount.size != 0 || mount.inodes != 0)) throw base::Error(show(what) + ": only a tmpfs has a size");
  if (!tmpfs && (mount.mode != VolumeMount().mode || mount.allow_exec))
    throw base::Error(show(what) + ": only a tmpfs has a mode, or needs a word for executing");
  if (!bind && !mount.recursive) throw base::Error(show(what) + ": only a bind mount is recursive or not");
  if ((bind || tmpfs) && (!mount.copy || !mount.subpath.empty()))
    throw base::Error(show(what) + ": only a volume takes content, or has a subpath");
  check_subpath(mount.subpath, what);
}

VolumeMount parse_mount(std::string_view text) {
  VolumeMount mount;
  mount.kind = VolumeKind::named;
  for (const auto& field : base::split(text, ',')) {
    const auto equals = field.find('=');
    apply_mount_field(mount, base::lower(field.substr(0, equals)),
                      equals == std::string::npos ? "" : field.substr(equals + 1), text);
  }
  if (mount.kind == VolumeKind::named && mount.source.empty()) mount.kind = VolumeKind::anonymous;
  check_mount(mount);
  return mount;
}

}  // namespace conductor::parser
