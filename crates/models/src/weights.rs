//! Weights by name: from a module to a tensor map and back, for any burn module.
//!
//! A parameter's *path* is the chain of field names and indices that leads to it, as in
//! `backbone.layers.0.mixer.a_log`. Its *published* name is what a [`Rename`] makes of the path, as
//! in `backbone.layers.0.mixer.A_log`. Values are the tensors that the module stores: burn's load
//! and save mappers, which change layouts, are not applied.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Bool, Int, Tensor};
use resolvent_formats::{TensorData, TensorMap};

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

/// The names entered and not yet left during a walk over a module.
#[derive(Default)]
struct Path(Vec<String>);

impl Path {
    fn enter(&mut self, name: &str) {
        self.0.push(name.to_owned());
    }

    fn exit(&mut self) {
        self.0.pop();
    }

    fn joined(&self) -> String {
        self.0.join(".")
    }
}

struct Describer {
    path: Path,
    rename: Rename,
    parameters: Vec<Parameter>,
    unsupported: Option<ModelError>,
}

impl Describer {
    fn refuse(&mut self, kind: &'static str) {
        let path = self.path.joined();
        self.unsupported
            .get_or_insert(ModelError::UnsupportedParameter { path, kind });
    }
}

impl ModuleVisitor for Describer {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let path = self.path.joined();
        let shape = param.lazy_shape().to_vec();
        self.parameters.push(Parameter {
            name: (self.rename)(&path),
            path,
            count: shape.iter().product(),
            shape,
            id: param.id,
        });
    }

    fn visit_int<const D: usize>(&mut self, _param: &Param<Tensor<D, Int>>) {
        self.refuse("integer");
    }

    fn visit_bool<const D: usize>(&mut self, _param: &Param<Tensor<D, Bool>>) {
        self.refuse("boolean");
    }
}

struct Exporter {
    path: Path,
    rename: Rename,
    tensors: Result<TensorMap, ModelError>,
}

impl Exporter {
    fn add<const D: usize>(&mut self, param: &Param<Tensor<D>>) -> Result<(), ModelError> {
        let Ok(tensors) = &mut self.tensors else {
            return Ok(());
        };
        let path = self.path.joined();
        let name = (self.rename)(&path);
        let tensor = param.val();
        let shape = tensor.dims().to_vec();
        let values: Vec<f32> = tensor
            .try_into_vec_as()
            .map_err(|error| ModelError::Device {
                path,
                reason: error.to_string(),
            })?;
        Ok(tensors.insert(name, TensorData::from_f32(shape, &values)?)?)
    }
}

impl ModuleVisitor for Exporter {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // A visitor cannot return, so the first error is kept and the walk goes on idly.
        if let Err(error) = self.add(param) {
            self.tensors = Err(error);
        }
    }
}

struct Importer<'a> {
    path: Path,
    rename: Rename,
    tensors: &'a TensorMap,
}

impl ModuleMapper for Importer<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let name = (self.rename)(&self.path.joined());
        let data = self
            .tensors
            .get(&name)
            .expect("`import` has checked that every parameter has its tensor");
        let (id, old, mapper) = param.consume();
        let data = burn::tensor::TensorData::new(data.to_f32(), data.shape().to_vec());
        let new = Tensor::from_data(data, (&old.device(), old.dtype()))
            .set_require_grad(old.is_require_grad());
        Param::from_mapped_value(id, new, mapper)
    }
}

struct PathIds {
    path: Path,
}

impl ModuleMapper for PathIds {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.enter(name);
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.exit();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let (_, tensor, mapper) = param.consume();
        Param::from_mapped_value(path_id(&self.path.joined()), tensor, mapper)
    }
}

