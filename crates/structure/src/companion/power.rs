//! `C A^k` for a companion matrix, by polynomial arithmetic modulo its characteristic polynomial.
//!
//! With `A = S + a e_d^T`, multiplication by `A` is multiplication by `x` modulo
//! `p(x) = x^d - a_{d-1} x^{d-1} - ... - a_0`, and the numbers `s_k = C A^k e_0` satisfy the linear
//! recurrence `s_{k+d} = sum_i a_i s_{k+i}`. So `C A^k` is the row `(s_k, ..., s_{k+d-1})`, and with
//! `x^k = sum_i g_i x^i` modulo `p` it is `s_{k+j} = sum_i g_i s_{i+j}`: a correlation.
//!
//! Source: Fiduccia, *An Efficient Formula for Linear Recurrences*, SIAM Journal on Computing 14
//! (1985).

use super::CompanionMatrix;
use crate::StructureError;
use crate::error::expect_length;
use crate::fourier::polynomial_product;

impl CompanionMatrix {
    /// The row `C A^power`.
    ///
    /// # Shapes
    /// - `output`: `[order]`, output: `[order]`
    ///
    /// # Numerics
    /// Errors are near machine precision relative to the largest entry while `|a|_1 <= 1`, because
    /// then no power of `A` has a 1-norm above one. Without that bound they grow with the powers.
    ///
    /// # Cost
    /// `O(order log order log power)`.
    ///
    /// # Errors
    /// [`StructureError::LengthMismatch`] for a row of another length.
    ///
    /// # Example
    /// ```
    /// use resolvent_structure::CompanionMatrix;
    ///
    /// let fibonacci = CompanionMatrix::new(vec![1.0, 1.0])?;
    /// let row = fibonacci.output_power(&[0.0, 1.0], 10)?;
    /// assert!((row[0] - 55.0).abs() < 1e-9 && (row[1] - 89.0).abs() < 1e-9);
    /// # Ok::<(), resolvent_structure::StructureError>(())
    /// ```
    pub fn output_power(&self, output: &[f64], power: usize) -> Result<Vec<f64>, StructureError> {
        let order = self.order();
        expect_length("output_power", "output", order, output.len())?;
        if order == 0 {
            return Ok(Vec::new());
        }
        let inverse = self.reversed_inverse(2 * order);
        let remainder = self.power_of_x(power, &inverse);
        // s_0 .. s_{2d-1}: the reversed polynomial turns the sequence into d known numbers.
        let mut start = polynomial_product(&self.reversed(), output);
        start.truncate(order);
        let mut sequence = polynomial_product(&start, &inverse);
        sequence.truncate(2 * order);
        let flipped: Vec<f64> = remainder.iter().rev().copied().collect();
        let correlation = polynomial_product(&flipped, &sequence);
        Ok(correlation[order - 1..2 * order - 1].to_vec())
    }

    /// `x^power` modulo the characteristic polynomial, lowest degree first.
    fn power_of_x(&self, power: usize, inverse: &[f64]) -> Vec<f64> {
        let mut remainder = vec![0.0; self.order()];
        remainder[0] = 1.0;
        if power == 0 {
            return remainder;
        }
        for bit in (0..=power.ilog2()).rev() {
            remainder = self.reduce(polynomial_product(&remainder, &remainder), inverse);
            if power >> bit & 1 == 1 {
                self.advance(&mut remainder);
            }
        }
        remainder
    }

    /// The remainder of a polynomial of degree at most `2 d - 2` modulo the characteristic one.
    fn reduce(&self, polynomial: Vec<f64>, inverse: &[f64]) -> Vec<f64> {
        let order = self.order();
        if polynomial.len() <= order {
            return polynomial;
        }
        // Reversed, division becomes a product with the inverse power series.
        let degree = polynomial.len() - order;
        let high: Vec<f64> = polynomial[order..].iter().rev().copied().collect();
        let mut quotient = polynomial_product(&high, &inverse[..degree]);
        quotient.truncate(degree);
        quotient.reverse();
        // p = x^d - a(x), so that the remainder is the low part plus quotient times a.
        let back = polynomial_product(&quotient, &self.column);
        let low = polynomial[..order].iter().zip(&back);
        low.map(|(c, q)| c + q).collect()
    }

    /// `1 - a_{d-1} x - ... - a_0 x^d`, the reversed characteristic polynomial.
    fn reversed(&self) -> Vec<f64> {
        let negated = self.column.iter().rev().map(|a| -a);
        std::iter::once(1.0).chain(negated).collect()
    }

    /// The first `count` terms of the power series `1 / reversed(x)`, by Newton's iteration.
    fn reversed_inverse(&self, count: usize) -> Vec<f64> {
        let polynomial = self.reversed();
        let mut inverse = vec![1.0];
        while inverse.len() < count {
            let terms = (2 * inverse.len()).min(count);
            let known = &polynomial[..terms.min(polynomial.len())];
            let mut correction = polynomial_product(known, &inverse);
            correction.resize(terms, 0.0);
            correction.iter_mut().for_each(|x| *x = -*x);
            correction[0] += 2.0;
            inverse = polynomial_product(&inverse, &correction);
            inverse.truncate(terms);
        }
        inverse
    }
}
