/* A CUDA driver with one H100 that runs nothing: memory is the host's, a launch does nothing. Results
 * are meaningless; what it is for is the source that CubeCL generates on the way. */
#include <stdlib.h>
#include <string.h>

typedef unsigned long long Pointer;

/* Device attributes by their numbers in cuda.h. */
static const int ATTRIBUTES[128] = {
    [1] = 1024, [2] = 1024, [3] = 1024, [4] = 64, /* threads of a block, its sides */
    [5] = 2147483647, [6] = 65535, [7] = 65535,   /* sides of a grid */
    [8] = 49152, [81] = 233472, [97] = 232448,    /* shared memory of a block, an SM, opted in */
    [10] = 32, [12] = 65536, [82] = 65536,        /* warp, registers of a block and of an SM */
    [16] = 132, [39] = 2048,                      /* multiprocessors, threads of each */
    [75] = 9, [76] = 0,                           /* compute capability */
    [115] = 1,                                    /* memory pools */
};
static long handles = 16;

static int reserve(void **to, size_t bytes) {
    *to = aligned_alloc(512, (bytes + 511) / 512 * 512);
    return *to ? 0 : 2;
}
static int handle(void **to) { *to = (void *)++handles; return 0; }

int cuInit(unsigned flags) { return 0; }
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
    *value = attribute >= 0 && attribute < 128 ? ATTRIBUTES[attribute] : 0;
    return 0;
}
int cuDeviceGetName(char *name, int length, int device) { strncpy(name, "NVIDIA H100 80GB HBM3", length); return 0; }
int cuDeviceGetUuid(char *uuid, int device) { memset(uuid, 1, 16); return 0; }
int cuDeviceGetUuid_v2(char *uuid, int device) { memset(uuid, 1, 16); return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 80ull << 30; return 0; }
int cuDeviceGetPCIBusId(char *id, int length, int device) { strncpy(id, "0000:00:01.0", length); return 0; }
int cuDeviceGetLuid(char *luid, unsigned *mask, int device) { return 801; /* not supported */ }
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = (void *)1; return 0; }
int cuDevicePrimaryCtxRelease_v2(int device) { return 0; }
int cuCtxSetCurrent(void *context) { return 0; }
int cuCtxGetCurrent(void **context) { *context = (void *)1; return 0; }
int cuCtxSynchronize(void) { return 0; }
int cuCtxGetStreamPriorityRange(int *least, int *greatest) { *least = *greatest = 0; return 0; }
int cuMemGetInfo_v2(size_t *free, size_t *total) { *free = *total = 80ull << 30; return 0; }
int cuMemAlloc_v2(Pointer *to, size_t bytes) { return reserve((void **)to, bytes); }
int cuMemAllocAsync(Pointer *to, size_t bytes, void *stream) { return reserve((void **)to, bytes); }
int cuMemAllocHost_v2(void **to, size_t bytes) { return reserve(to, bytes); }
int cuMemFree_v2(Pointer memory) { free((void *)memory); return 0; }
int cuMemFreeAsync(Pointer memory, void *stream) { free((void *)memory); return 0; }
int cuMemFreeHost(void *memory) { free(memory); return 0; }
int cuMemcpyHtoDAsync_v2(Pointer to, const void *from, size_t bytes, void *stream) { memcpy((void *)to, from, bytes); return 0; }
int cuMemcpyDtoHAsync_v2(void *to, Pointer from, size_t bytes, void *stream) { memcpy(to, (void *)from, bytes); return 0; }
int cuMemcpyDtoDAsync_v2(Pointer to, Pointer from, size_t bytes, void *stream) { memcpy((void *)to, (void *)from, bytes); return 0; }
int cuMemcpy2DAsync_v2(const void *copy, void *stream) { return 0; }
int cuMemsetD8Async(Pointer to, unsigned char value, size_t bytes, void *stream) { memset((void *)to, value, bytes); return 0; }
int cuStreamCreate(void **stream, unsigned flags) { return handle(stream); }
int cuStreamCreateWithPriority(void **stream, unsigned flags, int priority) { return handle(stream); }
int cuStreamDestroy_v2(void *stream) { return 0; }
int cuStreamSynchronize(void *stream) { return 0; }
int cuStreamQuery(void *stream) { return 0; }
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) { return 0; }
int cuStreamIsCapturing(void *stream, int *status) { *status = 0; return 0; }
int cuEventCreate(void **event, unsigned flags) { return handle(event); }
int cuEventDestroy_v2(void *event) { return 0; }
int cuEventRecord(void *event, void *stream) { return 0; }
int cuEventSynchronize(void *event) { return 0; }
int cuEventQuery(void *event) { return 0; }
int cuEventElapsedTime(float *ms, void *from, void *to) { *ms = 1; return 0; }
int cuEventElapsedTime_v2(float *ms, void *from, void *to) { *ms = 1; return 0; }
int cuModuleLoadData(void **module, const void *image) { return handle(module); }
int cuModuleLoadDataEx(void **module, const void *image, unsigned count, void *options, void *values) { return handle(module); }
int cuModuleUnload(void *module) { return 0; }
int cuModuleGetFunction(void **function, void *module, const char *name) { return handle(function); }
int cuFuncSetAttribute(void *function, int attribute, int value) { return 0; }
int cuFuncGetAttribute(int *value, int attribute, void *function) { *value = 0; return 0; }
int cuLaunchKernel() { return 0; }
int cuLaunchKernelEx() { return 0; }
int cuGetErrorName(int error, const char **name) { *name = "stub"; return 0; }
int cuGetErrorString(int error, const char **text) { *text = "stub"; return 0; }
