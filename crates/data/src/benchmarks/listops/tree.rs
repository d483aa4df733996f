//! Expressions as token sequences: drawing, evaluation, text.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::error::DataError;

/// The number of token values: 15 symbols and the padding, unknown and end marks.
pub const VOCABULARY: usize = 18;

/// Trees drawn in a row before the range of sizes is given up.
const MAX_ATTEMPTS: usize = 1_000_000;

/// The meaning of a token number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ListOpsToken {
    /// Padding behind a sequence.
    Padding = 0,
    /// A word that is none of the others.
    Unknown = 1,
    /// The end of the expression, which loaders append.
    End = 2,
    /// The digit 0; the other digits follow.
    Zero = 3,
    /// `[MIN`
    Min = 13,
    /// `[MAX`
    Max = 14,
    /// `[MED`
    Median = 15,
    /// `[SM`
    SumModulo = 16,
    /// `]`, which loaders write as `X`.
    Close = 17,
}

const ZERO: u8 = ListOpsToken::Zero as u8;
const MIN: u8 = ListOpsToken::Min as u8;
const SUM: u8 = ListOpsToken::SumModulo as u8;
const CLOSE: u8 = ListOpsToken::Close as u8;
const OPERATORS: [&str; 4] = ["[MIN", "[MAX", "[MED", "[SM"];

/// What decides the trees.
#[derive(Clone, Debug, PartialEq)]
pub struct ListOpsParameters {
    /// Digits alone stand at this depth; the root has depth 1.
    pub max_depth: usize,
    /// The most arguments of an operator; the fewest are 2.
    pub max_arguments: usize,
    /// A kept tree has more tokens.
    pub above: usize,
    /// A kept tree has fewer tokens.
    pub below: usize,
}

impl ListOpsParameters {
    /// The published sizes.
    pub const PUBLISHED: Self = Self {
        max_depth: 10,
        max_arguments: 10,
        above: 500,
        below: 2000,
    };

    /// A short form for runs on a CPU: 31 to 119 tokens, depth 5. Not the published task.
    pub const SHORT: Self = Self {
        max_depth: 5,
        max_arguments: 10,
        above: 30,
        below: 120,
    };

    pub(super) fn validate(&self) -> Result<(), DataError> {
        let range = |name, value: usize, low: usize, high: usize| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(DataError::out_of_range(
                name,
                value,
                format!("{low} to {high}"),
            ))
        };
        range("maximal depth", self.max_depth, 1, 64)?;
        range("maximal arguments", self.max_arguments, 2, 1000)?;
        range("upper bound of tokens", self.below, 2, 1 << 20)?;
        range("lower bound of tokens", self.above, 0, self.below - 2)
    }

    /// A tree within the range of sizes.
    pub(super) fn draw(&self, rng: &mut ChaCha8Rng) -> Result<Vec<u8>, DataError> {
        let mut tokens = Vec::with_capacity(self.below);
        for _ in 0..MAX_ATTEMPTS {
            tokens.clear();
            let whole = self.node(rng, 1, &mut tokens);
            if whole && tokens.len() > self.above {
                return Ok(tokens);
            }
        }
        Err(DataError::Unplaceable {
            task: "listops",
            attempts: MAX_ATTEMPTS,
        })
    }

    /// Appends a node; false as soon as the tree is too large, and then it is incomplete.
    fn node(&self, rng: &mut ChaCha8Rng, depth: usize, tokens: &mut Vec<u8>) -> bool {
        if depth >= self.max_depth || rng.random::<f64>() > 0.25 {
            tokens.push(ZERO + rng.random_range(0..10u8));
            return tokens.len() < self.below;
        }
        let arguments = rng.random_range(2..=self.max_arguments as u32);
        tokens.push(MIN + rng.random_range(0..4u8));
        for _ in 0..arguments {
            if !self.node(rng, depth + 1, tokens) {
                return false;
            }
        }
        tokens.push(CLOSE);
        tokens.len() < self.below
    }
}

