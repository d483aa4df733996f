"""What NVIDIA's compiler makes of our CubeCL kernels, on a machine without a GPU.

Runs a program built with `--features cuda` under a stub driver (a make-believe H100, on which launches
do nothing), takes the CUDA sources that CubeCL logs, compiles them as CubeCL does on a GPU (NVRTC, then
ptxas in the driver's place) and prints registers, stack and spills of each kernel as CSV:

  python oracles/cuda_kernels/registers.py --only prepare,gradients -- \\
    target/debug/examples/device_bench --ops dplr --dtypes bf16 --batch 8 --heads 32 --head-dim 128 \\
    --lens 64 --modes both --runs 1 --check no

Needs cc and, once, pip for five wheels of CUDA 13.0 (about 200 MB). With release 13.0 the counts are those
that ncu gives on an H200 under driver 580 (ssd: 136, 186 and 255). nvcc's are not: it computes addresses in
shared memory in 32 bits, where NVRTC uses 64, and took 98, 146 and 175 registers for the same sources.
"""

import argparse
import csv
import ctypes
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
PACKAGES = ["nvidia-cuda-nvcc", "nvidia-cuda-nvrtc", "nvidia-cuda-crt", "nvidia-cuda-runtime", "nvidia-cuda-cccl"]
LIBRARIES = ["libnvrtc-builtins.so.13.0", "libnvrtc.so.13"]
KERNEL = re.compile(r"__launch_bounds__\((\d+)\)\s+(\w+)\(")
USED = re.compile(r"Used (\d+) registers")
STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")


def toolkit():
    """The folder of the compilers, fetched at the first call."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    root = cache / "resolvent" / "cuda-nvrtc"
    found = root / "nvidia" / "cu13"
    if not found.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root.parent) as folder:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
            subprocess.run(pip + [f"{name}==13.0.*" for name in PACKAGES], check=True)
            unpacked = Path(folder) / "toolkit"
            for wheel in Path(folder).glob("*.whl"):
                zipfile.ZipFile(wheel).extractall(unpacked)
            for program in (unpacked / "nvidia" / "cu13" / "bin").iterdir():
                program.chmod(0o755)
            # Whole or absent.
            unpacked.rename(root)
    return found


def stubs(folder):
    for source, library in [("cuda_stub.c", "libcuda.so"), ("nvrtc_stub.c", "libnvrtc.so")]:
        command = ["cc", "-shared", "-fPIC", "-w", "-o", folder / library, HERE / source]
        subprocess.run(command, check=True)
        for name in [f"{library}.1", f"{library}.13"]:
            (folder / name).symlink_to(library)


def sources(command, cuda):
    """The sources that the command would compile, by kernel."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        stubs(folder)
        log = folder / "kernels.txt"
        config = f'[compilation]\nlogger = {{ level = "full", file = "{log}" }}\n'
        (folder / "cubecl.toml").write_text(config)
        if not Path(command[0]).is_file():
            sys.exit(f"{command[0]} is no file; build it first with `--features cuda`")
        program = [str(Path(command[0]).resolve()), *command[1:]]
        environment = dict(os.environ, BURN_DEVICE="cuda", CUDA_PATH=str(cuda), LD_LIBRARY_PATH=str(folder))
        run = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"{command[0]} ended with {run.returncode}\n{run.stderr[-2000:]}")
        for block in log.read_text().split("[START_KERNEL_COMPILATION]")[1:]:
            code = re.search(r"```[a-z+]*\n(.*?)\n```", block, re.S)
            if code and (head := KERNEL.search(code.group(1))):
                yield head.group(2), head.group(1), code.group(1)


def text(nvrtc, program, what):
    """What NVRTC keeps of a program: `PTX` or `ProgramLog`."""
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer.value


def assembly(source, cuda):
    """PTX of a source, with the options that CubeCL gives."""
    # The first is what the second would look for.
    *_, nvrtc = [ctypes.CDLL(str(cuda / "lib" / name), mode=ctypes.RTLD_GLOBAL) for name in LIBRARIES]
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), None, 0, None, None)
    options = ["--gpu-architecture=sm_90a", f"--include-path={cuda}/include", "-lineinfo"]
    options += [f"--include-path={cuda}/include/cccl"]
    given = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    if nvrtc.nvrtcCompileProgram(program, len(options), given) != 0:
        sys.exit(f"a source does not compile\n{text(nvrtc, program, 'ProgramLog').decode()[:2000]}")
    return text(nvrtc, program, "PTX")


def compiled(source, cuda, keep):
    keep.write_text(source)
    ptx = keep.with_suffix(".ptx")
    ptx.write_bytes(assembly(source, cuda))
    ptxas = [cuda / "bin" / "ptxas", "-arch=sm_90a", "-v", ptx, "-o", keep.with_suffix(".cubin")]
    run = subprocess.run(ptxas, capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{ptx} does not compile\n{run.stderr[:2000]}")
    return [USED.search(run.stderr).group(1), *STACK.search(run.stderr).groups()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="beginnings of kernel names, by commas")
    parser.add_argument("--keep", type=Path, help="folder for sources and cubins")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    cuda = toolkit()
    table = csv.writer(sys.stdout)
    table.writerow(["kernel", "units", "registers", "stack_bytes", "spill_store_bytes", "spill_load_bytes"])
    with tempfile.TemporaryDirectory() as folder:
        keep = options.keep or Path(folder)
        keep.mkdir(parents=True, exist_ok=True)
        for name, units, source in sources(options.command, cuda):
            if name.startswith(tuple(options.only.split(","))):
                table.writerow([name, units, *compiled(source, cuda, keep / f"{name}.cu")])
                sys.stdout.flush()


if __name__ == "__main__":
    main()
