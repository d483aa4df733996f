//! DPLR: the scan of RWKV-7 and of the generalised delta rule, whose transition is diagonal plus
//! low rank.
//!
//! Source: Peng et al., "RWKV-7 Goose" (arXiv 2503.14456), section 4; Yang et al., "Parallelizing
//! linear transformers with the delta rule" (arXiv 2406.06484) for the chunked form. The public
//! kernels of fla-org/flash-linear-attention (MIT) and BlinkDL/RWKV-LM (Apache-2.0) were read for
//! facts.
//!
//! Per batch row and head, with the state S indexed [value, key]:
//!
//! ```text
//! S_t = S_{t-1} diag(exp(g_t)) + (S_{t-1} a_t) b_t^T + v_t k_t^T
//! y_t = scale S_t r_t
//! ```
//!
//! | RWKV-7 | here | shape |
//! |---|---|---|
//! | r | `r` | [batch, len, head, key] |
//! | log w, never positive | `g` | [batch, len, head, key] |
//! | k (replacement key) | `k` | [batch, len, head, key] |
//! | v | `v` | [batch, len, head, value] |
//! | -kk (removal key) | `a` | [batch, len, head, key] |
//! | kk * iclr | `b` | [batch, len, head, key] |
//! | S_0, S_L | `initial`, `state` | [batch, head, value, key] |
//!
//! Bodies: [`mod@reference`] (f64 recurrence) and `flex`, which has two forms. *Step by step* (chunk
//! of 1) walks four rows of the state at a time over sixteen positions: the rows of S do not
//! depend on each other, and four of them stay in the first-level cache, so that on a CPU this is
//! the faster form for the usual head sizes. *Chunked* turns a chunk into matrix products and a triangular solve, with
//! decays taken against the middle of the chunk; a chunk whose decay would leave the range of f32
//! that way, or in which a packed sequence begins, is walked step by step instead. So any decay is
//! exact. `cube` is the chunked form for GPUs. The backward pass keeps the inputs only and recomputes
//! from states at chunk boundaries.
//!
//! Cost of the forward pass per head: O(len key value) step by step, and
//! O(len (key value + chunk (key + value))) chunked. Memory beyond the result: one state per task;
//! in the backward pass one state per chunk (of sixteen positions, step by step) of the heads in
//! flight.

mod autodiff;
#[cfg(feature = "cube")]
mod cube;
mod flex;
mod ops;
pub mod reference;

pub use ops::{DplrBackward, DplrGradients, DplrOps, DplrSaved};

#[cfg(feature = "cube")]
use crate::device::cube_client;
use crate::device::{
    has_cpu_body, in_dtype, require_body, require_float, reshape, storage_dtype, working_dtype,
    zeros,
};
use crate::error::{KernelError, expect_axis};
use crate::segments::check_order;
use burn::backend::Dispatch;
use burn::tensor::{Int, Tensor};

const OP: &str = "dplr";

/// Inputs of [`dplr`].
#[derive(Debug, Clone)]
pub struct DplrInput {
    /// Receptance (query), [batch, len, head, key].
    pub r: Tensor<4>,
    /// Natural logarithm of the decay, at most zero, [batch, len, head, key].
    pub g: Tensor<4>,
    /// Key under which the value is written, [batch, len, head, key].
    pub k: Tensor<4>,
    /// Values, [batch, len, head, value].
    pub v: Tensor<4>,
    /// What the state is read with before it is corrected (RWKV-7: minus the removal key),
    /// [batch, len, head, key].
    pub a: Tensor<4>,
    /// Where that reading is added (RWKV-7: removal key times in-context learning rate),
    /// [batch, len, head, key].
    pub b: Tensor<4>,
    /// State before the first position, [batch, head, value, key]; absent means zero.
    pub initial: Option<Tensor<4>>,
    /// Index of the packed sequence each position belongs to, [batch, len], never decreasing.
    /// No state passes from one index to the next; `initial` belongs to the first.
    pub seq_idx: Option<Tensor<2, Int>>,
}

