//! Names and kinds of a recipe's entries, checked against the sections' own fields.
//!
//! serde would report the same mistakes, but without the nearest name and in the vocabulary of
//! Rust types. The pattern is a serialised [`Recipe`](super::Recipe), so no list of fields exists
//! twice.

use std::ops::Range;

use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::{Recipe, syntax};
use crate::error::{LearnError, Place};

/// Names resemble each other from this Jaro-Winkler similarity on.
const RESEMBLANCE: f64 = 0.75;

/// Fields that take one of a few words.
const CHOICES: [(&str, &[&str]); 3] = [
    ("data.source", &["cargo-sources", "path"]),
    ("optimiser.kind", &["adamw"]),
    ("schedule.kind", &["cosine", "constant"]),
];

/// What the walk carries along.
struct Walk<'a> {
    text: &'a str,
    origin: &'a str,
    with_lines: bool,
}

/// Checks that `text` is TOML whose names and kinds are those of a recipe.
pub(super) fn check(text: &str, origin: &str, with_lines: bool) -> Result<(), LearnError> {
    let document = DeTable::parse(text).map_err(|error| syntax(&error, text, origin))?;
    let pattern = Table::try_from(Recipe::pattern(mixer_of(document.get_ref())))
        .expect("the pattern holds only small numbers and text");
    let walk = Walk {
        text,
        origin,
        with_lines,
    };
    walk.table(document.get_ref(), &pattern, "")
}

/// The mixer that a recipe names.
fn mixer_of<'a>(document: &'a DeTable<'_>) -> Option<&'a str> {
    let DeValue::Table(model) = document.get("model")?.get_ref() else {
        return None;
    };
    match model.get("mixer")?.get_ref() {
        DeValue::String(name) => Some(name),
        _ => None,
    }
}

/// The line, counted from 1, in which byte `offset` of `text` lies.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    let end = offset.min(text.len());
    1 + text.as_bytes()[..end]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
}

impl Walk<'_> {
    fn table(&self, table: &DeTable<'_>, pattern: &Table, section: &str) -> Result<(), LearnError> {
        for (key, value) in table.iter() {
            let name: &str = key.get_ref();
            let field = join(section, name);
            let expected = pattern
                .get(name)
                .ok_or_else(|| self.unknown(&field, name, pattern, key.span()))?;
            self.value(value.get_ref(), expected, &field, value.span())?;
        }
        Ok(())
    }

    fn value(
        &self,
        value: &DeValue<'_>,
        expected: &Value,
        field: &str,
        span: Range<usize>,
    ) -> Result<(), LearnError> {
        match (value, expected) {
            (DeValue::Table(table), Value::Table(pattern)) => self.table(table, pattern, field),
            (DeValue::Array(items), Value::Array(patterns)) => {
                let Some(pattern) = patterns.first() else {
                    return Ok(());
                };
                for (index, item) in items.iter().enumerate() {
                    let field = format!("{field}[{index}]");
                    self.value(item.get_ref(), pattern, &field, item.span())?;
                }
                Ok(())
            }
            (DeValue::Integer(number), Value::Integer(_)) if number.as_str().starts_with('-') => {
                Err(LearnError::BadValue {
                    field: field.to_owned(),
                    value: number.as_str().to_owned(),
                    remedy: "it must not be negative".to_owned(),
                })
            }
            (DeValue::Integer(_), Value::Integer(_) | Value::Float(_))
            | (DeValue::Float(_), Value::Float(_))
            | (DeValue::Boolean(_), Value::Boolean(_)) => Ok(()),
            (DeValue::String(word), Value::String(_)) => choice(field, word),
            _ => Err(LearnError::WrongType {
                place: self.place(&span),
                field: field.to_owned(),
                value: self.written(value, &span),
                expected: kind_of(expected).to_owned(),
            }),
        }
    }

    fn unknown(&self, field: &str, name: &str, pattern: &Table, span: Range<usize>) -> LearnError {
        let known: Vec<String> = pattern.keys().cloned().collect();
        LearnError::UnknownKey {
            place: self.place(&span),
            key: field.to_owned(),
            nearest: nearest(name, &known),
            known,
        }
    }

    fn place(&self, span: &Range<usize>) -> Place {
        Place {
            origin: self.origin.to_owned(),
            line: self.with_lines.then(|| line_of(self.text, span.start)),
        }
    }

    /// The offending value as the user wrote it, cut to one short line.
    fn written(&self, value: &DeValue<'_>, span: &Range<usize>) -> String {
        if matches!(value, DeValue::Table(_)) {
            return "a section".to_owned();
        }
        let text = self.text.get(span.clone()).unwrap_or("this value");
        let mut line: String = text.lines().next().unwrap_or("").chars().take(60).collect();
        if line.len() < text.len() {
            line.push('…');
        }
        line
    }
}

/// Refuses a word outside the field's few.
fn choice(field: &str, word: &str) -> Result<(), LearnError> {
    let Some((_, words)) = CHOICES.iter().find(|(name, _)| *name == field) else {
        return Ok(());
    };
    if words.contains(&word) {
        return Ok(());
    }
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    Err(LearnError::BadValue {
        field: field.to_owned(),
        value: format!("{word:?}"),
        remedy: format!("choose {}", quoted.join(" or ")),
    })
}

/// The known name that resembles `name` most, if any does.
fn nearest(name: &str, known: &[String]) -> Option<String> {
    known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= RESEMBLANCE)
        .max_by(|left, right| left.0.total_cmp(&right.0))
        .map(|(_, candidate)| candidate.clone())
}

/// How a kind is called in a message, with an example.
fn kind_of(pattern: &Value) -> &'static str {
    match pattern {
        Value::Integer(_) => "a whole number, as in 8",
        Value::Float(_) => "a number, as in 0.5",
        Value::String(_) => "text in quotes, as in \"mamba2\"",
        Value::Boolean(_) => "true or false",
        Value::Array(_) => "a list, as in [\"norm\", \"bias\"]",
        Value::Table(_) => "a section of keys and values",
        Value::Datetime(_) => "a date",
    }
}

fn join(section: &str, name: &str) -> String {
    if section.is_empty() {
        name.to_owned()
    } else {
        format!("{section}.{name}")
    }
}