/// The value of an expression, or nothing when the tokens are not one.
///
/// An operator without arguments, unbalanced brackets, and anything behind the expression are refused.
pub fn evaluate(tokens: &[u8]) -> Option<u8> {
    let mut open: Vec<(u8, Vec<u8>)> = Vec::new();
    let mut result = None;
    for &token in tokens {
        if result.is_some() {
            return None;
        }
        let value = match token {
            ZERO..MIN => token - ZERO,
            MIN..=SUM => {
                open.push((token, Vec::new()));
                continue;
            }
            CLOSE => {
                let (operator, arguments) = open.pop()?;
                apply(operator, arguments)?
            }
            _ => return None,
        };
        match open.last_mut() {
            Some((_, arguments)) => arguments.push(value),
            None => result = Some(value),
        }
    }
    result.filter(|_| open.is_empty())
}

fn apply(operator: u8, mut arguments: Vec<u8>) -> Option<u8> {
    arguments.sort_unstable();
    let (first, last) = (*arguments.first()?, *arguments.last()?);
    let count = arguments.len();
    Some(match operator - MIN {
        0 => first,
        1 => last,
        // Of an even number the mean of the middle two; the fraction is cut off.
        2 => (arguments[(count - 1) / 2] + arguments[count / 2]) / 2,
        _ => (arguments.iter().map(|it| u64::from(*it)).sum::<u64>() % 10) as u8,
    })
}

/// The published text of an expression: pairs in round brackets, chained to the left.
///
/// # Errors
/// [`DataError::OutOfRange`] when the tokens are not an expression.
pub fn to_text(tokens: &[u8]) -> Result<String, DataError> {
    if evaluate(tokens).is_none() {
        let found = format!("{} tokens", tokens.len());
        return Err(DataError::out_of_range(
            "expression",
            found,
            "a well-formed one",
        ));
    }
    // Every argument and the closing bracket end a pair that begins before the operator.
    let mut pairs = vec![0usize; tokens.len()];
    let mut open = Vec::new();
    for (at, &token) in tokens.iter().enumerate() {
        if let Some(&parent) = open.last() {
            pairs[parent] += 1;
        }
        match token {
            MIN..=SUM => open.push(at),
            CLOSE => drop(open.pop()),
            _ => {}
        }
    }
    let mut text = String::with_capacity(tokens.len() * 8);
    let mut depth = 0usize;
    for (&token, &pairs) in tokens.iter().zip(&pairs) {
        if !text.is_empty() {
            text.push(' ');
        }
        match token {
            MIN..=SUM => {
                text.push_str(&"( ".repeat(pairs));
                text.push_str(OPERATORS[usize::from(token - MIN)]);
                depth += 1;
            }
            CLOSE => {
                text.push_str("] )");
                depth -= 1;
                if depth > 0 {
                    text.push_str(" )");
                }
            }
            digit => {
                text.push(char::from(b'0' + (digit - ZERO)));
                if depth > 0 {
                    text.push_str(" )");
                }
            }
        }
    }
    Ok(text)
}

/// The tokens of a text as the published loaders read it: round brackets dropped, `]` taken for `X`,
/// words split at spaces. Also the number of words that are none of the fifteen symbols.
pub fn from_text(text: &str) -> (Vec<u8>, usize) {
    let mut tokens = Vec::new();
    let mut unknown = 0;
    for word in text.split_whitespace() {
        let word = word.trim_matches(['(', ')']);
        let token = match word.as_bytes() {
            [] => continue,
            b"]" | b"X" => CLOSE,
            [digit @ b'0'..=b'9'] => ZERO + (digit - b'0'),
            _ => match OPERATORS.iter().position(|it| *it == word) {
                Some(operator) => MIN + operator as u8,
                None => {
                    unknown += 1;
                    ListOpsToken::Unknown as u8
                }
            },
        };
        tokens.push(token);
    }
    (tokens, unknown)
}
