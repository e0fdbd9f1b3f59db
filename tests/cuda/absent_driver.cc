// A driver without a device: cuDNN loads, makes its plans and "loads" their kernels; nothing can run. The
// functions that it looks up, none of which tells of a device that is there.
#define DRIVER_CALL extern "C" __attribute__((visibility("default"))) int
namespace {
constexpr int kDone = 0, kNoDevice = 100;
int give(void** handle) {  // of what was loaded: nobody looks behind it
  static int nothing = 0;
  *handle = &nothing;
  return kDone;
}
int say(const char** text) {
  *text = "there is no device";
  return kDone;
}
}  // namespace

DRIVER_CALL cuDriverGetVersion(int* version) { return *version = 13000, kDone; }
DRIVER_CALL cuDeviceGetCount(int* count) { return *count = 1, kDone; }
DRIVER_CALL cuDeviceGet(int* device, int) { return *device = 0, kDone; }
DRIVER_CALL cuGetErrorName(int, const char** text) { return say(text); }
DRIVER_CALL cuGetErrorString(int, const char** text) { return say(text); }
DRIVER_CALL cuCtxGetCurrent(void** context) { return give(context); }
DRIVER_CALL cuCtxPushCurrent(void*) { return kDone; }
DRIVER_CALL cuCtxPopCurrent(void** context) { return give(context); }
DRIVER_CALL cuLibraryLoadData(void** library) { return give(library); }
DRIVER_CALL cuLibraryLoadFromFile(void** library) { return give(library); }
DRIVER_CALL cuLibraryGetKernel(void** kernel) { return give(kernel); }
DRIVER_CALL cuLibraryUnload(void*) { return kDone; }
DRIVER_CALL cuModuleLoadData(void** module) { return give(module); }
DRIVER_CALL cuModuleGetFunction(void** function) { return give(function); }
DRIVER_CALL cuModuleUnload(void*) { return kDone; }
DRIVER_CALL cuKernelGetFunction(void** function) { return give(function); }
DRIVER_CALL cuKernelGetAttribute(int* value) { return *value = 0, kDone; }
DRIVER_CALL cuKernelSetAttribute() { return kDone; }
DRIVER_CALL cuOccupancyMaxPotentialClusterSize(int* size) { return *size = 8, kDone; }
DRIVER_CALL cuTensorMapEncodeTiled() { return kDone; }
DRIVER_CALL cuTensorMapEncodeIm2col() { return kDone; }
DRIVER_CALL cuCtxGetLimit() { return kNoDevice; }
DRIVER_CALL cuLaunchKernel() { return kNoDevice; }
DRIVER_CALL cuLaunchKernelEx() { return kNoDevice; }
DRIVER_CALL cuLaunchCooperativeKernel() { return kNoDevice; }
DRIVER_CALL cuLinkAddData() { return kNoDevice; }
DRIVER_CALL cuLinkComplete() { return kNoDevice; }
DRIVER_CALL cuLinkCreate() { return kNoDevice; }
DRIVER_CALL cuLinkDestroy() { return kNoDevice; }
DRIVER_CALL cuStreamGetCtx() { return kNoDevice; }
