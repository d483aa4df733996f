//! What becomes of values that are not there.

use std::path::Path;

use crate::error::DataError;

/// How missing values are treated; there is no silent way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingPolicy {
    /// A missing value is an error that names its place. The default.
    #[default]
    Reject,
    /// The last value before it; at the beginning the first one after it. Uses no future value but there.
    Previous,
    /// On the straight line between its neighbours; at the ends the nearest value.
    Linear,
}

impl MissingPolicy {
    /// The names on a command line, in the order of the variants.
    pub const NAMES: [&'static str; 3] = ["reject", "previous", "linear"];

    /// The policy of this name.
    ///
    /// # Errors
    /// [`DataError::OutOfRange`] naming the known ones.
    pub fn from_name(name: &str) -> Result<Self, DataError> {
        match name {
            "reject" => Ok(Self::Reject),
            "previous" => Ok(Self::Previous),
            "linear" => Ok(Self::Linear),
            _ => Err(DataError::out_of_range(
                "missing values",
                name,
                Self::NAMES.join(", "),
            )),
        }
    }
}

/// Where a table came from, for messages.
pub(super) struct Origin<'a> {
    pub(super) path: &'a Path,
    pub(super) names: &'a [String],
    /// The line of the first row of values.
    pub(super) first_line: u64,
}

/// Fills NaN in `[time, channel]` by the policy; returns how many of each channel were filled.
pub(super) fn fill(
    values: &mut [f64],
    policy: MissingPolicy,
    origin: &Origin<'_>,
) -> Result<Vec<usize>, DataError> {
    let channels = origin.names.len();
    let mut filled = vec![0; channels];
    for (channel, count) in filled.iter_mut().enumerate() {
        let place = |time: usize| time * channels + channel;
        let length = values.len() / channels;
        let mut before: Option<usize> = None;
        let mut time = 0;
        while time < length {
            if !values[place(time)].is_nan() {
                before = Some(time);
                time += 1;
                continue;
            }
            let end = (time..length).find(|&t| !values[place(t)].is_nan());
            if policy == MissingPolicy::Reject || (before.is_none() && end.is_none()) {
                let line = origin.first_line + time as u64;
                return Err(refused(
                    origin,
                    channel,
                    line,
                    before.is_none() && end.is_none(),
                ));
            }
            let gap = time..end.unwrap_or(length);
            for t in gap.clone() {
                values[place(t)] = match (before, end, policy) {
                    (Some(from), Some(to), MissingPolicy::Linear) => {
                        let share = (t - from) as f64 / (to - from) as f64;
                        values[place(from)] * (1.0 - share) + values[place(to)] * share
                    }
                    (Some(from), _, _) => values[place(from)],
                    (None, Some(to), _) => values[place(to)],
                    (None, None, _) => f64::NAN,
                };
            }
            *count += gap.len();
            // The last filled value stands for its neighbour from here on.
            time = gap.end;
            before = end.or(before);
        }
    }
    Ok(filled)
}

fn refused(origin: &Origin<'_>, channel: usize, line: u64, is_all: bool) -> DataError {
    let name = &origin.names[channel];
    let problem = if is_all {
        "every value is missing; leave the column out".to_owned()
    } else {
        "a value is missing; choose how to fill it (previous or linear)".to_owned()
    };
    DataError::malformed(
        origin.path,
        format!("line {line}, column {name:?}"),
        problem,
    )
}
