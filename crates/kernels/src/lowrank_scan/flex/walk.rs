//! Rows of one channel, forward and back.

use super::Inputs;
use super::system::{System, Vector};
use crate::float::Real;
use crate::segments::Row;

/// Positions between two stored states.
const KEEP: usize = 32;

/// One row of one channel.
pub(super) struct Walk<'a, T> {
    pub inputs: &'a Inputs<'a, T>,
    pub system: &'a System<T>,
    pub row: usize,
    pub channel: usize,
}

impl<T: Real> Walk<'_, T> {
    fn x(&self, t: usize) -> T {
        let shape = &self.inputs.shape;
        self.inputs.x[(self.row * shape.len + t) * shape.channels + self.channel]
    }

    fn starts(&self, t: usize) -> bool {
        let row = Row::new(&self.inputs.seq_idx, self.row, self.inputs.shape.len);
        t > 0 && !row.joined(t - 1, t)
    }

    pub(super) fn initial(&self) -> Vector<T> {
        let shape = &self.inputs.shape;
        let index = self.row * shape.channels + self.channel;
        Vector::load(self.inputs.initial, index, shape.state)
    }

    /// One position from `h`; `read` holds afterwards what was read of the state before.
    #[inline(always)]
    fn step(&self, t: usize, h: &mut Vector<T>, read: &mut [T]) {
        if self.starts(t) {
            h.clear();
        }
        self.system.read(h, read);
        self.system.step(h, read, self.x(t));
    }

    /// The final state; outputs go to `y`.
    #[inline(always)]
    pub(super) fn forward(&self, mut y: impl FnMut(usize, T)) -> Vector<T> {
        let mut read = vec![T::zero(); self.inputs.shape.rank];
        let mut h = self.initial();
        for t in 0..self.inputs.shape.len {
            self.step(t, &mut h, &mut read);
            y(t, self.system.output(&h));
        }
        h
    }

    /// From the gradients `dy` of the outputs and `l` of the final state to that of the first state;
    /// dx goes to `dx`, the parameters' to `g`.
    #[inline(always)]
    pub(super) fn backward(
        &self,
        dy: impl Fn(usize) -> T,
        mut l: Vector<T>,
        mut dx: impl FnMut(usize, T),
        g: &mut System<T>,
    ) -> Vector<T> {
        let (len, rank) = (self.inputs.shape.len, self.inputs.shape.rank);
        let mut read = vec![T::zero(); rank];
        let mut h = self.initial();
        let mut kept = Vec::with_capacity(len.div_ceil(KEEP));
        for t in 0..len {
            if t % KEEP == 0 {
                kept.push(h.clone());
            }
            self.step(t, &mut h, &mut read);
        }
        // States of one stretch: entry i + 1 stands behind position start + i.
        let mut states = vec![Vector::zeros(self.inputs.shape.state); KEEP + 1];
        let mut reads = vec![vec![T::zero(); rank]; KEEP];
        for (stretch, first) in kept.iter().enumerate().rev() {
            let start = stretch * KEEP;
            let end = (start + KEEP).min(len);
            h.copy_from(first);
            states[0].copy_from(first);
            for t in start..end {
                self.step(t, &mut h, &mut reads[t - start]);
                states[t - start + 1].copy_from(&h);
            }
            for t in (start..end).rev() {
                let at = t - start;
                self.system.back_output(&mut l, &states[at + 1], dy(t), g);
                dx(t, self.system.back_input(&l, self.x(t), g));
                if self.starts(t) {
                    l.clear();
                } else {
                    self.system.back_step(&mut l, (&states[at], &reads[at]), g);
                }
            }
        }
        l
    }
}
