//! The devices of this build by their names: where tensors live and operations run.

use burn::tensor::Device;

use crate::error::CliError;

/// What burn reads, too; the flag takes precedence.
const VARIABLE: &str = "BURN_DEVICE";

/// One device of this build.
struct Named {
    name: &'static str,
    open: fn() -> Device,
}

/// Every device of this build, the default one first.
const DEVICES: &[Named] = &[
    Named {
        name: "flex",
        open: Device::flex,
    },
    #[cfg(feature = "cuda")]
    Named {
        name: "cuda",
        open: || Device::cuda(0),
    },
    #[cfg(feature = "cube-cpu")]
    Named {
        name: "cpu",
        open: Device::cpu,
    },
];

/// The device that `--device` names, else `BURN_DEVICE`, else the CPU.
///
/// # Errors
/// A name that this build has no device for, with those it has; burn would panic.
pub fn chosen(flag: Option<&str>) -> Result<Device, CliError> {
    let variable = std::env::var(VARIABLE).ok();
    let (source, name) = match (flag, variable.as_deref()) {
        (Some(name), _) => ("--device", name),
        (None, Some(name)) => (VARIABLE, name),
        (None, None) => ("the default device", DEVICES[0].name),
    };
    let found = DEVICES.iter().find(|device| device.name == name);
    if let Some(device) = found {
        #[cfg(all(unix, any(feature = "cuda", feature = "cube-cpu")))]
        name_to_burn(device.name, variable.as_deref());
        return Ok((device.open)());
    }
    let names: Vec<&str> = DEVICES.iter().map(|device| device.name).collect();
    Err(CliError::Flag {
        flag: source,
        value: format!("{name:?}"),
        remedy: format!(
            "this build has {}; an NVIDIA GPU is `cuda`, in a build with `--features cuda`",
            names.join(", ")
        ),
    })
}

/// Starts this program anew where the variable does not name the device: burn reads the states of an
/// optimiser into its own default device, which in a build for GPUs is a GPU, and panics where there is none.
/// Where that cannot be done the program goes on, as only resuming on such a machine needs it.
#[cfg(all(unix, any(feature = "cuda", feature = "cube-cpu")))]
fn name_to_burn(name: &str, variable: Option<&str>) {
    use std::os::unix::process::CommandExt;

    if variable == Some(name) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        let arguments = std::env::args_os().skip(1);
        let mut command = std::process::Command::new(program);
        let error = command.args(arguments).env(VARIABLE, name).exec();
        tracing::debug!("this program cannot be started anew: {error}");
    }
}
