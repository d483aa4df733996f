//! Optimiser state as named tensors.
//!
//! burn keeps its record private and keyed by parameter identifiers, which are random in every
//! process; it can be had as a burnpack container in memory. Here that container is taken apart
//! into tensors keyed by parameter path, and put together again with the identifiers of the module
//! at hand. Scalars (step counts) become tensors without axes.

use std::collections::BTreeMap;

use burn::module::ParamId;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::tensor::Bytes;
use burn_pack::{DType, Reader, Scalar, Tensor, Writer};
use resolvent_formats::{Dtype, TensorData, TensorMap};
use resolvent_models::weights::Parameter;

use crate::error::LearnError;

/// The field in which burn records a parameter's number of axes; every stored parameter has it.
const RANK_FIELD: &str = "__rank";

/// The state of `optimiser` by parameter path.
pub(super) fn save(
    optimiser: &ModuleOptimizer,
    parameters: &[Parameter],
) -> Result<TensorMap, LearnError> {
    let paths: BTreeMap<u64, &str> = parameters
        .iter()
        .map(|parameter| (parameter.id.val(), parameter.path.as_str()))
        .collect();
    let bytes = optimiser.to_record().into_bytes().map_err(record_error)?;
    let reader = Reader::from_bytes(bytes).map_err(record_error)?;
    let mut stored = TensorMap::new();
    for (name, scalar) in reader.scalars() {
        insert(
            &mut stored,
            &by_path(name, &paths)?,
            scalar_tensor(name, scalar)?,
        )?;
    }
    for tensor in reader.into_tensors().map_err(record_error)? {
        let (name, dtype, shape, _, bytes) = tensor.into_parts().map_err(record_error)?;
        let data =
            TensorData::from_bytes(stored_dtype(&name, dtype)?, shape.to_vec(), bytes.to_vec())
                .map_err(|error| problem(&name, error.to_string()))?;
        insert(&mut stored, &by_path(&name, &paths)?, data)?;
    }
    Ok(stored)
}

/// `optimiser` with the state that [`save`] returned.
pub(super) fn load(
    optimiser: ModuleOptimizer,
    stored: &TensorMap,
    parameters: &[Parameter],
) -> Result<ModuleOptimizer, LearnError> {
    let by_path: BTreeMap<&str, &Parameter> = parameters
        .iter()
        .map(|parameter| (parameter.path.as_str(), parameter))
        .collect();
    let mut tensors = Vec::new();
    let mut scalars = Vec::new();
    let mut owners = BTreeMap::new();
    for (name, data) in stored.iter() {
        let (path, field) = name
            .rsplit_once('/')
            .ok_or_else(|| problem(name, "the name is not of the form path/field".to_owned()))?;
        let parameter = by_path
            .get(path)
            .ok_or_else(|| problem(name, "the model has no parameter of this path".to_owned()))?;
        let key = format!("{}.{field}", parameter.id.val());
        owners.insert(parameter.id.val().to_string(), path.to_owned());
        if data.shape().is_empty() && data.dtype() != Dtype::F32 {
            scalars.push((key, scalar_of(name, data, parameter)?));
            continue;
        }
        tensors.push(record_tensor(name, key, data, parameter)?);
    }
    let expected = stored.len();
    let mut writer = Writer::new(tensors);
    for (key, scalar) in &scalars {
        writer = writer.with_scalar(key, *scalar);
    }
    for (id, path) in &owners {
        writer = writer.with_metadata(id, path);
    }
    let bytes = writer.into_bytes().map_err(record_error)?;
    let record = OptimizerRecord::from_bytes(bytes).map_err(record_error)?;
    let optimiser = optimiser.load_record(record);
    // burn skips what it cannot rebuild; a silently forgotten moment would change the run.
    let restored = save(&optimiser, parameters)?;
    match stored.names().find(|name| restored.get(name).is_err()) {
        None if restored.len() == expected => Ok(optimiser),
        missing => Err(problem(
            missing.unwrap_or("optimiser"),
            "this optimiser has no such field, or a companion field is missing".to_owned(),
        )),
    }
}