/// Options of [`dplr`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DplrOptions {
    /// Positions per chunk, at least 1, where 1 means step by step; absent means what is fastest
    /// for the size. Changes rounding and speed, never the result.
    pub chunk: Option<usize>,
    /// Whether the state after the last position is wanted.
    pub final_state: bool,
    /// Factor of y (some libraries use key^-1/2; RWKV-7 uses 1).
    pub scale: f64,
}

impl Default for DplrOptions {
    fn default() -> Self {
        Self {
            chunk: None,
            final_state: false,
            scale: 1.0,
        }
    }
}

/// Result of [`dplr`].
#[derive(Debug, Clone)]
pub struct DplrOutput {
    /// [batch, len, head, value], in the format of `v`.
    pub y: Tensor<4>,
    /// [batch, head, value, key], present when asked for; f32 also for half-precision inputs,
    /// because a state rounded at every hand-over drifts (f64 for f64).
    pub state: Option<Tensor<4>>,
}

/// Sizes of one call, shared by all bodies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DplrShape {
    /// Rows of the batch.
    pub batch: usize,
    /// Positions.
    pub len: usize,
    /// Heads.
    pub heads: usize,
    /// Key size per head K.
    pub keys: usize,
    /// Value size per head V.
    pub values: usize,
    /// Positions per chunk, 1 for step by step, absent for the fastest.
    pub chunk: Option<usize>,
    /// Whether the packed result ends with the final state.
    pub final_state: bool,
    /// Factor of y.
    pub scale: f64,
}

impl DplrShape {
    /// Elements of y and of v.
    pub fn y_elements(&self) -> usize {
        self.batch * self.len * self.heads * self.values
    }

    /// Elements of r, g, k, a and b each.
    pub fn key_elements(&self) -> usize {
        self.batch * self.len * self.heads * self.keys
    }

    /// Elements of a state.
    pub fn state_elements(&self) -> usize {
        self.batch * self.heads * self.values * self.keys
    }

    /// Elements of the packed result [y, state].
    pub fn packed_elements(&self) -> usize {
        self.y_elements() + usize::from(self.final_state) * self.state_elements()
    }
}

/// Scan whose transition is a diagonal decay plus a rank-one correction per head.
///
/// Differentiable in every float input, the initial state included. f16 and bf16 inputs are
/// computed in f32 and y is rounded at the end; GPUs round factors and states to the inputs' format
/// where matrix units multiply them.
///
/// # Errors
/// Shapes that do not fit together, a chunk of zero, a scale that is not finite, decreasing
/// `seq_idx`, a device without a body or with too little shared memory for a head; on the CPU a
/// positive log decay. Elsewhere log decays are not looked at, since reading them back would stall
/// the device at every call: a positive one makes the state grow, as the recurrence says.
pub fn dplr(input: DplrInput, options: DplrOptions) -> Result<DplrOutput, KernelError> {
    let shape = check(&input, options)?;
    let device = input.v.device();
    let dtype = input.v.dtype();
    let work = working_dtype(dtype);
    let stored = storage_dtype(dtype, &device);
    // Log decays in f32 stay so: rounded to half precision they would add up to other decays.
    let decays = if input.g.dtype() == stored {
        stored
    } else {
        work
    };
    let initial = input.initial.unwrap_or_else(|| {
        zeros(
            [shape.batch, shape.heads, shape.values, shape.keys],
            (&device, work),
        )
    });
    let seq_idx = input
        .seq_idx
        .unwrap_or_else(|| Tensor::empty([0, 0], &device));
    let packed: Tensor<1> = Tensor::from_dispatch(<Dispatch as DplrOps>::dplr(
        in_dtype(input.r, stored).into_dispatch(),
        in_dtype(input.g, decays).into_dispatch(),
        in_dtype(input.k, stored).into_dispatch(),
        in_dtype(input.v, stored).into_dispatch(),
        in_dtype(input.a, stored).into_dispatch(),
        in_dtype(input.b, stored).into_dispatch(),
        in_dtype(initial, work).into_dispatch(),
        seq_idx.into_dispatch(),
        shape,
    ));
    let out = unpack(packed, shape);
    Ok(DplrOutput {
        y: in_dtype(out.y, dtype),
        ..out
    })
}

