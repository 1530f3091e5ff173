// One overload for each operation of a plan: what it does to the machine, in calls of engine and builder.
#pragma once

#include "compose/executor.hpp"
#include "compose/plan.hpp"
#include "engine/engine.hpp"

#include <functional>
#include <string>

namespace conductor::compose {

class Operations {
 public:
  using Output = std::function<void(const std::string& line)>;
  // `cancelled` ends waits. Each call is safe from any thread.
  Operations(engine::Engine& engine, std::function<bool()> cancelled)
      : engine_(engine), cancelled_(std::move(cancelled)) {}

  // A build ends when that is requested. It must outlive this object's last act.
  void interrupt_builds(linux::Cancellation& cancellation) { cancellation_ = &cancellation; }

  void act(const Step& step, const Output& output);

 private:
  engine::Engine& engine_;
  std::function<bool()> cancelled_;
  linux::Cancellation* cancellation_ = nullptr;

  void perform(const CreateVolume& o, const Output& output);
  void perform(const CreateNetwork& o, const Output& output);
  void perform(const RemoveNetwork& o, const Output& output);
  void perform(const BuildImage& o, const Output& output);
  void perform(const FetchImage& o, const Output& output);
  void perform(const CreateContainer& o, const Output& output);
  void perform(const RecreateContainer& o, const Output& output);
  void perform(const UpdateNetwork& o, const Output& output);
  void perform(const StartContainer& o, const Output& output);
  void perform(const RestartContainer& o, const Output& output);
  void perform(const StopContainer& o, const Output& output);
  void perform(const RemoveContainer& o, const Output& output);
  void perform(const WaitFor& o, const Output& output);
  void perform(const RemoveVolume& o, const Output& output);
  void perform(const RemoveImage& o, const Output& output);

  void wait_for_container(const WaitFor& wait, const std::string& name);
  std::string last_lines(const std::string& id);
};

}  // namespace conductor::compose
