//! Weights by name: from a module to a tensor map and back, for any burn module.
//!
//! A parameter's *path* is the chain of field names and indices that leads to it, as in
//! `backbone.layers.0.mixer.a_log`. Its *published* name is what a [`Rename`] makes of the path, as
//! in `backbone.layers.0.mixer.A_log`. Values are the tensors that the module stores: burn's load
//! and save mappers, which change layouts, are not applied.

#[cfg(test)]
mod tests;
mod walks;

use burn::module::{Module, ParamId};
use resolvent_formats::{TensorData, TensorMap};

use self::walks::{Describer, Exporter, Importer, Path, PathIds};
use crate::error::{ModelError, refused};

/// Turns a path inside the module into the name under which the parameter is published.
pub type Rename = fn(&str) -> String;

/// The renaming that changes nothing.
pub fn identity(path: &str) -> String {
    path.to_owned()
}

/// A parameter without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Path inside the module, its fields and indices joined by dots.
    pub path: String,
    /// Published name.
    pub name: String,
    /// Length of each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// Number of values.
    pub count: usize,
    /// burn's identifier, random unless [`with_path_ids`] set it.
    pub id: ParamId,
}

/// Copies every parameter to host memory as binary32, under its published name.
///
/// # Errors
/// [`ModelError::DuplicateName`], [`ModelError::UnsupportedParameter`] for integer and boolean
/// parameters, [`ModelError::Device`] when a device cannot be read.
///
/// # Numerics
/// Exact for binary32, binary16 and bfloat16 parameters.
pub fn export<M: Module>(module: &M, rename: Rename) -> Result<TensorMap, ModelError> {
    // Refuses names and kinds before anything is copied from a device.
    describe(module, rename)?;
    let mut visitor = Exporter {
        path: Path::default(),
        rename,
        tensors: Ok(TensorMap::new()),
    };
    module.visit(&mut visitor);
    visitor.tensors
}

/// Fills the module with the tensors of a map, all of them or none.
///
/// Device, element type and gradient settings of the parameters stay as they are.
///
/// # Errors
/// Before anything is replaced: a parameter without a tensor (with the most similar name), a tensor
/// without a parameter, another shape (both are named), a NaN or an infinity (with its index),
/// parameters of unsupported kind.
pub fn import<M: Module>(module: M, tensors: &TensorMap, rename: Rename) -> Result<M, ModelError> {
    let parameters = describe(&module, rename)?;
    for parameter in &parameters {
        check(parameter, tensors.get(&parameter.name)?)?;
    }
    for name in tensors.names() {
        if !parameters.iter().any(|parameter| parameter.name == name) {
            return Err(unexpected(name, &parameters));
        }
    }
    Ok(module.map(&mut Importer {
        path: Path::default(),
        rename,
        tensors,
    }))
}

/// Path, published name, shape and size of every parameter, in the module's own order.
///
/// Nothing is computed or copied: parameters that burn has not initialised yet stay so.
///
/// # Errors
/// [`ModelError::DuplicateName`], [`ModelError::UnsupportedParameter`].
pub fn describe<M: Module>(module: &M, rename: Rename) -> Result<Vec<Parameter>, ModelError> {
    let mut visitor = Describer {
        path: Path::default(),
        rename,
        parameters: Vec::new(),
        unsupported: None,
    };
    module.visit(&mut visitor);
    if let Some(error) = visitor.unsupported {
        return Err(error);
    }
    let mut names: Vec<&str> = visitor.parameters.iter().map(|p| p.name.as_str()).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ModelError::DuplicateName {
            name: pair[0].to_owned(),
        });
    }
    Ok(visitor.parameters)
}

/// The number of trainable values.
pub fn count_parameters<M: Module>(module: &M) -> usize {
    module.num_params()
}

/// Replaces every parameter's random identifier by one computed from its path, so that records
/// keyed by identifier survive a restart of the process.
///
/// The identifier is the 64-bit FNV-1a hash of the path (Fowler, Noll & Vo); two paths of one model
/// collide with a probability of about n^2 / 2^65.
pub fn with_path_ids<M: Module>(module: M) -> M {
    module.map(&mut PathIds {
        path: Path::default(),
    })
}

/// Refuses a configuration that promises far more parameters than the weights hold: a file may
/// promise any size, and is believed only as far as it is large.
///
/// Small differences pass: the first tensor of another shape says more than a sum.
///
/// # Errors
/// [`ModelError::Config`] with both numbers.
pub fn require_size(promised: u64, weights: &TensorMap) -> Result<(), ModelError> {
    let stored: u64 = weights
        .iter()
        .map(|(_, tensor)| tensor.elements() as u64)
        .sum();
    if promised <= stored.saturating_mul(4).max(1 << 24) {
        return Ok(());
    }
    Err(refused(
        "config.json",
        format!("a model of {promised} parameters"),
        format!("one of the {stored} that the weights hold"),
    ))
}

fn check(parameter: &Parameter, tensor: &TensorData) -> Result<(), ModelError> {
    if tensor.shape() != parameter.shape {
        return Err(ModelError::WrongShape {
            name: parameter.name.clone(),
            expected: parameter.shape.clone(),
            found: tensor.shape().to_vec(),
        });
    }
    let values = tensor.to_f32();
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(position) => Err(ModelError::NotFinite {
            name: parameter.name.clone(),
            index: index_of(position, &parameter.shape),
            value: values[position],
        }),
    }
}

fn unexpected(name: &str, parameters: &[Parameter]) -> ModelError {
    // The longest shared prefix is a sufficient notion of nearness between dotted names.
    let shared = |other: &str| {
        name.bytes()
            .zip(other.bytes())
            .take_while(|(a, b)| a == b)
            .count()
    };
    ModelError::UnexpectedTensor {
        name: name.to_owned(),
        closest: parameters
            .iter()
            .max_by_key(|parameter| shared(&parameter.name))
            .filter(|parameter| shared(&parameter.name) > 0)
            .map(|parameter| parameter.name.clone()),
    }
}

/// The index along each axis of element `position` in row-major order; no axis is empty.
fn index_of(mut position: usize, shape: &[usize]) -> Vec<usize> {
    let mut index = vec![0; shape.len()];
    for (axis, length) in shape.iter().enumerate().rev() {
        index[axis] = position % length;
        position /= length;
    }
    index
}
