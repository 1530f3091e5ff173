#include "parser/syntax.hpp"

#include "base/source.hpp"
#include "base/text.hpp"
#include "base/units.hpp"
#include "parser/diagnostics.hpp"
#include "parser/substitution.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace conductor::parser {
namespace {

constexpr const char* port_forms = "[ADDRESS:][HOST_PORT:]PORT[/tcp|udp]";
constexpr const char* volume_forms = "[SOURCE:]/PATH[:ro|rw]";

struct Ports {
  int first = 0;
  int last = 0;
};

// "8080" or "8000-8010"; `what` names the text in the message.
Ports parse_ports(std::string_view text, std::string_view what, int lowest = 1) {
  const auto dash = text.find('-');
  const auto first = base::parse_number(text.substr(0, dash), 65535);
  const auto last = dash == std::string_view::npos ? first : base::parse_number(text.substr(dash + 1), 65535);
  if (!first || !last || *first < lowest || *last < *first)
    throw base::Error(show(what) + ": expected a port of 1-65535 or a range such as 8000-8010, not " + show(text));
  return {static_cast<int>(*first), static_cast<int>(*last)};
}

// The part after the last '/', in lower case, taken off `text`.
std::string take_protocol(std::string_view& text, std::string_view what) {
  const auto slash = text.rfind('/');
  if (slash == std::string_view::npos) return "tcp";
  std::string protocol = base::lower(text.substr(slash + 1));
  if (protocol != "tcp" && protocol != "udp")
    throw base::Error(show(what) + ": expected tcp or udp after '/', not " + show(text.substr(slash + 1)));
  text = text.substr(0, slash);
  return protocol;
}

bool is_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

// The address in front of the ports, without brackets, taken off `text` with its colon; empty when there is none.
std::string take_address(std::string_view& text, std::string_view what) {
  std::string address;
  if (text.starts_with('[')) {
    const auto close = text.find("]:");
    if (close == std::string_view::npos) throw base::Error(show(what) + ": expected ']:' after the address");
    address = text.substr(1, close - 1);
    text.remove_prefix(close + 2);
  } else if (std::count(text.begin(), text.end(), ':') >= 2) {
    const auto colon = text.rfind(':', text.rfind(':') - 1);
    address = text.substr(0, colon);
    text.remove_prefix(colon + 1);
  } else {
    return {};
  }
  if (!is_address(address))
    throw base::Error(show(what) + ": " + show(address) + " is no IP address; expected " + port_forms);
  return address;
}

}  // namespace

PortMapping parse_port_mapping(std::string_view text) {
  PortMapping mapping;
  std::string_view rest = text;
  mapping.protocol = take_protocol(rest, text);
  mapping.host_ip = take_address(rest, text);
  const auto colon = rest.find(':');
  const auto inner_text = colon == std::string_view::npos ? rest : rest.substr(colon + 1);
  const auto inner = parse_ports(inner_text, text);
  mapping.container_port = inner.first;
  mapping.count = inner.last - inner.first + 1;
  const auto outer_text = colon == std::string_view::npos ? std::string_view{} : rest.substr(0, colon);
  if (outer_text.empty() || outer_text == "0") {
    if (colon != std::string_view::npos && outer_text.empty() && mapping.host_ip.empty())
      throw base::Error(show(text) + ": a port is missing before ':'; expected " + port_forms);
    return mapping;
  }
  const auto outer = parse_ports(outer_text, text);
  if (outer.last - outer.first != inner.last - inner.first)
    throw base::Error(show(text) + ": both ranges must have the same number of ports");
  mapping.host_port = outer.first;
  return mapping;
}

PeerReference parse_peer(std::string_view text) {
  PeerReference reference;
  const auto colon = text.find(':');
  reference.peer = text.substr(0, colon);
  const bool named = !reference.peer.empty() && reference.peer.front() != '/' && reference.peer.back() != '/' &&
                     std::count(reference.peer.begin(), reference.peer.end(), '/') <= 1;
  const auto is_name = [](char c) { return is_name_char(c) || c == '-' || c == '.' || c == '/'; };
  if (!named || !std::all_of(reference.peer.begin(), reference.peer.end(), is_name))
    throw base::Error(show(text) + ": expected NAME[:PORT[-PORT][/tcp|udp]]");
  if (colon == std::string_view::npos) return reference;
  std::string_view ports = text.substr(colon + 1);
  reference.protocol = take_protocol(ports, text);
  const auto range = parse_ports(ports, text);
  reference.first_port = range.first;
  reference.last_port = range.last;
  return reference;
}

// --- volumes
// ----------------------------------------------------------------------------------------------------------

namespace {

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
  else if (name == "bind-propagation" && is_propagation(value))
    mount.propagation = value;
  else if (name == "bind-propagation")
    throw base::Error(show(what) + ": " + show(value) +
                      " is no propagation; expected rprivate, rshared, rslave, private, shared or slave");
  else
    throw base::Error(show(what) + ": unknown field " + show(name) + base::did_you_mean(name, names));
}

}  // namespace

