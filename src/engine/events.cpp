#include "engine/events.hpp"

#include "base/json.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace conductor::engine {

std::vector<monitor::Option> event_attributes(const Container& container) {
  std::vector<monitor::Option> attributes;
  for (const auto& [key, value] : container.config.labels) attributes.push_back({key, value});
  attributes.push_back({"image", container.config.image});
  attributes.push_back({"name", container.config.name});
  return attributes;
}

void tell(const store::Locations& locations, const Container& container, const std::string& action,
          const std::vector<monitor::Option>& more) noexcept {
  try {
    auto attributes = event_attributes(container);
    attributes.insert(attributes.end(), more.begin(), more.end());
    monitor::append_event(locations.events(), "container", action, container.id, attributes);
  } catch (const std::exception&) {
    // Memory is short.
  }
}

EventReader::EventReader(const store::Locations& locations) : journal_(locations.events()) {
  watch_.add(locations.state, IN_MODIFY | IN_CREATE | IN_MOVED_FROM | IN_MOVED_TO);
  older_ = linux::try_open(journal_ + ".1", O_RDONLY);
}

void EventReader::read(const std::function<void(const monitor::JournalEntry&)>& use) {
  watch_.drain();
  if (older_) {
    file_ = *std::exchange(older_, std::nullopt);
    read_file(use);
    file_.reset();
  }
  for (;;) {
    if (!file_) {
      auto file = linux::try_open(journal_, O_RDONLY);
      if (!file) return;
      file_ = std::move(*file);
      rest_.clear();
    }
    // Asked before reading: what is added later is in the file that takes its place.
    const bool rotated = was_rotated();
    read_file(use);
    if (!rotated) return;
    file_.reset();
  }
}

bool EventReader::was_rotated() const {
  struct stat ours{};
  struct stat present{};
  if (fstat(file_.get(), &ours) != 0 || stat(journal_.c_str(), &present) != 0) return false;
  return ours.st_ino != present.st_ino || ours.st_dev != present.st_dev;
}

void EventReader::read_file(const std::function<void(const monitor::JournalEntry&)>& use) {
  std::string buffer(64U << 10U, '\0');
  for (;;) {
    const ssize_t size = ::read(file_.get(), buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) throw base::Error::from_errno("cannot read " + journal_);
    if (size == 0) return;
    rest_.append(buffer, 0, static_cast<std::size_t>(size));
    std::size_t from = 0;
    for (std::size_t end = 0; (end = rest_.find('\n', from)) != std::string::npos; from = end + 1) {
      monitor::JournalEntry entry;
      try {
        base::from_json(base::Json::parse(std::string_view(rest_).substr(from, end - from)), entry);
      } catch (const base::Error&) {
        continue;  // a disk was full in the middle of it
      }
      use(entry);
    }
    rest_.erase(0, from);
  }
}

}  // namespace conductor::engine
