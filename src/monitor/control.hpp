// Who may tell the monitor what to do: its starter, and any command of the same user through RUN_DIRECTORY/control.
#pragma once

#include "monitor/loop.hpp"
#include "monitor/protocol.hpp"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace conductor::monitor {

class Control {
 public:
  using Client = int;  // tells those who are connected at the same time apart
  static constexpr Client starter = control_descriptor;
  // What it throws is told to a client, who is then shown the door, before `descriptors` are closed; of what the
  // starter has asked for it is thrown on.
  using Handler = std::function<void(Client, const Command&, std::vector<linux::Fd>& descriptors)>;
  // `gone` is called once for each, when its end of the connection is closed.
  Control(Loop& loop, std::string socket_path, Handler handler, std::function<void(Client)> gone);
  ~Control();
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void listen();  // replaces the socket of a monitor that died
  void close();   // and removes the socket
  bool has_starter() const { return bool(starter_); }
  // To the starter and those who listen; one that is gone is fine.
  void report(const Report& report);
  void let_listen(Client client) { listeners_.insert(client); }

 private:
  void accept_client();
  void starter_message();
  void client_message(Client client);
  void dispatch(Client client, linux::Message& message);

  Loop& loop_;
  std::string path_;
  Handler handler_;
  std::function<void(Client)> gone_;
  linux::Fd starter_;
  linux::Fd listener_;
  std::map<Client, linux::Fd> clients_;
  std::set<Client> listeners_;
};

}  // namespace conductor::monitor