VolumeMount parse_mount(std::string_view text) {
  VolumeMount mount;
  mount.kind = VolumeKind::named;
  for (const auto& field : base::split(text, ',')) {
    const auto equals = field.find('=');
    apply_mount_field(mount, base::lower(field.substr(0, equals)),
                      equals == std::string::npos ? "" : field.substr(equals + 1), text);
  }
  check_target(mount.target, text);
  if (mount.kind == VolumeKind::bind && mount.source.empty())
    throw base::Error(show(text) + ": a bind mount needs source=");
  if (mount.kind == VolumeKind::tmpfs && !mount.source.empty())
    throw base::Error(show(text) + ": a tmpfs has no source");
  if (mount.kind == VolumeKind::named && mount.source.empty()) mount.kind = VolumeKind::anonymous;
  if (mount.kind == VolumeKind::named) check_volume_name(mount.source, text);
  return mount;
}

// --- words and environment files
// --------------------------------------------------------------------------------------

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool begun = false;  // quotes make a word even of nothing
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool escapes = c == '\\' && quote != '\'' && i + 1 < text.size() &&
                         (quote == 0 || std::string_view("\\\"$`\n").find(text[i + 1]) != std::string_view::npos);
    if (quote == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r')) {
      if (begun) words.push_back(std::move(word));
      word.clear();
      begun = false;
      continue;
    }
    begun = true;
    if (escapes)
      word += text[++i];
    else if (quote == 0 && (c == '"' || c == '\''))
      quote = c;
    else if (c == quote)
      quote = 0;
    else
      word += c;
  }
  if (quote != 0) throw base::Error(show(text) + ": a quote is not closed; expected another " + quote);
  if (begun) words.push_back(std::move(word));
  return words;
}

namespace {

// One variable of an environment file, the text before it already read. Quoted values may run over several lines.
class EnvFileReader {
 public:
  EnvFileReader(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  std::vector<Variable> read() {
    std::vector<Variable> variables;
    while (skip_to_variable()) variables.push_back(variable());
    return variables;
  }

 private:
  std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;

  char now() const { return at_ < text_.size() ? text_[at_] : '\n'; }
  void skip_blanks() {
    while (now() == ' ' || now() == '\t' || now() == '\r') ++at_;
  }
  void skip_line() { at_ = std::min(text_.find('\n', at_), text_.size()); }

  [[noreturn]] void fail(std::size_t at, std::string message, std::string hint) const {
    const auto before = text_.substr(0, at);
    const auto start = before.rfind('\n');
    const int line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
    const int column = static_cast<int>(at - (start == std::string_view::npos ? 0 : start + 1)) + 1;
    throw base::SourceError({{{file_, line, column}, std::move(message), std::move(hint), base::Severity::error}},
                            text_);
  }

  bool skip_to_variable() {
    for (; at_ < text_.size(); ++at_) {
      skip_blanks();
      if (now() == '#') skip_line();
      if (now() != '\n') return true;
    }
    return false;
  }

  Variable variable() {
    constexpr std::string_view prefix = "export";
    if (text_.substr(at_).starts_with(prefix)) {
      const std::size_t back = at_;
      at_ += prefix.size();
      if (now() != ' ' && now() != '\t') at_ = back;
      skip_blanks();
    }
    const std::size_t begin = at_;
    while (is_name_char(now()) || now() == '.' || now() == '-') ++at_;
    Variable result{std::string(text_.substr(begin, at_ - begin)), {}};
    if (result.name.empty()) fail(at_, "expected the name of a variable", "NAME=value");
    skip_blanks();
    if (now() == '\n') return result;
    if (now() != '=') fail(at_, "expected '=' after " + show(result.name), "NAME=value");
    ++at_;
    skip_blanks();
    result.value = now() == '"' || now() == '\'' ? quoted_value() : plain_value();
    return result;
  }

  // To the end of the line, or to a '#' that a blank precedes.
  std::string plain_value() {
    const std::size_t begin = at_;
    skip_line();
    auto value = text_.substr(begin, at_ - begin);
    for (std::size_t i = 0; i < value.size(); ++i)
      if (value[i] == '#' && (i == 0 || value[i - 1] == ' ' || value[i - 1] == '\t')) value = value.substr(0, i);
    return std::string(base::trim(value));
  }

  std::string quoted_value() {
    const std::size_t open = at_;
    const char quote = now();
    std::string value;
    for (++at_; at_ < text_.size() && text_[at_] != quote; ++at_) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size() && (quote == '"' || text_[at_ + 1] == quote))
        escape(value, quote);
      else
        value += text_[at_];
    }
    if (at_ == text_.size()) fail(open, "the quote is not closed", std::string("expected another ") + quote);
    ++at_;
    skip_blanks();
    if (now() == '#') skip_line();
    if (now() != '\n') fail(at_, "expected the end of the line after the value", "");
    return value;
  }

  void escape(std::string& value, char quote) {
    const char c = text_[++at_];
    if (quote == '"' && c == 'n')
      value += '\n';
    else if (quote == '"' && c == 't')
      value += '\t';
    else if (quote == '"' && c == 'r')
      value += '\r';
    else if (c == quote || c == '\\' || c == '$')
      value += c;
    else
      (value += '\\') += c;
  }
};

}  // namespace

std::vector<Variable> parse_env_file(std::string_view text, const std::string& file) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return EnvFileReader(text, file).read();
}

}  // namespace conductor::parser
