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

void apply_volume_option(VolumeMount& mount, const std::string& option, std::string_view what) {
  if (option == "ro")
    mount.read_only = true;
  else if (is_propagation(option) && mount.kind == VolumeKind::bind)
    mount.propagation = option;
  else if (option == "z" || option == "Z")
    throw base::Error(show(what) + ": option " + show(option) + " is not supported yet");
  else if (option != "rw")
    throw base::Error(show(what) + ": unknown option " + show(option) + "; expected ro or rw");
}

std::int64_t size_of(const std::string& value, std::string_view what) {
  const auto size = base::parse_size(value);
  if (!size) throw base::Error(show(what) + ": expected a size such as 64m, not " + show(value));
  return *size;
}

}  // namespace

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
  for (const auto& option : base::split(text.substr(colon + 1), ',')) {
    const auto equals = option.find('=');
    const std::string name = option.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : option.substr(equals + 1);
    if (name == "size")
      mount.size = size_of(value, text);
    else if (name == "nr_inodes")
      mount.inodes = size_of(value, text);
    else if (option == "ro")
      mount.read_only = true;
    else if (option != "rw")
      throw base::Error(show(text) + ": unknown option " + show(option) + "; expected size=, nr_inodes=, ro or rw");
  }
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

void apply_mount_field(VolumeMount& mount, const std::string& name, const std::string& value, std::string_view what) {
  static const std::vector<std::string> names = {"type",       "source",       "target",          "readonly",
                                                 "tmpfs-size", "tmpfs-inodes", "bind-propagation"};
  if (name == "type")
    mount.kind = mount_kind(value, what);
  else if (name == "source" || name == "src")
    mount.source = value;
  else if (name == "target" || name == "dst" || name == "destination")
    mount.target = value;
  else if (name == "readonly" || name == "ro")
    mount.read_only = switched_on(value, what);
  else if (name == "tmpfs-size")
    mount.size = size_of(value, what);
  else if (name == "tmpfs-inodes")
    mount.inodes = size_of(value, what);
  else if (name == "bind-propagation")
    mount.propagation = value;
  else
    throw base::Error(show(what) + ": unknown field " + show(name) + base::did_you_mean(name, names));
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
  if (mount.size != 0 && mount.kind != VolumeKind::tmpfs) throw base::Error(show(what) + ": only a tmpfs has a size");
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
