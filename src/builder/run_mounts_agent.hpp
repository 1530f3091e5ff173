// An ssh agent for one step: a socket of ours whose connections go on to the user's agent. So it has the owner and mode
// that the step asks for, and the agent, which answers its own user and root alone, speaks with us.
#pragma once

#include "linux/cancellation.hpp"
#include "linux/fd.hpp"

#include <sys/types.h>

#include <string>
#include <thread>

namespace conductor::builder {

class AgentProxy {
 public:
  struct Access {
    uid_t uid = 0;
    gid_t gid = 0;
    mode_t mode = 0600;
  };
  // `agent`: its socket, opened with O_PATH. Ours is made as "agent" in `directory`, which goes later than this object.
  AgentProxy(linux::Fd agent, const std::string& directory, const Access& access);
  ~AgentProxy();
  AgentProxy(const AgentProxy&) = delete;
  AgentProxy& operator=(const AgentProxy&) = delete;
  // Opened with O_PATH.
  const linux::Fd& socket() const { return socket_; }

 private:
  void serve();

  linux::Fd agent_, listener_, socket_;
  linux::Cancellation stop_;
  std::thread thread_;
};

}  // namespace conductor::builder
