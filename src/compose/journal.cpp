#include "compose/journal.hpp"

#include "base/units.hpp"
#include "store/records.hpp"

#include <algorithm>
#include <filesystem>

namespace conductor::compose {
namespace {

// It only has to outlive the process, not the machine: after a reboot nothing is in flight.
constexpr bool durable = false;

std::string directory_of(const store::Locations& locations, const std::string& project) {
  return locations.projects() + "/" + project;
}

std::string path_in(const std::string& directory) { return directory + "/journal.json"; }

void remove(const std::string& directory, const std::string& path) {
  store::remove_file(path);
  store::sweep_temporary_files(directory);
  std::error_code not_empty;
  std::filesystem::remove(directory, not_empty);
}

}  // namespace

Journal::Journal(const store::Locations& locations, const std::string& project, std::string command)
    : directory_(directory_of(locations, project)), path_(path_in(directory_)) {
  record_.command = std::move(command);
  record_.started = base::now_unix_ns();
  store::make_directory(directory_);
  store::write_record(path_, record_, durable);
}

void Journal::begin(const Step& step) {
  const std::lock_guard lock(mutex_);
  record_.in_flight.push_back(title(step.operation));
  store::write_record(path_, record_, durable);
}

void Journal::end(const Step& step, bool succeeded) {
  const std::lock_guard lock(mutex_);
  const std::string ended = title(step.operation);
  std::erase(record_.in_flight, ended);
  if (succeeded) record_.done.push_back(ended);
}

void Journal::close() {
  const std::lock_guard lock(mutex_);
  remove(directory_, path_);
}

void Journal::clear(const store::Locations& locations, const std::string& project) {
  const std::string directory = directory_of(locations, project);
  remove(directory, path_in(directory));
}

std::optional<JournalRecord> Journal::left_behind(const store::Locations& locations, const std::string& project) {
  try {
    return store::read_record<JournalRecord>(path_in(directory_of(locations, project)));
  } catch (const store::DamagedRecord&) {
    return JournalRecord{"a command", 0, {}, {}};
  }
}

store::Lock lock_project(const store::Locations& locations, const std::string& project) {
  const base::Context context("project " + project);
  return store::Lock::acquire(locations.locks() + "/project-" + project);
}

}  // namespace conductor::compose
