//! Walks over a module: its parameters listed, read, replaced, renumbered.

use burn::module::{ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::{Bool, Int, Tensor};
use resolvent_formats::{TensorData, TensorMap};

use super::{Parameter, Rename};
use crate::error::ModelError;

/// The names entered and not yet left during a walk over a module.
#[derive(Default)]
pub(super) struct Path(Vec<String>);

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

pub(super) struct Describer {
    pub(super) path: Path,
    pub(super) rename: Rename,
    pub(super) parameters: Vec<Parameter>,
    pub(super) unsupported: Option<ModelError>,
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

pub(super) struct Exporter {
    pub(super) path: Path,
    pub(super) rename: Rename,
    pub(super) tensors: Result<TensorMap, ModelError>,
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

pub(super) struct Importer<'a> {
    pub(super) path: Path,
    pub(super) rename: Rename,
    pub(super) tensors: &'a TensorMap,
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

pub(super) struct PathIds {
    pub(super) path: Path,
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
