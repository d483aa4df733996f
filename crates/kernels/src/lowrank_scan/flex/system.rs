//! One channel: its parameters, a step, and a step back.

use super::super::LowRankScanShape;
use crate::float::{Real, dot};

/// A complex vector over the state.
#[derive(Debug, Clone)]
pub(super) struct Vector<T> {
    pub re: Vec<T>,
    pub im: Vec<T>,
}

impl<T: Real> Vector<T> {
    pub(super) fn zeros(state: usize) -> Self {
        Self {
            re: vec![T::zero(); state],
            im: vec![T::zero(); state],
        }
    }

    /// Vector number `index` of a tensor whose first axis is (real, imaginary).
    pub(super) fn load(values: &[T], index: usize, state: usize) -> Self {
        let (re, im) = values.split_at(values.len() / 2);
        let part = |values: &[T]| values[index * state..(index + 1) * state].to_vec();
        Self {
            re: part(re),
            im: part(im),
        }
    }

    pub(super) fn clear(&mut self) {
        self.re.fill(T::zero());
        self.im.fill(T::zero());
    }

    pub(super) fn copy_from(&mut self, other: &Self) {
        self.re.copy_from_slice(&other.re);
        self.im.copy_from_slice(&other.im);
    }

    /// Re(self . v).
    #[inline(always)]
    fn product(&self, v: &Self) -> T {
        dot(&self.re, &v.re) - dot(&self.im, &v.im)
    }

    /// Re(conj(self) . v).
    #[inline(always)]
    fn inner(&self, v: &Self) -> T {
        dot(&self.re, &v.re) + dot(&self.im, &v.im)
    }

    /// self += v s.
    #[inline(always)]
    fn add(&mut self, v: &Self, s: T) {
        let pairs = self.re.iter_mut().zip(&v.re);
        pairs.for_each(|(sum, &v)| *sum += v * s);
        let pairs = self.im.iter_mut().zip(&v.im);
        pairs.for_each(|(sum, &v)| *sum += v * s);
    }

    /// self += conj(v) s.
    #[inline(always)]
    fn add_conjugate(&mut self, v: &Self, s: T) {
        let pairs = self.re.iter_mut().zip(&v.re);
        pairs.for_each(|(sum, &v)| *sum += v * s);
        let pairs = self.im.iter_mut().zip(&v.im);
        pairs.for_each(|(sum, &v)| *sum += -v * s);
    }

    /// self += a conj(b).
    #[inline(always)]
    fn add_product(&mut self, a: &Self, b: &Self) {
        for n in 0..self.re.len() {
            self.re[n] += a.re[n] * b.re[n] + a.im[n] * b.im[n];
            self.im[n] += a.im[n] * b.re[n] - a.re[n] * b.im[n];
        }
    }
}

/// Parameters of a channel, or their gradients.
pub(super) struct System<T> {
    pub alpha: Vector<T>,
    pub beta: Vec<Vector<T>>,
    pub kappa: Vec<Vector<T>>,
    pub b: Vector<T>,
    pub c: Vector<T>,
}

impl<T: Real> System<T> {
    pub(super) fn zeros(shape: &LowRankScanShape) -> Self {
        let zeros = || Vector::zeros(shape.state);
        Self {
            alpha: zeros(),
            beta: (0..shape.rank).map(|_| zeros()).collect(),
            kappa: (0..shape.rank).map(|_| zeros()).collect(),
            b: zeros(),
            c: zeros(),
        }
    }

    /// What the low-rank part reads of `h`.
    #[inline(always)]
    pub(super) fn read(&self, h: &Vector<T>, read: &mut [T]) {
        for (read, kappa) in read.iter_mut().zip(&self.kappa) {
            *read = kappa.product(h);
        }
    }

    /// h <- alpha h - sum beta_i read_i + b x.
    #[inline(always)]
    pub(super) fn step(&self, h: &mut Vector<T>, read: &[T], x: T) {
        let Vector { re, im } = h;
        for n in 0..re.len() {
            let (old_re, old_im) = (re[n], im[n]);
            re[n] = self.alpha.re[n] * old_re - self.alpha.im[n] * old_im + self.b.re[n] * x;
            im[n] = self.alpha.re[n] * old_im + self.alpha.im[n] * old_re + self.b.im[n] * x;
        }
        for (beta, &read) in self.beta.iter().zip(read) {
            h.add(beta, -read);
        }
    }

    /// y of `h`.
    #[inline(always)]
    pub(super) fn output(&self, h: &Vector<T>) -> T {
        self.c.product(h)
    }

    /// The gradient `l` of a position's state gains what its output's gradient `dy` says; adds to `g`.
    #[inline(always)]
    pub(super) fn back_output(&self, l: &mut Vector<T>, h: &Vector<T>, dy: T, g: &mut Self) {
        l.add_conjugate(&self.c, dy);
        g.c.add_conjugate(h, dy);
    }

    /// The gradient of x, and what the input column gains.
    #[inline(always)]
    pub(super) fn back_input(&self, l: &Vector<T>, x: T, g: &mut Self) -> T {
        g.b.add(l, x);
        l.inner(&self.b)
    }

    /// From the gradient of a state to that of the state `before` it, of which `read` was read.
    #[inline(always)]
    pub(super) fn back_step(
        &self,
        l: &mut Vector<T>,
        (before, read): (&Vector<T>, &[T]),
        g: &mut Self,
    ) {
        let spread: Vec<T> = self.beta.iter().map(|beta| l.inner(beta)).collect();
        for (gradient, &read) in g.beta.iter_mut().zip(read) {
            gradient.add(l, -read);
        }
        for (gradient, &s) in g.kappa.iter_mut().zip(&spread) {
            gradient.add_conjugate(before, -s);
        }
        g.alpha.add_product(l, before);
        let Vector { re, im } = l;
        for n in 0..re.len() {
            let (old_re, old_im) = (re[n], im[n]);
            re[n] = self.alpha.re[n] * old_re + self.alpha.im[n] * old_im;
            im[n] = self.alpha.re[n] * old_im - self.alpha.im[n] * old_re;
        }
        for (kappa, &s) in self.kappa.iter().zip(&spread) {
            l.add_conjugate(kappa, -s);
        }
    }
}
