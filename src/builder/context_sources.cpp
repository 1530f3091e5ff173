#include "builder/context_sources.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "transfer/transfer.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <memory>
#include <string_view>

namespace conductor::builder {
namespace {

using base::Error;
using linux::Fd;

constexpr std::string_view image_scheme = "docker-image://";
constexpr std::string_view layout_scheme = "oci-layout://";

store::Locations locations_of(const Fetching& fetching) {
  if (fetching.locations) return *fetching.locations;
  auto locations = store::Locations::choose();
  locations.prepare();
  return locations;
}

void note(const Fetching& fetching, std::string text) {
  if (!fetching.listener) return;
  Event event;
  event.text = std::move(text);
  fetching.listener(event);
}

transfer::Progress progress_of(const Fetching& fetching, const std::string& what) {
  if (!fetching.listener) return {};
  return [&fetching, what](std::int64_t current, std::int64_t total) {
    Event event;
    event.kind = Event::Kind::progress;
    event.text = what;
    event.current = current;
    event.total = total;
    event.unit = "B";
    fetching.listener(event);
  };
}

SourceTree new_tree(const Fetching& fetching) {
  auto owner = std::make_shared<store::TemporaryTree>(locations_of(fetching).temporary());
  const std::string path = owner->path();
  return {path, std::move(owner), linux::RootFd(linux::open_file(path, O_RDONLY | O_DIRECTORY)), {}, {}, {}};
}

// A file on the store's file system whose name is gone already: it goes with its descriptor.
Fd unnamed_file(const Fetching& fetching) {
  const std::string path = locations_of(fetching).temporary() + "/" + store::new_id();
  Fd file = linux::open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  store::remove_file(path);
  return file;
}

void rewind(const Fd& file) {
  if (lseek(file.get(), 0, SEEK_SET) != 0) throw Error::from_errno("cannot rewind a file");
}

// The archive's tree, or the text there is instead.
TreeOrText tree_or_text(const Fd& file, const std::string& name, std::size_t limit, const Fetching& fetching) {
  rewind(file);
  if (!transfer::is_archive(file.get())) return TextSource{name, linux::read_all(file.get(), limit)};
  SourceTree tree = new_tree(fetching);
  const base::Context context(name == "-" ? "the archive on standard input" : base::escape_control(name));
  transfer::unpack(file.get(), tree.root.get(), {}, progress_of(fetching, "unpacking the context"),
                   fetching.cancellation);
  return tree;
}

struct Fetched {
  Fd file;
  transfer::Download download;
};
Fetched fetch_file(const std::string& url, const Fetching& fetching) {
  note(fetching, "downloading " + base::escape_control(url));
  Fetched fetched{unnamed_file(fetching), {}};
  transfer::DownloadRequest request;
  request.url = url;
  fetched.download =
      transfer::download(request, fetched.file.get(), progress_of(fetching, "downloading"), fetching.cancellation);
  return fetched;
}

void take_identity(SourceTree& tree, const std::string& url, const std::string& resolved) {
  tree.url = url;
  tree.resolved = resolved;
  tree.identity = url + "@" + resolved;
}

std::string agent_of(const Fetching& fetching) {
  if (!fetching.ssh_socket.empty()) return fetching.ssh_socket;
  const char* agent = std::getenv("SSH_AUTH_SOCK");
  return agent != nullptr ? agent : "";
}

SourceTree fetch_repository(const transfer::GitSource& source, const std::string& url, const Fetching& fetching) {
  note(fetching, "checking out " + base::escape_control(url));
  SourceTree tree = new_tree(fetching);
  take_identity(tree, url, transfer::checkout(source, tree.path, agent_of(fetching), fetching.cancellation));
  return tree;
}

// A directory wins over a URL that looks like its name ("github.com/user/repo").
std::optional<transfer::GitSource> repository_of(const std::string& where) {
  return is_local_directory(where) ? std::nullopt : transfer::parse_git_source(where, true);
}

SourceTree fetch_tree(const std::string& url, const Fetching& fetching) {
  Fetched fetched = fetch_file(url, fetching);
  rewind(fetched.file);
  SourceTree tree = new_tree(fetching);
  if (transfer::is_archive(fetched.file.get())) {
    transfer::unpack(fetched.file.get(), tree.root.get(), {}, progress_of(fetching, "unpacking"),
                     fetching.cancellation);
  } else {
    const std::string name = fetched.download.name.empty() ? "file" : fetched.download.name;
    const Fd copy = linux::open_at(tree.root.get(), name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    for (std::int64_t left = fetched.download.size; left > 0;) {
      const ssize_t n =
          copy_file_range(fetched.file.get(), nullptr, copy.get(), nullptr, static_cast<std::size_t>(left), 0);
      if (n <= 0) throw Error::from_errno("cannot copy what was downloaded");
      left -= n;
    }
  }
  take_identity(tree, url, fetched.download.digest);
  return tree;
}

}  // namespace

bool is_http_url(const std::string& where) {
  const std::string start = base::lower(where.substr(0, 8));
  return start.starts_with("http://") || start == "https://";
}

bool is_remote(const std::string& where) { return is_http_url(where) || repository_of(where).has_value(); }

SourceTree empty_tree(const Fetching& fetching) { return new_tree(fetching); }

TreeOrText fetch(const std::string& url, std::size_t limit, const Fetching& fetching) {
  if (const auto repository = repository_of(url)) return fetch_repository(*repository, url, fetching);
  const Fetched fetched = fetch_file(url, fetching);
  TreeOrText result = tree_or_text(fetched.file, url, limit, fetching);
  if (auto* tree = std::get_if<SourceTree>(&result)) take_identity(*tree, url, fetched.download.digest);
  return result;
}

TreeOrText read_input(int input, std::size_t limit, const Fetching& fetching) {
  constexpr std::size_t step = 256U << 10U;
  const auto buffer = std::make_unique<char[]>(step);
  const Fd file = unnamed_file(fetching);
  for (;;) {
    const ssize_t n = read(input, buffer.get(), step);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw Error::from_errno("cannot read standard input");
    if (n == 0) break;
    linux::write_all(file.get(), {buffer.get(), static_cast<std::size_t>(n)});
    if (fetching.cancellation != nullptr) fetching.cancellation->check();
  }
  TreeOrText result = tree_or_text(file, "-", limit, fetching);
  if (auto* tree = std::get_if<SourceTree>(&result)) tree->identity = "-";
  return result;
}

Source open_source(const std::string& where, const Fetching& fetching) {
  if (where.starts_with(image_scheme)) return SourceImage{where.substr(image_scheme.size())};
  if (where.starts_with(layout_scheme))
    throw Error("a build context cannot be an OCI layout: " + base::escape_control(where))
        .with_hint("load it as an image (conductor load) and name it with docker-image://");
  if (const auto repository = repository_of(where)) return fetch_repository(*repository, where, fetching);
  if (is_http_url(where)) return fetch_tree(where, fetching);
  return open_directory(where);
}

}  // namespace conductor::builder