fn path_id(path: &str) -> ParamId {
    let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    ParamId::from(hash)
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[derive(Module, Debug)]
    struct Layer {
        a_log: Param<Tensor<1>>,
        weight: Param<Tensor<2>>,
    }

    #[derive(Module, Debug)]
    struct Stack {
        layers: Vec<Layer>,
        bias: Option<Param<Tensor<1>>>,
    }

    fn stack(start: f32) -> Stack {
        let device = Device::flex().autodiff();
        let layer = |at: f32| Layer {
            a_log: Param::from_tensor(Tensor::from_data([at, 0.1], &device)),
            weight: Param::from_tensor(Tensor::from_data(
                [[1.0, 2.0, at], [0.3, 5.0, 6.0]],
                &device,
            )),
        };
        Stack {
            layers: vec![layer(start), layer(start + 1.0)],
            bias: Some(Param::from_tensor(Tensor::from_data([start], &device))),
        }
    }

    fn published(path: &str) -> String {
        path.replace("a_log", "A_log")
    }

    fn refusal(change: impl FnOnce(&mut TensorMap)) -> String {
        let mut tensors = export(&stack(1.0), published).unwrap();
        change(&mut tensors);
        import(stack(9.0), &tensors, published)
            .unwrap_err()
            .to_string()
    }

    fn tensor(shape: &[usize], values: &[f32]) -> TensorData {
        TensorData::from_f32(shape.to_vec(), values).unwrap()
    }

    #[test]
    fn weights_when_exported_and_imported_are_the_same_and_trainable() {
        let tensors = export(&stack(0.7), published).unwrap();
        let names: Vec<&str> = tensors.names().collect();
        let expected = [
            "bias",
            "layers.0.A_log",
            "layers.0.weight",
            "layers.1.A_log",
            "layers.1.weight",
        ];
        assert_eq!(names, expected);
        assert_eq!(tensors.f32("layers.1.A_log", &[2]).unwrap(), [1.7, 0.1]);
        let filled = import(stack(9.0), &tensors, published).unwrap();
        assert_eq!(export(&filled, published).unwrap(), tensors);
        let weight = filled.layers[0].weight.val();
        assert!(weight.is_autodiff() && weight.is_require_grad());
    }

    #[test]
    fn import_when_a_tensor_is_missing_names_the_nearest() {
        let message = refusal(|tensors| {
            let data = tensors.take("layers.1.A_log").unwrap();
            tensors.insert("layers.1.A_logs", data).unwrap();
        });
        assert!(message.contains("`layers.1.A_log`"), "{message}");
        assert!(
            message.contains("did you mean `layers.1.A_logs`?"),
            "{message}"
        );
    }

    #[test]
    fn import_when_a_tensor_is_unexpected_names_it() {
        let message = refusal(|tensors| {
            tensors
                .insert("layers.2.A_log", tensor(&[1], &[0.0]))
                .unwrap()
        });
        assert!(
            message.contains("`layers.2.A_log` does not belong"),
            "{message}"
        );
        assert!(
            message.contains("nearest parameter is `layers."),
            "{message}"
        );
    }

    #[test]
    fn import_when_a_shape_differs_names_both() {
        let message = refusal(|tensors| tensors.insert("bias", tensor(&[2], &[0.0, 0.0])).unwrap());
        assert!(
            message.contains("has shape [2]") && message.contains("has [1]"),
            "{message}"
        );
    }

    #[test]
    fn import_when_a_value_is_not_finite_names_its_index() {
        let values = [0.0, 0.0, 0.0, 0.0, f32::NEG_INFINITY, f32::NAN];
        let message = refusal(|tensors| {
            tensors
                .insert("layers.0.weight", tensor(&[2, 3], &values))
                .unwrap()
        });
        assert!(
            message.contains("`layers.0.weight` holds -inf at index [1, 1]"),
            "{message}"
        );
    }

    #[test]
    fn names_when_two_parameters_share_one_are_refused() {
        let rename: Rename = |path| path.replace("1", "0");
        for error in [
            export(&stack(1.0), rename).unwrap_err(),
            describe(&stack(1.0), rename).unwrap_err(),
        ] {
            assert!(
                error.to_string().contains("both published as `layers.0."),
                "{error}"
            );
        }
    }

    #[test]
    fn description_when_asked_lists_paths_shapes_and_counts() {
        let parameters = describe(&stack(1.0), published).unwrap();
        let weight = &parameters[1];
        assert_eq!((weight.path.as_str(), weight.count), ("layers.0.weight", 6));
        assert_eq!(weight.shape, [2, 3]);
        assert_eq!(parameters[0].name, "layers.0.A_log");
        assert_eq!(count_parameters(&stack(1.0)), 17);
    }

    #[test]
    fn identifiers_when_made_from_paths_are_equal_in_every_copy() {
        let ids = |module: Stack| -> Vec<ParamId> {
            let parameters = describe(&with_path_ids(module), identity).unwrap();
            parameters
                .into_iter()
                .map(|parameter| parameter.id)
                .collect()
        };
        let mut first = ids(stack(1.0));
        assert_eq!(first, ids(stack(5.0)));
        first.sort();
        first.dedup();
        assert_eq!(first.len(), 5);
        let before = export(&stack(1.0), identity).unwrap();
        assert_eq!(
            export(&with_path_ids(stack(1.0)), identity).unwrap(),
            before
        );
    }
}
