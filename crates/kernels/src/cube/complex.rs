//! Complex numbers in f64, whatever the format of the tensors: poles are raised to high powers, and
//! a device that trains has f64.

use cubecl::prelude::*;

/// A complex number.
#[derive(CubeType, Clone, Copy)]
pub(crate) struct Complex {
    pub re: f64,
    pub im: f64,
}

#[cube]
impl Complex {
    pub(crate) fn new(re: f64, im: f64) -> Complex {
        Complex { re, im }
    }

    /// From two tensors of parts.
    pub(crate) fn read<A: Float>(re: &[A], im: &[A], at: usize) -> Complex {
        Complex {
            re: f64::cast_from(re[at]),
            im: f64::cast_from(im[at]),
        }
    }

    /// From one tensor whose imaginary parts stand `apart` elements behind the real ones.
    pub(crate) fn load<A: Float>(values: &[A], at: usize, apart: usize) -> Complex {
        Complex {
            re: f64::cast_from(values[at]),
            im: f64::cast_from(values[at + apart]),
        }
    }

    pub(crate) fn plus(&self, other: &Complex) -> Complex {
        Complex {
            re: self.re + other.re,
            im: self.im + other.im,
        }
    }

    pub(crate) fn minus(&self, other: &Complex) -> Complex {
        Complex {
            re: self.re - other.re,
            im: self.im - other.im,
        }
    }

    pub(crate) fn times(&self, other: &Complex) -> Complex {
        Complex {
            re: self.re * other.re - self.im * other.im,
            im: self.re * other.im + self.im * other.re,
        }
    }

    pub(crate) fn scaled(&self, by: f64) -> Complex {
        Complex {
            re: self.re * by,
            im: self.im * by,
        }
    }

    pub(crate) fn conjugate(&self) -> Complex {
        Complex {
            re: self.re,
            im: -self.im,
        }
    }

    pub(crate) fn inverse(&self) -> Complex {
        let inverse = 1.0f64 / (self.re * self.re + self.im * self.im);
        Complex {
            re: self.re * inverse,
            im: -self.im * inverse,
        }
    }

    pub(crate) fn exp(&self) -> Complex {
        let size = self.re.exp();
        Complex {
            re: size * self.im.cos(),
            im: size * self.im.sin(),
        }
    }

    /// A whole power, by repeated squaring.
    pub(crate) fn power(&self, exponent: usize) -> Complex {
        let mut re = f64::cast_from(1u32);
        let mut im = f64::cast_from(0u32);
        let mut square_re = self.re;
        let mut square_im = self.im;
        let mut rest = exponent;
        while rest > 0 {
            if rest % 2 == 1 {
                let old = re;
                re = old * square_re - im * square_im;
                im = old * square_im + im * square_re;
            }
            let old = square_re;
            square_re = old * old - square_im * square_im;
            square_im = old * square_im + square_im * old;
            rest /= 2;
        }
        Complex { re, im }
    }
}
