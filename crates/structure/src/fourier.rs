//! Real Fourier transforms of any length, by `realfft`.

use num_complex::Complex64;
use realfft::RealFftPlanner;

use crate::StructureError;
use crate::error::expect_length;

/// `sum_l x_l exp(-2 pi i k l / length)` for `k <= length / 2`, of `x` continued with zeros.
///
/// # Shapes
/// - `x`: at most `[length]`, `length > 0`; output: `[length / 2 + 1]`
pub(crate) fn forward_real(x: &[f64], length: usize) -> Vec<Complex64> {
    let plan = RealFftPlanner::<f64>::new().plan_fft_forward(length);
    let mut signal = plan.make_input_vec();
    signal[..x.len()].copy_from_slice(x);
    let mut spectrum = plan.make_output_vec();
    plan.process(&mut signal, &mut spectrum)
        .expect("the plan has made both buffers");
    spectrum
}

/// The real signal of a half spectrum, `length > 0`.
///
/// # Shapes
/// - `spectrum`: `[length / 2 + 1]`; output: `[length]`
///
/// # Errors
/// [`StructureError::LengthMismatch`] for a spectrum of another length.
pub(crate) fn inverse_real(
    mut spectrum: Vec<Complex64>,
    length: usize,
) -> Result<Vec<f64>, StructureError> {
    expect_length("inverse_real", "spectrum", length / 2 + 1, spectrum.len())?;
    let plan = RealFftPlanner::<f64>::new().plan_fft_inverse(length);
    // The values at frequency zero and at half the rate of a real signal are real: rounding
    // errors there are refused by realfft.
    spectrum[0].im = 0.0;
    if length.is_multiple_of(2) {
        spectrum[length / 2].im = 0.0;
    }
    let mut signal = plan.make_output_vec();
    plan.process(&mut spectrum, &mut signal)
        .expect("lengths and the two real values have been seen to");
    let scale = 1.0 / length as f64;
    signal.iter_mut().for_each(|x| *x *= scale);
    Ok(signal)
}

/// The product of two polynomials, lowest degree first; empty when a factor is.
pub(crate) fn polynomial_product(left: &[f64], right: &[f64]) -> Vec<f64> {
    if left.is_empty() || right.is_empty() {
        return Vec::new();
    }
    let count = left.len() + right.len() - 1;
    let length = count.next_power_of_two();
    let (a, b) = (forward_real(left, length), forward_real(right, length));
    let spectrum = a.iter().zip(&b).map(|(a, b)| a * b).collect();
    let mut product = inverse_real(spectrum, length).expect("both spectra have this length");
    product.truncate(count);
    product
}
