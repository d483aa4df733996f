//! What a mixer carries between steps, as a value.
//!
//! A [`State`] is a set of named entries, each with a layout tag (its axes after the batch) and a
//! shape. It can be snapshot to bytes and restored, stored as safetensors, selected and expanded
//! along the batch, and nested into the state of a whole model. Prefix caching, continuous batching,
//! state tuning and resumable forecasting are uses of this one type.

use crate::error::MixerError;
use burn::tensor::{DType, Device, Int, Tensor, TensorData as BurnData};
use resolvent_formats::{TensorData, TensorMap};
use resolvent_kernels::reshape;
use std::collections::BTreeMap;

const LAYOUT_KEY: &str = "layout:";

/// One carried tensor.
#[derive(Debug, Clone)]
struct Entry {
    /// Axes after the batch, as in `head,head_dim,state`.
    layout: String,
    /// Lengths of these axes.
    shape: Vec<usize>,
    /// [batch, elements]: every rank in one type.
    data: Tensor<2>,
}

/// Named tensors that a mixer carries from one position to the next; see the module's text.
#[derive(Debug, Clone, Default)]
pub struct State {
    entries: BTreeMap<String, Entry>,
}

impl State {
    /// A state without entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces an entry.
    ///
    /// # Shapes
    /// `value`: [batch, axes of `layout`]; `layout` names D - 1 axes, comma-separated.
    pub fn insert<const D: usize>(&mut self, name: &str, layout: &str, value: Tensor<D>) {
        let dims = value.dims();
        let elements = dims[1..].iter().product();
        let entry = Entry {
            layout: layout.to_owned(),
            shape: dims[1..].to_vec(),
            data: reshape(value, [dims[0], elements]),
        };
        self.entries.insert(name.to_owned(), entry);
    }

    /// Takes an entry out.
    ///
    /// # Errors
    /// No such entry; another layout or number of axes.
    pub fn take<const D: usize>(
        &mut self,
        name: &str,
        layout: &str,
    ) -> Result<Tensor<D>, MixerError> {
        let Some(entry) = self.entries.remove(name) else {
            return Err(MixerError::StateMissing {
                name: name.to_owned(),
                present: self.entries.keys().cloned().collect(),
            });
        };
        if entry.layout != layout || entry.shape.len() + 1 != D {
            return Err(MixerError::StateShape {
                name: name.to_owned(),
                got: format!("[{}] of {:?}", entry.layout, entry.shape),
                expected: format!("[{layout}]"),
            });
        }
        let mut dims = [entry.data.dims()[0]; D];
        dims[1..].copy_from_slice(&entry.shape);
        Ok(reshape(entry.data, dims))
    }

    /// Checks one entry against the shape that a mixer expects, batch included.
    pub(crate) fn expect<const D: usize>(
        name: &str,
        value: &Tensor<D>,
        expected: [usize; D],
    ) -> Result<(), MixerError> {
        if value.dims() == expected {
            return Ok(());
        }
        Err(MixerError::StateShape {
            name: name.to_owned(),
            got: format!("{:?}", value.dims()),
            expected: format!("{expected:?}"),
        })
    }

    /// Names of the entries in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Whether nothing is carried.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Rows of the batch; zero for an empty state.
    pub fn batch(&self) -> usize {
        self.entries.values().next().map_or(0, |e| e.data.dims()[0])
    }

    /// Bytes that one batch row occupies.
    pub fn bytes_per_row(&self) -> usize {
        self.entries
            .values()
            .map(|e| e.shape.iter().product::<usize>() * e.data.dtype().size())
            .sum()
    }

    /// The rows `rows` of the batch, in that order, repeats allowed.
    ///
    /// # Errors
    /// A row beyond the batch.
    pub fn select(&self, rows: &[usize]) -> Result<Self, MixerError> {
        let batch = self.batch();
        if let Some(&row) = rows.iter().find(|&&row| row >= batch) {
            return Err(MixerError::StateRow { row, rows: batch });
        }
        let indices: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
        Ok(self.map(|data| {
            let indices = Tensor::<1, Int>::from_data(indices.as_slice(), &data.device());
            data.select(0, indices)
        }))
    }