/// Splits the packed result; the slices exist only when the state was asked for.
fn unpack(packed: Tensor<1>, shape: DplrShape) -> DplrOutput {
    let y_shape = [shape.batch, shape.len, shape.heads, shape.values];
    if !shape.final_state {
        return DplrOutput {
            y: reshape(packed, y_shape),
            state: None,
        };
    }
    let split = shape.y_elements();
    let state_shape = [shape.batch, shape.heads, shape.values, shape.keys];
    let part = |start: usize, count: usize| match count {
        0 => Tensor::empty([0], (&packed.device(), packed.dtype())), // burn narrows to 1 at least
        _ => packed.clone().narrow(0, start, count),
    };
    DplrOutput {
        y: reshape(part(0, split), y_shape),
        state: Some(reshape(part(split, shape.state_elements()), state_shape)),
    }
}

fn check(input: &DplrInput, options: DplrOptions) -> Result<DplrShape, KernelError> {
    let [batch, len, heads, keys] = input.r.dims();
    let values = input.v.dims()[3];
    let axis =
        |name, axis, got, expected| expect_axis(OP, (name, axis), got, expected, "r sets it");
    require_body(OP, &input.r.device())?;
    let keyed = [
        ("r", &input.r),
        ("g", &input.g),
        ("k", &input.k),
        ("a", &input.a),
        ("b", &input.b),
    ];
    for (name, tensor) in keyed.into_iter().chain([("v", &input.v)]) {
        require_float(OP, name, tensor.dtype())?;
        let dims = tensor.dims();
        axis(name, "batch", dims[0], batch)?;
        axis(name, "length", dims[1], len)?;
        axis(name, "head", dims[2], heads)?;
    }
    for (name, tensor) in keyed {
        axis(name, "key", tensor.dims()[3], keys)?;
    }
    if let Some(initial) = &input.initial {
        require_float(OP, "initial", initial.dtype())?;
        let dims = initial.dims();
        axis("initial", "batch", dims[0], batch)?;
        axis("initial", "head", dims[1], heads)?;
        expect_axis(OP, ("initial", "value"), dims[2], values, "v sets it")?;
        axis("initial", "key", dims[3], keys)?;
    }
    let option = |option, got: String, expected| KernelError::Option {
        op: OP,
        option,
        got,
        expected,
    };
    if options.chunk == Some(0) {
        return Err(option("chunk", "0".into(), "at least 1"));
    }
    if !options.scale.is_finite() {
        return Err(option(
            "scale",
            options.scale.to_string(),
            "a finite number",
        ));
    }
    if let Some(seq_idx) = &input.seq_idx {
        check_order(OP, seq_idx, batch, len)?;
    }
    let device = input.v.device();
    if has_cpu_body(&device)
        && let Some(largest) = largest(&input.g).filter(|largest| *largest > 0.0)
    {
        let expected = "log decays of at most 0, so that the decay exp(g) is at most 1";
        return Err(option("g", largest.to_string(), expected));
    }
    let shape = DplrShape {
        batch,
        len,
        heads,
        keys,
        values,
        chunk: options.chunk,
        final_state: options.final_state,
        scale: options.scale,
    };
    #[cfg(feature = "cube")]
    if let Some(client) = cube_client(&device)
        && let Some([needed, available]) = cube::misfit(&shape, input.v.dtype(), &client)
    {
        return Err(KernelError::SharedMemory {
            op: OP,
            size: format!("a head of {keys} keys and {values} values"),
            needed,
            available,
        });
    }
    Ok(shape)
}

/// Largest element, read back from the device; none of an empty tensor.
fn largest(tensor: &Tensor<4>) -> Option<f64> {
    if tensor.dims().contains(&0) {
        return None;
    }
    tensor.clone().detach().max().to_data().iter::<f64>().next()
}
