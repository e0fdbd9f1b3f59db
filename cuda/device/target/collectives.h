#pragma once
#include <nccl.h>

namespace whorl::cuda {
inline constexpr char kCollectives[] = "libnccl.so.2";
}
