// Calls later than the oldest libseccomp we build with; the same number on every architecture we run on.
#pragma once

#include <array>

namespace conductor::linux {

struct LateCall {
  const char* name;
  int number;
};
inline constexpr std::array late_calls = {
    LateCall{"cachestat", 451},     LateCall{"fchmodat2", 452},         LateCall{"map_shadow_stack", 453},
    LateCall{"futex_wake", 454},    LateCall{"futex_wait", 455},        LateCall{"futex_requeue", 456},
    LateCall{"statmount", 457},     LateCall{"listmount", 458},         LateCall{"lsm_get_self_attr", 459},
    LateCall{"mseal", 462},         LateCall{"lsm_set_self_attr", 460}, LateCall{"lsm_list_modules", 461},
    LateCall{"setxattrat", 463},    LateCall{"getxattrat", 464},        LateCall{"listxattrat", 465},
    LateCall{"removexattrat", 466}, LateCall{"open_tree_attr", 467},    LateCall{"file_getattr", 468},
    LateCall{"file_setattr", 469}};

}  // namespace conductor::linux
