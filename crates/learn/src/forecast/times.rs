//! The times behind the end of a time column.

use chrono::{Datelike, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};

/// Rows at the end whose spacing must be equal.
const LOOKED_AT: usize = 64;

/// Forms with a time of day.
const MOMENTS: [&str; 7] = [
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M",
    "%Y/%m/%d %H:%M",
    "%d.%m.%Y %H:%M",
];
/// Forms of a day alone.
const DAYS: [&str; 4] = ["%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%Y%m%d"];

/// How a time column goes on.
#[derive(Debug, Clone, PartialEq)]
pub enum Clock {
    /// Whole numbers with a constant step.
    Numbers {
        /// The last one.
        last: i64,
        /// The step.
        step: i64,
    },
    /// Dates with a constant distance.
    Seconds {
        /// The last one.
        last: NaiveDateTime,
        /// Seconds.
        step: i64,
        /// How they are written.
        form: &'static str,
    },
    /// The same day of every month, or of every so many.
    Months {
        /// The last one.
        last: NaiveDateTime,
        /// Months.
        step: u32,
        /// How they are written.
        form: &'static str,
    },
}

impl Clock {
    /// Reads the end of a time column; nothing when its form is not known or its steps differ.
    pub fn of(times: &[String]) -> Option<Self> {
        let end = &times[times.len().saturating_sub(LOOKED_AT)..];
        if end.len() < 2 {
            return None;
        }
        for form in MOMENTS.iter().chain(&DAYS) {
            let moments: Option<Vec<_>> = end.iter().map(|text| moment(text, form)).collect();
            if let Some(moments) = moments {
                return Self::of_moments(&moments, form);
            }
        }
        let numbers: Option<Vec<i64>> = end.iter().map(|text| text.trim().parse().ok()).collect();
        let numbers = numbers?;
        let step = numbers[1].checked_sub(numbers[0])?;
        let equal = numbers
            .windows(2)
            .all(|pair| pair[1].checked_sub(pair[0]) == Some(step));
        let last = numbers[numbers.len() - 1];
        (equal && step != 0).then_some(Self::Numbers { last, step })
    }

    fn of_moments(moments: &[NaiveDateTime], form: &'static str) -> Option<Self> {
        let last = moments[moments.len() - 1];
        let step = (moments[1] - moments[0]).num_seconds();
        let equal = moments
            .windows(2)
            .all(|pair| (pair[1] - pair[0]).num_seconds() == step);
        if equal && step > 0 {
            return Some(Self::Seconds { last, step, form });
        }
        let month = |at: &NaiveDateTime| i64::from(at.year()) * 12 + i64::from(at.month0());
        let step = month(&moments[1]) - month(&moments[0]);
        let monthly = moments.windows(2).all(|pair| {
            month(&pair[1]) - month(&pair[0]) == step
                && pair[1].day() == pair[0].day()
                && pair[1].time() == pair[0].time()
        });
        let step = u32::try_from(step).ok().filter(|step| *step > 0)?;
        monthly.then_some(Self::Months { last, step, form })
    }

    /// The time `ahead` steps behind the last one, written as the column is; nothing beyond the calendar.
    pub fn text(&self, ahead: usize) -> Option<String> {
        match self {
            Self::Numbers { last, step } => {
                let ahead = i64::try_from(ahead).ok()?;
                Some(last.checked_add(step.checked_mul(ahead)?)?.to_string())
            }
            Self::Seconds { last, step, form } => {
                let seconds = step.checked_mul(i64::try_from(ahead).ok()?)?;
                let at = last.checked_add_signed(TimeDelta::try_seconds(seconds)?)?;
                Some(at.format(form).to_string())
            }
            Self::Months { last, step, form } => {
                let months = step.checked_mul(u32::try_from(ahead).ok()?)?;
                let at = last.checked_add_months(Months::new(months))?;
                Some(at.format(form).to_string())
            }
        }
    }
}

fn moment(text: &str, form: &str) -> Option<NaiveDateTime> {
    let text = text.trim();
    // `%Y` alone would take years of any length, so 20240101 as a year.
    if DAYS.contains(&form) {
        let day = NaiveDate::parse_from_str(text, form).ok()?;
        return (day.format(form).to_string() == text).then(|| day.and_time(NaiveTime::MIN));
    }
    NaiveDateTime::parse_from_str(text, form).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(times: &[&str], ahead: usize) -> Option<String> {
        let times: Vec<String> = times.iter().map(|text| (*text).to_owned()).collect();
        Clock::of(&times)?.text(ahead)
    }

    #[test]
    fn times_when_equally_spaced_go_on() {
        let cases: &[(&[&str], usize, &str)] = &[
            (&["1700", "1701", "1702"], 3, "1705"),
            (
                &["2012-01-01 22:00:00", "2012-01-01 23:00:00"],
                2,
                "2012-01-02 01:00:00",
            ),
            (&["2024-02-28", "2024-02-29"], 1, "2024-03-01"),
            (&["19580329", "19580405"], 1, "19580412"),
            (
                &["2020-01-01", "2020-02-01", "2020-03-01"],
                10,
                "2021-01-01",
            ),
            (
                &["31.12.2019 23:30", "01.01.2020 00:00"],
                1,
                "01.01.2020 00:30",
            ),
        ];
        for (times, ahead, expected) in cases {
            assert_eq!(next(times, *ahead).as_deref(), Some(*expected));
        }
    }

    #[test]
    fn times_when_unknown_or_uneven_give_nothing() {
        let cases: &[&[&str]] = &[
            &["a", "b"],
            &["1", "2", "4"],
            &["5", "5"],
            &["2024-01-01", "2024-01-02", "2024-01-05"],
            &["2024-01-01"],
            &[],
        ];
        for times in cases {
            assert_eq!(next(times, 1), None, "{times:?}");
        }
        assert_eq!(next(&["1", "9223372036854775807"], 5), None);
    }
}
