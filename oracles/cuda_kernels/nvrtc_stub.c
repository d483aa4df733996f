/* An NVRTC that compiles nothing: CubeCL has logged the source by the time it calls this. */
#include <stddef.h>
#include <string.h>

int nvrtcVersion(int *major, int *minor) { *major = 13; *minor = 0; return 0; }
int nvrtcCreateProgram(void **program, const char *source, const char *name, int count,
                       const char **headers, const char **names) { *program = (void *)16; return 0; }
int nvrtcDestroyProgram(void **program) { return 0; }
int nvrtcCompileProgram(void *program, int count, const char **options) { return 0; }
int nvrtcGetPTXSize(void *program, size_t *size) { *size = 8; return 0; }
int nvrtcGetPTX(void *program, char *ptx) { memset(ptx, 0, 8); return 0; }
int nvrtcGetCUBINSize(void *program, size_t *size) { *size = 8; return 0; }
int nvrtcGetCUBIN(void *program, char *cubin) { memset(cubin, 0, 8); return 0; }
int nvrtcGetProgramLogSize(void *program, size_t *size) { *size = 1; return 0; }
int nvrtcGetProgramLog(void *program, char *log) { *log = 0; return 0; }
int nvrtcAddNameExpression(void *program, const char *name) { return 0; }
const char *nvrtcGetErrorString(int error) { return "stub"; }
