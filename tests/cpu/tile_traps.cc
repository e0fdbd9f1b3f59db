#include "cpu/tile_traps.h"

#include <signal.h>
#include <ucontext.h>

#include <atomic>
#include <cstring>

#include "cpu/emulated_tiles.h"

namespace whorl::cpu {

namespace {
using namespace tiles_under_test;

std::atomic<int64_t> instructions{0};
struct sigaction previous;

// A VEX instruction of the map 0F38, as all tile instructions are.
struct Instruction {
  const uint8_t* next;  // behind the operands
  uint8_t opcode, prefix, reg, rm, vvvv;
  bool memory = false;
  int64_t base = 0, index = 0;  // of a memory operand: base with displacement, index times scale
};

int64_t general(const ucontext_t& context, int number) {
  static constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
  return context.uc_mcontext.gregs[kOrder[number]];
}

template <class T>
T take(const uint8_t*& p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  p += sizeof value;
  return value;
}

void decode_memory(const ucontext_t& context, int mod, int high_index, int high_base, Instruction& i) {
  i.memory = true;
  if (i.rm == 4) {
    const uint8_t sib = take<uint8_t>(i.next);
    const int index = (sib >> 3 & 7) | high_index, base = (sib & 7) | high_base;
    if (index != 4) i.index = general(context, index) << (sib >> 6);
    if (mod == 0 && (sib & 7) == 5)
      i.base = take<int32_t>(i.next);
    else
      i.base = general(context, base);
  } else if (mod == 0 && i.rm == 5) {
    i.base = take<int32_t>(i.next);
    i.base += reinterpret_cast<int64_t>(i.next);
  } else {
    i.base = general(context, i.rm | high_base);
  }
  if (mod == 1) i.base += take<int8_t>(i.next);
  if (mod == 2) i.base += take<int32_t>(i.next);
}

bool decode(const ucontext_t& context, Instruction& i) {
  i.next = reinterpret_cast<const uint8_t*>(context.uc_mcontext.gregs[REG_RIP]);
  if (take<uint8_t>(i.next) != 0xc4) return false;
  const uint8_t first = take<uint8_t>(i.next), second = take<uint8_t>(i.next);
  if ((first & 0x1f) != 2 || (second & 0x84) != 0) return false;  // 0F38, W0, 128 bits
  i.vvvv = static_cast<uint8_t>(~second >> 3 & 15), i.prefix = second & 3;
  i.opcode = take<uint8_t>(i.next);
  const uint8_t modrm = take<uint8_t>(i.next);
  i.reg = modrm >> 3 & 7, i.rm = modrm & 7;
  if (modrm >> 6 != 3) decode_memory(context, modrm >> 6, first & 0x40 ? 0 : 8, first & 0x20 ? 0 : 8, i);
  return true;
}

constexpr uint8_t kNone = 0, kF3 = 2, kF2 = 3;

bool execute(const Instruction& i) {
  if (i.opcode == 0x49 && i.prefix == kNone && i.memory) {
    if (i.index != 0 || i.reg != 0) return false;
    configure_tiles(*reinterpret_cast<const TileConfig*>(i.base));
  } else if (i.opcode == 0x49 && i.prefix == kNone && i.reg == 0 && i.rm == 0) {
    release_tiles();
  } else if (i.opcode == 0x49 && i.prefix == kF2 && !i.memory) {
    emulate_zero(i.reg);
  } else if (i.opcode == 0x4b && i.prefix == kF2 && i.memory) {
    emulate_load(i.reg, reinterpret_cast<const void*>(i.base), i.index);
  } else if (i.opcode == 0x4b && i.prefix == kF3 && i.memory) {
    emulate_store(i.reg, reinterpret_cast<void*>(i.base), i.index);
  } else if (i.opcode == 0x5c && i.prefix == kF3 && !i.memory) {
    emulate_dot(i.reg, i.rm, i.vvvv);
  } else if (i.opcode == 0x5e && i.prefix == kF3 && !i.memory) {
    emulate_byte_dot(i.reg, i.rm, i.vvvv);
  } else {
    return false;
  }
  return true;
}

void handle(int, siginfo_t*, void* p) {
  auto& context = *static_cast<ucontext_t*>(p);
  Instruction instruction;
  if (!decode(context, instruction) || !execute(instruction)) {
    sigaction(SIGILL, &previous, nullptr);  // not ours: the same instruction raises it again
    return;
  }
  context.uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(instruction.next);
  ++instructions;
}
}  // namespace

TileTraps::TileTraps() {
  instructions = 0;
  struct sigaction action = {};
  action.sa_sigaction = handle;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, &previous);
}
TileTraps::~TileTraps() { sigaction(SIGILL, &previous, nullptr); }
int64_t TileTraps::done() const { return instructions; }
bool TileTraps::in_use() const { return tiles_in_use(); }

}  // namespace whorl::cpu
