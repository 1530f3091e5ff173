#include "monitor/journald.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace conductor::monitor {
namespace {

using linux::Fd;

constexpr std::size_t longest_line = 48U << 10U;  // as the journal's own reader of streams has it; fits a datagram
constexpr const char* informational = "PRIORITY=6\n";
constexpr const char* erroneous = "PRIORITY=3\n";

// A value with line ends is written with its length; one of a field's own could pretend to be another field.
std::string field(std::string_view name, std::string_view value) {
  std::string text(name);
  if (value.find('\n') == value.npos) return text.append("=").append(value) + "\n";
  std::uint64_t size = value.size();  // little endian
  text += '\n';
  for (int i = 0; i < 8; ++i, size >>= 8U) text += static_cast<char>(size & 0xffU);
  return text.append(value) + "\n";
}

std::string attribute(const LaunchSpec& spec, std::string_view key) {
  for (const auto& option : spec.event_attributes)
    if (option.key == key) return option.value;
  return {};
}

sockaddr_un address_of(const char* path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return address;
}

// Nothing when nobody listens.
Fd connect_to_journal() {
  Fd found(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(journald_socket);
  if (found && connect(found.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return found;
  return {};
}

}  // namespace

bool has_journal() { return bool(connect_to_journal()); }

std::string journal_entry(std::string_view message, const std::string& fields) {
  return fields + field("MESSAGE", message);
}

std::string journal_fields(const LaunchSpec& spec) {
  constexpr std::size_t short_id = 12;
  const std::string tag = spec.log.tag.empty() ? spec.id.substr(0, short_id) : spec.log.tag;
  return field("SYSLOG_IDENTIFIER", tag) + field("CONTAINER_TAG", tag) +
         field("CONTAINER_ID", spec.id.substr(0, short_id)) + field("CONTAINER_ID_FULL", spec.id) +
         field("CONTAINER_NAME", attribute(spec, "name")) + field("IMAGE_NAME", attribute(spec, "image"));
}

JournalLog::JournalLog(const LaunchSpec& spec) : fields_(journal_fields(spec)), socket_(connect_to_journal()) {}

void JournalLog::append(std::uint8_t stream, std::string_view bytes) {
  std::string& pending = pending_[stream];
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, std::min(end, longest_line - pending.size()));
    pending += piece;
    bytes.remove_prefix(piece.size());
    const bool whole = !bytes.empty() && bytes.front() == '\n';
    if (whole) bytes.remove_prefix(1);
    if (!whole && pending.size() < longest_line) return;
    send_line(stream, pending, !whole);
    pending.clear();
  }
}

void JournalLog::finish() {
  for (const std::uint8_t stream : {std::uint8_t{1}, std::uint8_t{2}}) {
    if (!pending_[stream].empty()) send_line(stream, pending_[stream], false);
    pending_[stream].clear();
  }
}

void JournalLog::note_loss(std::uint64_t bytes, const char* why) {
  lost_ += bytes;
  why_lost_ = why;
}

void JournalLog::send_line(std::uint8_t stream, std::string_view line, bool partial) {
  if (lost_ != 0) {
    const std::string text =
        "[conductor: " + std::to_string(lost_) + " bytes of output were not logged: " + why_lost_ + "]";
    if (send(journal_entry(text, fields_ + erroneous))) lost_ = 0;
  }
  std::string fields = fields_ + (stream == 2 ? erroneous : informational);
  if (partial) fields += "CONTAINER_PARTIAL_MESSAGE=true\n";
  if (lost_ != 0 || !send(journal_entry(line, fields))) lost_ += line.size() + 1;
}

// The journal may have been started anew since the last line.
bool JournalLog::send(std::string_view entry) {
  constexpr int attempts = 2;
  for (int i = 0; i < attempts; ++i) {
    if (!socket_) socket_ = connect_to_journal();
    if (!socket_) return false;
    ssize_t sent = 0;
    do sent = ::send(socket_.get(), entry.data(), entry.size(), MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) return true;
    socket_.reset();
  }
  return false;
}

}  // namespace conductor::monitor