/// Turns burn's `{id}.{field}` into our `{path}/{field}`.
fn by_path(name: &str, paths: &BTreeMap<u64, &str>) -> Result<String, LearnError> {
    let unknown = || problem(name, "it belongs to no parameter of the model".to_owned());
    let (id, field) = name.split_once('.').ok_or_else(unknown)?;
    let id: u64 = id.parse().map_err(|_| unknown())?;
    let path = paths.get(&ParamId::from(id).val()).ok_or_else(unknown)?;
    Ok(format!("{path}/{field}"))
}

fn record_tensor(
    name: &str,
    key: String,
    data: &TensorData,
    parameter: &Parameter,
) -> Result<Tensor, LearnError> {
    if data.shape() != parameter.shape {
        return Err(problem(
            name,
            format!(
                "it has shape {:?}, but the parameter has {:?}",
                data.shape(),
                parameter.shape
            ),
        ));
    }
    Ok(Tensor::new(
        key,
        record_dtype(name, data.dtype())?,
        data.shape().to_vec(),
        Some(parameter.id.val()),
        Bytes::from_bytes_vec(data.bytes().to_vec()),
    ))
}

/// Element types that moments can have, ours beside burn's.
const DTYPES: [(Dtype, DType); 4] = [
    (Dtype::F32, DType::F32),
    (Dtype::F64, DType::F64),
    (Dtype::F16, DType::F16),
    (Dtype::BF16, DType::BF16),
];

fn stored_dtype(name: &str, dtype: DType) -> Result<Dtype, LearnError> {
    let line = DTYPES.iter().find(|(_, burn)| *burn == dtype);
    line.map(|(ours, _)| *ours)
        .ok_or_else(|| problem(name, format!("moments of type {dtype:?} are not stored")))
}

fn record_dtype(name: &str, dtype: Dtype) -> Result<DType, LearnError> {
    let line = DTYPES.iter().find(|(ours, _)| *ours == dtype);
    line.map(|(_, burn)| *burn)
        .ok_or_else(|| problem(name, format!("a moment cannot hold {dtype} values")))
}

/// A scalar as a tensor without axes, its kind told by the element type.
fn scalar_tensor(name: &str, scalar: &Scalar) -> Result<TensorData, LearnError> {
    let (dtype, bytes) = match scalar {
        Scalar::Int(value) => (Dtype::I64, value.to_le_bytes().to_vec()),
        Scalar::UInt(value) => (Dtype::U64, value.to_le_bytes().to_vec()),
        Scalar::Float(value) => (Dtype::F64, value.to_le_bytes().to_vec()),
        Scalar::Bool(value) => (Dtype::Bool, vec![u8::from(*value)]),
    };
    TensorData::from_bytes(dtype, Vec::new(), bytes)
        .map_err(|error| problem(name, error.to_string()))
}

fn scalar_of(name: &str, data: &TensorData, parameter: &Parameter) -> Result<Scalar, LearnError> {
    let axes = parameter.shape.len() as u64;
    let word = |bytes: &[u8]| <[u8; 8]>::try_from(bytes).ok();
    let scalar = match data.dtype() {
        Dtype::I64 => word(data.bytes()).map(|word| Scalar::Int(i64::from_le_bytes(word))),
        Dtype::U64 => word(data.bytes()).map(|word| Scalar::UInt(u64::from_le_bytes(word))),
        Dtype::F64 => word(data.bytes()).map(|word| Scalar::Float(f64::from_le_bytes(word))),
        Dtype::Bool => data.bytes().first().map(|byte| Scalar::Bool(*byte != 0)),
        _ => None,
    };
    match scalar {
        // burn takes the rank on trust and panics in the next step when it is another.
        Some(scalar) if name.ends_with(RANK_FIELD) && scalar != Scalar::UInt(axes) => Err(problem(
            name,
            format!("it is {scalar:?}, but the parameter has {axes} axes"),
        )),
        Some(scalar) => Ok(scalar),
        None => Err(problem(name, format!("a count cannot be {}", data.dtype()))),
    }
}

fn insert(map: &mut TensorMap, name: &str, data: TensorData) -> Result<(), LearnError> {
    map.insert(name, data)
        .map_err(|error| problem(name, error.to_string()))
}

fn problem(name: &str, problem: String) -> LearnError {
    LearnError::OptimiserState {
        name: name.to_owned(),
        problem,
    }
}

fn record_error(error: impl std::fmt::Display) -> LearnError {
    problem("record", error.to_string())
}
