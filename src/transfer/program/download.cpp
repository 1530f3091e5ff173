// mode download: one GET with libcurl, by nobody, in a root that holds what names and certificates need.
#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/fd.hpp"
#include "transfer/program/confine.hpp"
#include "transfer/program/filter.hpp"
#include "transfer/program/modes.hpp"

#include <curl/curl.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace conductor::transfer::program {
namespace {

using base::Error;

constexpr long connect_seconds = 30;
constexpr long stall_seconds = 60;  // below one byte a second for so long
constexpr long most_redirects = 10;
constexpr std::uint64_t processor_seconds = 7200;
constexpr std::uint64_t memory = std::uint64_t{2} << 30;

// --- before rights are given up: what is read from the host ----------------------------------------------------

std::string certificates() {
  constexpr std::size_t limit = 16U << 20U;
  if (const char* chosen = std::getenv("SSL_CERT_FILE"); chosen != nullptr && *chosen != '\0')
    return linux::read_file(chosen, limit);
  for (const char* place : {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                            "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"})
    if (auto text = linux::try_read_file(place, limit)) return std::move(*text);
  return {};
}

// Modules of nsswitch.conf that cannot be loaded there count as unavailable; files and dns are in the C library.
std::vector<std::pair<std::string, std::string>> files_for_names() {
  constexpr std::size_t limit = 1U << 20U;
  std::vector<std::pair<std::string, std::string>> files;
  for (const std::string path :
       {"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf"})
    if (auto text = linux::try_read_file(path, limit)) files.emplace_back(path, std::move(*text));
  return files;
}

void give_up_rights(std::int64_t limit) {
  const linux::Fd root = [] {
    enter_namespaces(CLONE_NEWIPC | CLONE_NEWUTS);
    return make_small_root(files_for_names());
  }();
  enter_root(root);
  set_limits(
      {.file_size = static_cast<std::uint64_t>(limit) + 1, .address_space = memory, .seconds = processor_seconds});
  become_nobody();
  install(download_filter());
}

// --- what the server says ----------------------------------------------------------------------------------

struct Transfer {
  CURL* handle = nullptr;
  std::int64_t limit = 0;
  std::int64_t written = 0;
  bool over_limit = false;
  int write_error = 0;
  std::string etag, disposition;  // of the last response
};

long status_of(CURL* handle) {
  long status = 0;
  curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

bool is_success(long status) { return status >= 200 && status < 300; }

std::size_t take_body(char* data, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  if (!is_success(status_of(transfer.handle))) return size;  // a page that says so, for a browser
  transfer.written += static_cast<std::int64_t>(size);
  if (transfer.written > transfer.limit) return transfer.over_limit = true, 0;
  try {
    linux::write_all(file_descriptor, {data, size});
  } catch (const Error& e) {
    return transfer.write_error = e.code(), 0;
  }
  return size;
}

// One header line a call; a status line begins the headers of the next response.
std::size_t take_header(char* data, std::size_t, std::size_t size, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view line(data, size);
  if (line.starts_with("HTTP/")) {
    transfer.etag.clear();
    transfer.disposition.clear();
  }
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  const std::string name = base::lower(base::trim(line.substr(0, colon)));
  const std::string value(base::trim(line.substr(colon + 1)));
  if (name == "etag") transfer.etag = value;
  if (name == "content-disposition") transfer.disposition = value;
  return size;
}

int take_progress(void*, curl_off_t total, curl_off_t current, curl_off_t, curl_off_t) {
  if (current > 0) tell_progress(current, total);
  return 0;
}

// filename=… of RFC 6266: a token or a quoted string; filename*=UTF-8''… wins.
std::string parameter(std::string_view disposition, std::string_view name) {
  const std::string wanted = std::string(name) + "=";
  for (std::size_t at = disposition.find(';'); at != std::string_view::npos; at = disposition.find(';', at + 1)) {
    const auto rest = base::trim(disposition.substr(at + 1));
    if (!base::lower(rest.substr(0, wanted.size())).starts_with(wanted)) continue;
    const auto value = rest.substr(wanted.size());
    if (!value.starts_with('"')) return std::string(base::trim(value.substr(0, value.find(';'))));
    std::string text;
    for (std::size_t i = 1; i < value.size() && value[i] != '"'; ++i) {
      if (value[i] == '\\' && i + 1 < value.size()) ++i;
      text += value[i];
    }
    return text;
  }
  return {};
}

std::string unescaped(const std::string& text) {
  int size = 0;
  char* plain = curl_easy_unescape(nullptr, text.c_str(), static_cast<int>(text.size()), &size);
  if (plain == nullptr) return text;
  std::string result(plain, static_cast<std::size_t>(size));
  curl_free(plain);
  return result;
}

std::string last_of_path(const std::string& url) {
  CURLU* parts = curl_url();
  std::string name;
  char* path = nullptr;
  if (parts != nullptr && curl_url_set(parts, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      curl_url_get(parts, CURLUPART_PATH, &path, 0) == CURLUE_OK) {
    const std::string text = path;
    name = unescaped(text.substr(text.rfind('/') + 1));
    curl_free(path);
  }
  curl_url_cleanup(parts);
  return name;
}

// As the reference does: the header's name, else the last of the path that was asked for, not of where it led.
std::string name_of(const std::string& disposition, const std::string& url) {
  const std::string extended = parameter(disposition, "filename*");
  if (base::lower(extended.substr(0, 7)) == "utf-8''") return unescaped(extended.substr(7));
  const std::string plain = parameter(disposition, "filename");
  return plain.empty() ? last_of_path(url) : plain;
}

// --- the request -------------------------------------------------------------------------------------------

template <class T>
void set(CURL* handle, CURLoption option, T value) {
  const CURLcode code = curl_easy_setopt(handle, option, value);
  if (code != CURLE_OK) throw Error(std::string("libcurl: ") + curl_easy_strerror(code));
}

// Certificates come from memory: their place on the host cannot be reached any more.
void set_certificates(CURL* handle, std::string& bundle) {
  if (bundle.empty()) return;
  curl_blob blob{bundle.data(), bundle.size(), CURL_BLOB_NOCOPY};
  set(handle, CURLOPT_CAINFO_BLOB, &blob);
  set(handle, CURLOPT_PROXY_CAINFO_BLOB, &blob);
}

void prepare(Transfer& transfer, const Request& request, char* words) {
  CURL* handle = transfer.handle;
  set(handle, CURLOPT_URL, request.url.c_str());
  set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  set(handle, CURLOPT_FOLLOWLOCATION, 1L);
  set(handle, CURLOPT_MAXREDIRS, most_redirects);
  set(handle, CURLOPT_UNRESTRICTED_AUTH, 0L);  // a user and password in the URL go to its host alone
  set(handle, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
  set(handle, CURLOPT_CONNECTTIMEOUT, connect_seconds);
  set(handle, CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(handle, CURLOPT_LOW_SPEED_TIME, stall_seconds);
  set(handle, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(request.bytes));
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_FILETIME, 1L);
  set(handle, CURLOPT_USERAGENT, "conductor/" CONDUCTOR_VERSION);
  set(handle, CURLOPT_WRITEFUNCTION, take_body);
  set(handle, CURLOPT_WRITEDATA, &transfer);
  set(handle, CURLOPT_HEADERFUNCTION, take_header);
  set(handle, CURLOPT_HEADERDATA, &transfer);
  set(handle, CURLOPT_XFERINFOFUNCTION, take_progress);
  set(handle, CURLOPT_NOPROGRESS, 0L);
  set(handle, CURLOPT_ERRORBUFFER, words);
}

// Without what may be secret in it: user and password, and the query.
std::string shown(const std::string& url) {
  const auto scheme = url.find("://");
  const std::size_t host = scheme == std::string::npos ? 0 : scheme + 3;
  const std::string rest = url.substr(host, url.find_first_of("?#", host) - host);
  const auto at = rest.substr(0, rest.find('/')).rfind('@');
  return url.substr(0, host) + (at == std::string::npos ? rest : rest.substr(at + 1));
}

std::string sentence_of(CURLcode code, const Transfer& transfer, const char* words) {
  if (transfer.over_limit || code == CURLE_FILESIZE_EXCEEDED)
    return "it is larger than " + std::to_string(transfer.limit) + " bytes";
  if (transfer.write_error != 0) return std::string("cannot write it: ") + std::strerror(transfer.write_error);
  switch (code) {
    case CURLE_URL_MALFORMAT:
      return "the URL is malformed";
    case CURLE_UNSUPPORTED_PROTOCOL:
      return "only http and https are followed";
    case CURLE_TOO_MANY_REDIRECTS:
      return "more than " + std::to_string(most_redirects) + " redirects";
    case CURLE_PARTIAL_FILE:
      return "the connection ended before the whole body had come";
    case CURLE_OPERATION_TIMEDOUT:
      return "nothing came for too long";
    default:
      break;
  }
  return *words != '\0' ? words : curl_easy_strerror(code);
}

void check_status(long status) {
  if (is_success(status) || status == 304) return;
  if (status >= 300 && status < 400) throw Error("the server redirects to nowhere (" + std::to_string(status) + ")");
  const char* meaning = status == 401 || status == 403   ? " (access denied)"
                        : status == 404 || status == 410 ? " (not found)"
                        : status == 429                  ? " (too many requests)"
                        : status >= 500                  ? " (the server's fault)"
                                                         : "";
  throw Error("the server answers " + std::to_string(status) + meaning);
}

class Handle {
 public:
  Handle() : handle_(curl_easy_init()) {
    if (handle_ == nullptr) throw Error("libcurl cannot begin");
  }
  ~Handle() {
    curl_easy_cleanup(handle_);
    curl_slist_free_all(headers_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  CURL* get() const { return handle_; }
  void header(const std::string& line) {
    headers_ = curl_slist_append(headers_, line.c_str());
    set(handle_, CURLOPT_HTTPHEADER, headers_);
  }

 private:
  CURL* handle_;
  curl_slist* headers_ = nullptr;
};

}  // namespace

Report download(const Request& request) {
  const base::Context context("downloading " + shown(request.url));
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) throw Error("libcurl cannot begin");
  std::string bundle = certificates();
  give_up_rights(request.bytes);

  Handle handle;
  Transfer transfer;
  transfer.handle = handle.get();
  transfer.limit = request.bytes;
  std::array<char, CURL_ERROR_SIZE> words{};
  prepare(transfer, request, words.data());
  set_certificates(handle.get(), bundle);
  if (!request.etag.empty()) handle.header("If-None-Match: " + request.etag);
  const CURLcode code = curl_easy_perform(handle.get());
  if (code != CURLE_OK) throw Error(sentence_of(code, transfer, words.data()));
  const long status = status_of(handle.get());
  check_status(status);

  Report report;
  report.not_modified = status == 304;
  report.name = name_of(transfer.disposition, request.url);
  report.etag = transfer.etag;
  curl_off_t modified = -1;
  if (curl_easy_getinfo(handle.get(), CURLINFO_FILETIME_T, &modified) == CURLE_OK && modified >= 0)
    report.modified = modified;
  return report;
}

}  // namespace conductor::transfer::program
