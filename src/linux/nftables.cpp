#include "linux/nftables.hpp"

#include "base/error.hpp"
#include "base/text.hpp"
#include "linux/nftables_batch.hpp"

#include <dlfcn.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/close_range.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <nftables/libnftables.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

namespace conductor::linux {

namespace {

// --- text, through libnftables
// ------------------------------------------------------------------------------------------

// The library's functions by name; it stays loaded for the rest of the process.
class Library {
 public:
  static const Library& get() {
    static const Library library;
    return library;
  }
  template <class Function>
  Function* function(const char* name) const {
    void* address = dlsym(handle_, name);
    if (address == nullptr) throw base::Error(std::string("libnftables has no ") + name);
    Function* result = nullptr;
    static_assert(sizeof result == sizeof address);
    std::memcpy(&result, &address, sizeof address);  // the cast POSIX promises and C++ leaves out
    return result;
  }

 private:
  Library() : handle_(dlopen("libnftables.so.1", RTLD_NOW | RTLD_LOCAL)) {
    if (handle_ != nullptr) return;
    throw base::Error(std::string("cannot load libnftables: ") + dlerror())
        .with_hint("install the nftables library (Debian package libnftables1)");
  }
  void* handle_;
};

std::string run_library(const Library& library, const std::string& commands) {
  const auto free_context = library.function<decltype(nft_ctx_free)>("nft_ctx_free");
  const std::unique_ptr<nft_ctx, decltype(free_context)> context(
      library.function<decltype(nft_ctx_new)>("nft_ctx_new")(NFT_CTX_DEFAULT), free_context);
  if (!context) throw base::Error("libnftables gives no context");
  library.function<decltype(nft_ctx_buffer_output)>("nft_ctx_buffer_output")(context.get());
  library.function<decltype(nft_ctx_buffer_error)>("nft_ctx_buffer_error")(context.get());
  const int failed =
      library.function<decltype(nft_run_cmd_from_buffer)>("nft_run_cmd_from_buffer")(context.get(), commands.c_str());
  if (failed != 0)
    throw base::Error("nftables: " + std::string(base::trim(library.function<decltype(nft_ctx_get_error_buffer)>(
                                         "nft_ctx_get_error_buffer")(context.get()))));
  return library.function<decltype(nft_ctx_get_output_buffer)>("nft_ctx_get_output_buffer")(context.get());
}

bool next_descriptor_fits_select() {
  const Fd next(eventfd(0, EFD_CLOEXEC));
  if (!next) throw base::Error::from_errno("eventfd");
  return next.get() < FD_SETSIZE;
}

// In a thread with descriptors of its own, of which there are but the standard three (close_range(2)).
std::string with_low_descriptors(const std::function<std::string()>& body) {
  std::packaged_task<std::string()> task([&] {
    constexpr unsigned first = 3;
    if (syscall(SYS_close_range, first, ~0U, CLOSE_RANGE_UNSHARE) != 0) throw base::Error::from_errno("close_range");
    return body();
  });
  auto result = task.get_future();
  std::thread(std::move(task)).join();
  return result.get();
}

// Runs commands and returns what they print. The library keeps global parser state: one call at a time. It waits with
// select(2), which knows no descriptor from FD_SETSIZE on: a command that holds a thousand listening sockets is past
// that.
std::string run(const std::string& commands) {
  static std::mutex one_at_a_time;
  const std::lock_guard guard(one_at_a_time);
  const Library& library = Library::get();
  if (next_descriptor_fits_select()) return run_library(library, commands);
  return with_low_descriptors([&] { return run_library(library, commands); });
}

// --- netlink
// ------------------------------------------------------------------------------------------------------------

constexpr std::size_t elements_per_message = 256;  // a list of elements is one attribute: less than 64 KiB

using OwnedSet = std::unique_ptr<nftnl_set, decltype(&nftnl_set_free)>;
using OwnedTable = std::unique_ptr<nftnl_table, decltype(&nftnl_table_free)>;

OwnedTable make_table(const std::string& family, const std::string& table) {
  OwnedTable result(nftnl_table_alloc(), &nftnl_table_free);
  if (!result) throw std::bad_alloc();
  nftnl_table_set_str(result.get(), NFTNL_TABLE_NAME, table.c_str());
  nftnl_table_set_u32(result.get(), NFTNL_TABLE_FAMILY, nft_family_number(family));
  return result;
}

OwnedSet make_set(const std::string& table, const std::string& name) {
  OwnedSet set(nftnl_set_alloc(), &nftnl_set_free);
  if (!set) throw std::bad_alloc();
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table.c_str());
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
  return set;
}

void add_to(nftnl_set* set, const SetElement& element) {
  nftnl_set_elem* e = nftnl_set_elem_alloc();
  if (e == nullptr) throw std::bad_alloc();
  const auto give = [&](std::uint16_t attribute, const std::string& bytes) {
    if (!bytes.empty()) nftnl_set_elem_set(e, attribute, bytes.data(), static_cast<std::uint32_t>(bytes.size()));
  };
  give(NFTNL_SET_ELEM_KEY, element.key);
  give(NFTNL_SET_ELEM_KEY_END, element.key_end);
  if (!element.remove) give(NFTNL_SET_ELEM_DATA, element.data);
  nftnl_set_elem_add(set, e);  // the set owns it now
}

void add_message(NftBatch& batch, const std::string& table, const std::vector<const SetElement*>& elements) {
  const bool remove = elements.front()->remove;
  const OwnedSet set = make_set(table, elements.front()->set);
  for (const SetElement* element : elements) add_to(set.get(), *element);
  batch.add(remove ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM, NFPROTO_INET,
            static_cast<std::uint16_t>(remove ? 0 : NLM_F_CREATE),
            [&](nlmsghdr* message) { nftnl_set_elems_nlmsg_build_payload(message, set.get()); });
}

}  // namespace

