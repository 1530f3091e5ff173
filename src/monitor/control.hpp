// Who may tell the monitor what to do: its starter, and any command of the same user through RUN_DIRECTORY/control.
#pragma once

#include "monitor/loop.hpp"
#include "monitor/protocol.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace conductor::monitor {

class Control {
 public:
  using Handler = std::function<void(const Command&, std::vector<linux::Fd> descriptors)>;
  // `starter_gone` is called once, when the other end of control_descriptor is closed.
  Control(Loop& loop, std::string socket_path, Handler handler, std::function<void()> starter_gone);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void listen();  // replaces the socket of a monitor that died
  void close();   // and removes the socket
  bool has_starter() const { return bool(starter_); }
  void report(const Report& report);  // to the starter; one that is gone is fine

 private:
  void accept_client();
  void starter_message();
  void client_message(int client);
  void dispatch(linux::Message message);

  Loop& loop_;
  std::string path_;
  Handler handler_;
  std::function<void()> starter_gone_;
  linux::Fd starter_;
  linux::Fd listener_;
  std::map<int, linux::Fd> clients_;
};

}  // namespace conductor::monitor
