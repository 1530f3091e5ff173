// Namespaces (namespaces(7)): opened by process, entered one by one.
#pragma once

#include "linux/fd.hpp"
#include "linux/process.hpp"

#include <functional>
#include <string>

namespace conductor::linux {

// kind: "mnt", "net", "pid", "uts", "ipc", "cgroup", "user".
Fd open_namespace(pid_t pid, const char* kind);
Fd open_own_namespace(const char* kind);  // of the calling thread
void enter_namespace(const Fd& ns);       // setns(2)
bool same_namespace(const Fd& a, const Fd& b);

// Runs `body` with the calling thread in another network namespace and comes back, also when it throws.
void in_network_namespace(const Fd& ns, const std::function<void()>& body);

void set_hostname(const std::string& name);

}  // namespace conductor::linux