    /// One row repeated `count` times: a shared prefix for a batch.
    ///
    /// # Errors
    /// The state has no row.
    pub fn expand(&self, count: usize) -> Result<Self, MixerError> {
        self.select(&vec![0; count])
    }

    /// The same values outside the autodiff graph.
    #[must_use]
    pub fn detach(&self) -> Self {
        self.map(Tensor::detach)
    }

    fn map(&self, change: impl Fn(Tensor<2>) -> Tensor<2>) -> Self {
        let entries = self.entries.iter().map(|(name, entry)| {
            let entry = Entry {
                data: change(entry.data.clone()),
                ..entry.clone()
            };
            (name.clone(), entry)
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// Puts all entries of `inner` under `prefix.`.
    pub fn nest(&mut self, prefix: &str, inner: Self) {
        let renamed = |(name, entry)| (format!("{prefix}.{name}"), entry);
        self.entries.extend(inner.entries.into_iter().map(renamed));
    }

    /// Takes out what [`State::nest`] put under `prefix`.
    pub fn unnest(&mut self, prefix: &str) -> Self {
        let start = format!("{prefix}.");
        let names: Vec<String> = self
            .entries
            .keys()
            .filter(|name| name.starts_with(&start))
            .cloned()
            .collect();
        let entries = names.into_iter().filter_map(|name| {
            let entry = self.entries.remove(&name)?;
            Some((name[start.len()..].to_owned(), entry))
        });
        Self {
            entries: entries.collect(),
        }
    }

    /// All entries as host tensors [batch, axes], with the layouts in the metadata.
    ///
    /// # Errors
    /// Does not fail for states that a mixer made.
    pub fn to_tensors(&self) -> Result<TensorMap, MixerError> {
        let mut map = TensorMap::new();
        for (name, entry) in &self.entries {
            let mut shape = vec![entry.data.dims()[0]];
            shape.extend(&entry.shape);
            let data: Vec<f32> = entry
                .data
                .to_data()
                .convert_dtype(DType::F32)
                .iter()
                .collect();
            map.insert(name, TensorData::from_f32(shape, &data)?)?;
            map.set_metadata(format!("{LAYOUT_KEY}{name}"), &entry.layout);
        }
        Ok(map)
    }

    /// The inverse of [`State::to_tensors`].
    ///
    /// # Errors
    /// A tensor without a layout, or without a batch axis.
    pub fn from_tensors(map: &TensorMap, device: &Device) -> Result<Self, MixerError> {
        let mut entries = BTreeMap::new();
        for (name, tensor) in map.iter() {
            let layout = map.metadata().get(&format!("{LAYOUT_KEY}{name}"));
            let axes = layout.map(|l| l.split(',').filter(|a| !a.is_empty()).count());
            let (Some(layout), [batch, shape @ ..]) = (layout, tensor.shape()) else {
                return Err(MixerError::StateMissing {
                    name: format!("{LAYOUT_KEY}{name}"),
                    present: map.metadata().keys().cloned().collect(),
                });
            };
            if axes != Some(shape.len()) {
                return Err(MixerError::StateShape {
                    name: name.to_owned(),
                    got: format!("{:?}", tensor.shape()),
                    expected: format!("[batch,{layout}]"),
                });
            }
            let elements = shape.iter().product::<usize>();
            let data = BurnData::new(tensor.to_f32(), [*batch, elements]);
            let entry = Entry {
                layout: layout.clone(),
                shape: shape.to_vec(),
                data: Tensor::from_data(data, device),
            };
            entries.insert(name.to_owned(), entry);
        }
        Ok(Self { entries })
    }

    /// Snapshot as the bytes of a safetensors file.
    ///
    /// # Errors
    /// As [`State::to_tensors`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, MixerError> {
        Ok(self.to_tensors()?.to_bytes()?)
    }

    /// Restores a snapshot.
    ///
    /// # Errors
    /// Bytes that are no safetensors file, or one that is no state.
    pub fn from_bytes(bytes: &[u8], device: &Device) -> Result<Self, MixerError> {
        Self::from_tensors(&TensorMap::parse(bytes)?, device)
    }
}
