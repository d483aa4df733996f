//! The fixed filters in front of SpaceTime: differences, and residuals of moving averages.

use crate::StructureError;

/// The taps of a difference of the given order, newest sample first: `[1]`, `[1, -1]`,
/// `[1, -2, 1]`, `[1, -3, 3, -1]`, ...
///
/// # Shapes
/// - output: `[taps]`, zeros after the first `order + 1`
///
/// # Errors
/// [`StructureError::BadSize`] when the difference does not fit the taps, or its order exceeds 50,
/// from where on binomial coefficients are no longer exact.
///
/// # Example
/// ```
/// use resolvent_structure::difference_filter;
///
/// assert_eq!(difference_filter(2, 5)?, [1.0, -2.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), resolvent_structure::StructureError>(())
/// ```
pub fn difference_filter(order: usize, taps: usize) -> Result<Vec<f64>, StructureError> {
    if order >= taps || order > 50 {
        return Err(StructureError::BadSize {
            name: "order",
            got: order,
            expected: "a number below the number of taps, and at most 50",
        });
    }
    let mut filter = vec![0.0; taps];
    filter[0] = 1.0;
    for k in 1..=order {
        filter[k] = -filter[k - 1] * (order - k + 1) as f64 / k as f64;
    }
    Ok(filter)
}

/// The taps of a sample minus the mean of the last `window` samples, newest first:
/// `delta_0 - 1 / window` on the window.
///
/// # Shapes
/// - output: `[taps]`, zeros after the first `window`
///
/// # Errors
/// [`StructureError::BadSize`] for a window of no sample, or one longer than the taps.
pub fn moving_average_residual(window: usize, taps: usize) -> Result<Vec<f64>, StructureError> {
    if window == 0 || window > taps {
        return Err(StructureError::BadSize {
            name: "window",
            got: window,
            expected: "at least 1 and at most the number of taps",
        });
    }
    let mut filter = vec![0.0; taps];
    filter[..window].fill(-1.0 / window as f64);
    filter[0] += 1.0;
    Ok(filter)
}