void run_nft(const std::string& commands) { run(commands); }

std::string list_nft_table(const std::string& family, const std::string& table) {
  if (!nft_table_exists(family, table)) return {};
  return run("list table " + family + " " + table);
}

bool change_elements(const std::string& table, const std::vector<SetElement>& elements) {
  if (elements.empty()) return true;
  // Removals first: an element of a map may come back with other data.
  std::map<std::pair<bool, std::string>, std::vector<const SetElement*>> groups;
  for (const auto& element : elements) groups[{!element.remove, element.set}].push_back(&element);
  NftBatch batch;
  for (const auto& [name, group] : groups)
    for (std::size_t first = 0; first < group.size(); first += elements_per_message) {
      const auto begin = group.begin() + static_cast<std::ptrdiff_t>(first);
      const auto count = std::min(elements_per_message, group.size() - first);
      add_message(batch, table, {begin, begin + static_cast<std::ptrdiff_t>(count)});
    }
  const int code = batch.commit();
  if (code != 0 && code != ENOENT) throw base::Error("changing elements of the nftables table " + table, code);
  return code == 0;
}

bool nft_table_exists(const std::string& family, const std::string& table) {
  std::array<char, 1024> buffer{};
  const OwnedTable wanted = make_table(family, table);
  nlmsghdr* request = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETTABLE, nft_family_number(family), 0, 1);
  nftnl_table_nlmsg_build_payload(request, wanted.get());
  const NftConnection connection;
  const Fd& socket = connection.socket();
  if (::send(socket.get(), request, request->nlmsg_len, 0) < 0) throw base::Error::from_errno("sending to nftables");
  std::array<char, 8192> answers{};
  const ssize_t n = ::recv(socket.get(), answers.data(), answers.size(), 0);
  if (n < 0) throw base::Error::from_errno("reading the answer of nftables");
  const auto* answer = static_cast<const nlmsghdr*>(static_cast<const void*>(answers.data()));
  if (!mnl_nlmsg_ok(answer, static_cast<int>(n))) throw base::Error("nftables answers with a broken message");
  if (answer->nlmsg_type != NLMSG_ERROR) return true;
  const int code = -static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(answer))->error;
  if (code == ENOENT) return false;
  throw base::Error("asking for the nftables table " + table, code);
}

void remove_nft_table(const std::string& family, const std::string& table) {
  NftBatch batch;
  const OwnedTable unwanted = make_table(family, table);
  batch.add(NFT_MSG_DELTABLE, nft_family_number(family), 0,
            [&](nlmsghdr* message) { nftnl_table_nlmsg_build_payload(message, unwanted.get()); });
  const int code = batch.commit();
  if (code != 0 && code != ENOENT) throw base::Error("removing the nftables table " + table, code);
}

}  // namespace conductor::linux
