//! The season of a series, from its autocorrelation.

/// Longest season looked for.
const LONGEST: usize = 512;
/// Autocorrelation below which there is no season.
const LEAST: f64 = 0.2;
/// A shorter season wins unless a longer one is better by this much.
const CLEARLY: f64 = 0.05;

/// The season of `values` in steps, or 1 when there is none.
///
/// The differences of the series are correlated with themselves (a trend would correlate with
/// everything); the season is the first local maximum within 0.05 of the largest one, if that is at
/// least 0.2. At least two seasons must fit; seasons above 512 are not looked for. O(512 values).
pub fn detect_period(values: &[f64]) -> usize {
    // The newest part is enough, and bounds the time.
    let values = &values[values.len().saturating_sub(1 << 14)..];
    let steps: Vec<f64> = values.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let most = LONGEST.min(steps.len() / 2);
    if most < 3 {
        return 1;
    }
    let mean = steps.iter().sum::<f64>() / steps.len() as f64;
    let centred: Vec<f64> = steps.iter().map(|step| step - mean).collect();
    let power: f64 = centred.iter().map(|step| step * step).sum();
    if power <= 0.0 || !power.is_finite() {
        return 1;
    }
    let at = |lag: usize| {
        let pairs = centred.iter().zip(&centred[lag..]);
        // Unbiased: long lags have fewer pairs.
        let count = (centred.len() - lag) as f64 / centred.len() as f64;
        pairs.map(|(a, b)| a * b).sum::<f64>() / power / count
    };
    let correlation: Vec<f64> = (0..=most).map(at).collect();
    let is_peak = |lag: &usize| {
        let lag = *lag;
        correlation[lag] > correlation[lag - 1]
            && correlation
                .get(lag + 1)
                .is_none_or(|next| correlation[lag] >= *next)
    };
    let peaks: Vec<usize> = (2..=most).filter(is_peak).collect();
    let largest = peaks
        .iter()
        .map(|&lag| correlation[lag])
        .fold(f64::MIN, f64::max);
    if largest < LEAST {
        return 1;
    }
    let first = peaks
        .into_iter()
        .find(|&lag| correlation[lag] >= largest - CLEARLY);
    first.unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn period_when_there_is_one_is_found() {
        for period in [4, 7, 24, 48, 100] {
            let wave = |t: usize| {
                let phase = (t % period) as f64 / period as f64 * std::f64::consts::TAU;
                0.01 * t as f64 + phase.sin() + 0.4 * (2.0 * phase).cos()
            };
            let values: Vec<f64> = (0..1200).map(wave).collect();
            assert_eq!(detect_period(&values), period);
        }
    }

    #[test]
    fn period_when_there_is_none_is_one() {
        let mut state = 1_u64;
        let mut noise = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 33) as f64 / f64::from(1 << 30)
        };
        let values: Vec<f64> = (0..3000).map(|_| noise()).collect();
        assert_eq!(detect_period(&values), 1);
        assert_eq!(detect_period(&[1.0; 50]), 1);
        assert_eq!(detect_period(&[1.0, 2.0]), 1);
        assert_eq!(detect_period(&[]), 1);
    }
}
