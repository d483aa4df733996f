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
        (None, None) => return Ok(Device::flex()),
    };
    let found = DEVICES.iter().find(|device| device.name == name);
    found.map(|device| (device.open)()).ok_or_else(|| {
        let names: Vec<&str> = DEVICES.iter().map(|device| device.name).collect();
        CliError::Flag {
            flag: source,
            value: format!("{name:?}"),
            remedy: format!(
                "this build has {}; an NVIDIA GPU is `cuda`, in a build with `--features cuda`",
                names.join(", ")
            ),
        }
    })
}
