//! Backward pass: states from those that the forward pass kept before each span, state gradients in
//! reverse, then every chunk alone (`chunk_gradient`).

use super::super::SsdShape;
use super::Slices;
use super::chunk_gradient::{HeadSums, Local, Scratch, Task};
use super::forward::Chunk;
use super::plan::{Plan, Span};
use super::states::{SpanStates, from_lanes, into_lanes, span_gradients, span_states};
use crate::float::Real;
use crate::host::zeros;
use rayon::prelude::*;

/// Gradients as row-major vectors, shaped like their inputs.
pub(super) struct Gradients<T> {
    pub x: Vec<T>,
    pub dt: Vec<T>,
    pub a: Vec<T>,
    pub b: Vec<T>,
    pub c: Vec<T>,
    pub d: Vec<T>,
    pub initial: Vec<T>,
}

/// `grad` is the gradient of the packed result [y, final state], `kept` what the forward pass kept: the
/// states before each span but the first, as they lie in lanes.
///
/// # Panics
/// Without all of them.
pub(super) fn backward<T: Real>(
    input: Slices<'_, T>,
    kept: &[T],
    grad: &[T],
    shape: SsdShape,
) -> Gradients<T> {
    let plan = Plan::new(shape);
    let (dy, dfinal) = grad.split_at(shape.y_elements());
    let mut out = Gradients {
        x: zeros(input.x.len()),
        dt: vec![T::zero(); input.dt.len()],
        a: vec![T::zero(); input.a.len()],
        b: zeros(input.b.len()),
        c: zeros(input.c.len()),
        d: vec![T::zero(); input.d.len()],
        initial: match shape.final_state {
            true => dfinal.to_vec(),
            false => vec![T::zero(); input.initial.len()],
        },
    };
    if shape.y_elements() == 0 {
        return out;
    }
    let mut running = into_lanes(&plan, &out.initial);
    let spans = plan.spans();
    let initial = into_lanes(&plan, input.initial);
    let each = initial.len();
    assert_eq!(kept.len(), (spans.len() - 1) * each, "ssd: states kept");
    let mut start = initial.clone();
    let mut states = SpanStates::room(&plan, &spans);
    let mut gradients = SpanStates::room(&plan, &spans);
    for (index, span) in spans.iter().enumerate().rev() {
        start.copy_from_slice(match index {
            0 => &initial,
            _ => &kept[(index - 1) * each..index * each],
        });
        span_states(&plan, &input, span, &mut start, &mut states);
        span_gradients(&plan, &input, span, dy, &mut running, &mut gradients);
        let sums: Vec<HeadSums> = tasks(&plan, span, &mut out)
            .into_par_iter()
            .map_init(Scratch::default, |scratch, mut task| {
                let chunk = Chunk {
                    plan: &plan,
                    input: &input,
                    row: task.row,
                    range: span.range(task.index),
                };
                let local = Local {
                    chunk,
                    dy,
                    states: &states,
                    gradients: &gradients,
                };
                local.run(&mut task, scratch)
            })
            .collect();
        // Fixed order: the sums do not depend on which thread finished first.
        for sums in &sums {
            for head in 0..shape.heads {
                out.a[head] += T::from_f64(sums.a[head]);
                out.d[head] += T::from_f64(sums.d[head]);
            }
        }
    }
    out.initial = from_lanes(&plan, &running);
    out
}

fn tasks<'a, T: Real>(plan: &Plan, span: &Span, out: &'a mut Gradients<T>) -> Vec<Task<'a, T>> {
    let SsdShape {
        len,
        chunk,
        heads,
        groups,
        state,
        batch,
        ..
    } = plan.shape;
    let cut = |values: &'a mut [T], width: usize| -> Vec<&'a mut [T]> {
        if width == 0 {
            let mut none = Vec::new();
            none.resize_with(batch * span.chunks(), || &mut [][..]);
            return none;
        }
        values
            .chunks_mut(len * width)
            .flat_map(|row| {
                row[span.start * width..span.end * width].chunks_mut(chunk.saturating_mul(width))
            })
            .collect()
    };
    let dx = cut(&mut out.x, plan.width);
    let ddt = cut(&mut out.dt, heads);
    let db = cut(&mut out.b, groups * state);
    let dc = cut(&mut out.c, groups * state);
    dx.into_iter()
        .zip(ddt)
        .zip(db)
        .zip(dc)
        .enumerate()
        .map(|(at, (((dx, ddt), db), dc))| Task {
            row: at / span.chunks(),
            index: at % span.chunks(),
            dx,
            ddt,
            db,
            dc,
        })
        .collect()
}
