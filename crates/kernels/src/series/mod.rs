//! Power series cut at a length, in f64: product, correlation, inverse.

#[cfg(feature = "cube")]
pub(crate) mod cube;

use crate::fourier::{Complex, RealFft, fast_size};

/// Products with a shorter factor than this are summed directly.
const DIRECT: usize = 32;

/// (a b)_k for k < `len`.
pub(crate) fn product(a: &[f64], b: &[f64], len: usize) -> Vec<f64> {
    let (a, b) = (&a[..a.len().min(len)], &b[..b.len().min(len)]);
    let mut out = vec![0.0; len];
    if a.len().min(b.len()) < DIRECT {
        let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
        for (i, &s) in short.iter().enumerate() {
            for (out, &l) in out[i..].iter_mut().zip(long) {
                *out += s * l;
            }
        }
        return out;
    }
    let fft = RealFft::<f64>::new(fast_size(a.len() + b.len() - 1));
    let mut scratch = fft.scratch();
    let mut values = vec![0.0; fft.size];
    let mut spectrum = |part: &[f64]| {
        values.fill(0.0);
        values[..part.len()].copy_from_slice(part);
        let mut bins = vec![Complex::new(0.0, 0.0); fft.bins()];
        fft.forward(&mut values, &mut bins, &mut scratch);
        bins
    };
    let (mut left, right) = (spectrum(a), spectrum(b));
    for (left, right) in left.iter_mut().zip(&right) {
        *left *= right;
    }
    fft.inverse(&mut left, &mut values, &mut scratch);
    for (out, value) in out.iter_mut().zip(&values) {
        *out = value / fft.size as f64;
    }
    out
}

/// sum_j g_{i+j} v_j for i < `len`: the transpose of the product with v.
pub(crate) fn correlation(g: &[f64], v: &[f64], len: usize) -> Vec<f64> {
    let mut out = vec![0.0; len];
    let v = &v[..v.len().min(g.len())];
    if v.is_empty() {
        return out;
    }
    let reversed: Vec<f64> = v.iter().rev().copied().collect();
    let whole = product(g, &reversed, g.len() + v.len() - 1);
    for (out, value) in out.iter_mut().zip(&whole[v.len() - 1..]) {
        *out = *value;
    }
    out
}

/// 1 / q up to `len` by Newton's iteration h <- h (2 - q h), which doubles the correct terms; q_0 = 1.
pub(crate) fn inverse(q: &[f64], len: usize) -> Vec<f64> {
    debug_assert_eq!(q.first(), Some(&1.0));
    let mut h = vec![1.0];
    while h.len() < len {
        let next = (2 * h.len()).min(len);
        let mut correction = product(q, &h, next);
        for value in &mut correction {
            *value = -*value;
        }
        correction[0] += 2.0;
        h = product(&h, &correction, next);
    }
    h.truncate(len);
    h
}

#[cfg(test)]
mod tests {
    use super::{correlation, inverse, product};

    fn series(seed: usize, len: usize) -> Vec<f64> {
        (0..len)
            .map(|k| ((k * 7 + seed * 13) % 11) as f64 / 11.0 - 0.4)
            .collect()
    }

    #[test]
    fn product_when_short_or_long_equals_the_double_sum() {
        for (a, b, len) in [
            (0, 3, 4),
            (1, 1, 1),
            (5, 9, 20),
            (40, 50, 89),
            (40, 50, 33),
            (200, 100, 150),
        ] {
            let (x, y) = (series(1, a), series(2, b));
            let got = product(&x, &y, len);
            for (k, got) in got.iter().enumerate() {
                let want: f64 = (0..a.min(k + 1))
                    .filter(|&i| k - i < b)
                    .map(|i| x[i] * y[k - i])
                    .sum();
                assert!((got - want).abs() < 1e-12, "{a} {b} {k}");
            }
        }
    }

    #[test]
    fn correlation_when_paired_with_product_is_its_transpose() {
        for (len, taps) in [(1, 1), (10, 4), (70, 90), (90, 70)] {
            let (u, v, g) = (series(1, len), series(2, taps), series(3, len));
            let left: f64 = product(&u, &v, len)
                .iter()
                .zip(&g)
                .map(|(a, b)| a * b)
                .sum();
            let right: f64 = correlation(&g, &v, len)
                .iter()
                .zip(&u)
                .map(|(a, b)| a * b)
                .sum();
            assert!((left - right).abs() < 1e-10, "{len} {taps}: {left} {right}");
        }
    }

    #[test]
    fn inverse_when_multiplied_back_is_one() {
        for len in [0, 1, 2, 3, 64, 65, 300] {
            let mut q: Vec<f64> = series(4, 50).iter().map(|v| v / 25.0).collect();
            q[0] = 1.0;
            let one = product(&q, &inverse(&q, len), len);
            for (k, value) in one.iter().enumerate() {
                let want = if k == 0 { 1.0 } else { 0.0 };
                assert!((value - want).abs() < 1e-13, "{len} {k}: {value}");
            }
        }
    }
}
