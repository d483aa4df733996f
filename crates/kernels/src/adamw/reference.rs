//! The update in f64 on slices, line by line.

use super::AdamwStep;

/// Replaces parameter and moments by those after the step.
pub fn adamw(
    parameter: &mut [f64],
    gradient: &[f64],
    moments: (&mut [f64], &mut [f64]),
    step: AdamwStep,
) {
    let (beta_1, beta_2, time) = (step.beta_1, step.beta_2, step.time as f64);
    for (i, &g) in gradient.iter().enumerate() {
        let (m, v) = (&mut moments.0[i], &mut moments.1[i]);
        *m = beta_1 * *m + (1.0 - beta_1) * g;
        *v = beta_2 * *v + (1.0 - beta_2) * g * g;
        let m_hat = *m / (1.0 - beta_1.powf(time));
        let v_hat = *v / (1.0 - beta_2.powf(time));
        let decayed = (1.0 - step.rate * step.weight_decay) * parameter[i];
        parameter[i] = decayed - step.rate * m_hat / (v_hat.sqrt() + step.epsilon);
    }
}
