//! The Fourier transform of one cube: decimation in frequency in shared memory, and its way back.
//!
//! Going down, a step of span s turns elements j, j + s, j + 2s, j + 3s into a butterfly of four and
//! turns outputs by their twiddles; at the bottom remain groups of four or eight neighbours, which are
//! transformed in registers. Spectra stay in the order that this leaves: products need no other, and
//! going up undoes the steps in reverse.

use cubecl::prelude::*;

/// What is fixed when a kernel is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Transform {
    /// Complex elements, a power of two.
    pub size: usize,
    /// Elements that a cube holds in shared memory: `size`, or that over a power of four, which
    /// steps in device memory go before.
    pub part: usize,
    /// Units of a cube, a power of two, at most one per group.
    pub units: usize,
    /// Whether short loops are unrolled.
    pub unroll: bool,
}

impl Transform {
    /// Elements of a group.
    pub(super) const fn group(self) -> usize {
        match self.part.trailing_zeros().is_multiple_of(2) {
            true => 4,
            false => 8,
        }
    }

    /// Groups of a part.
    pub(super) const fn groups(self) -> usize {
        self.part / self.group()
    }

    /// Groups of a unit.
    pub(super) const fn group_share(self) -> usize {
        self.groups() / self.units
    }

    /// Butterflies of a unit in every step.
    pub(super) const fn share(self) -> usize {
        self.part / 4 / self.units
    }

    /// Parts of the whole.
    pub(super) const fn parts(self) -> usize {
        self.size / self.part
    }

    /// Whether a cube holds everything.
    pub(super) const fn whole(self) -> bool {
        self.size == self.part
    }

    /// Where the table has the twiddles of the step of a span, behind the twists.
    pub(super) const fn twiddles(self, span: usize) -> usize {
        self.size + (self.size - 4 * span) / 3
    }
}

/// Complex numbers in registers.
#[derive(CubeType)]
pub(super) struct Values<A: Float, N: Size> {
    pub re: Array<Vector<A, N>>,
    pub im: Array<Vector<A, N>>,
}

#[cube]
impl<A: Float, N: Size> Values<A, N> {
    pub(super) fn new(#[comptime] count: usize) -> Self {
        Values::<A, N> {
            re: Array::<Vector<A, N>>::new(count),
            im: Array::<Vector<A, N>>::new(count),
        }
    }

    /// Multiplies number `k` by one that all lanes share.
    pub(super) fn turn(&mut self, k: usize, re: A, im: A) {
        let by_re = Vector::<A, N>::new(re);
        let by_im = Vector::<A, N>::new(im);
        let old_re = self.re[k];
        let old_im = self.im[k];
        self.re[k] = old_re * by_re - old_im * by_im;
        self.im[k] = old_re * by_im + old_im * by_re;
    }

    /// The transform of four numbers from `first` on; `up` for the opposite direction.
    pub(super) fn cross(&mut self, first: usize, #[comptime] up: bool) {
        let re0 = self.re[first] + self.re[first + 2];
        let im0 = self.im[first] + self.im[first + 2];
        let re1 = self.re[first] - self.re[first + 2];
        let im1 = self.im[first] - self.im[first + 2];
        let re2 = self.re[first + 1] + self.re[first + 3];
        let im2 = self.im[first + 1] + self.im[first + 3];
        let re3 = self.re[first + 1] - self.re[first + 3];
        let im3 = self.im[first + 1] - self.im[first + 3];
        self.re[first] = re0 + re2;
        self.im[first] = im0 + im2;
        self.re[first + 2] = re0 - re2;
        self.im[first + 2] = im0 - im2;
        if comptime!(up) {
            self.re[first + 1] = re1 - im3;
            self.im[first + 1] = im1 + re3;
            self.re[first + 3] = re1 + im3;
            self.im[first + 3] = im1 - re3;
        } else {
            self.re[first + 1] = re1 + im3;
            self.im[first + 1] = im1 - re3;
            self.re[first + 3] = re1 - im3;
            self.im[first + 3] = im1 + re3;
        }
    }

    /// The first half of eight numbers becomes the sums, the second the differences.
    fn halve(&mut self) {
        #[unroll]
        for k in 0..4 {
            let re = self.re[k] - self.re[k + 4];
            let im = self.im[k] - self.im[k + 4];
            self.re[k] = self.re[k] + self.re[k + 4];
            self.im[k] = self.im[k] + self.im[k + 4];
            self.re[k + 4] = re;
            self.im[k + 4] = im;
        }
    }

    /// Turns the second half of eight numbers by eighths of a circle.
    fn turn_half(
        &mut self,
        table: &[Vector<A, Const<2>>],
        #[comptime] t: Transform,
        #[comptime] up: bool,
    ) {
        // The table's twist there is an eighth of a circle.
        let eighth = table[comptime!(t.size / 2)];
        let re = eighth.extract(0usize);
        let mut im = eighth.extract(1usize);
        let mut quarter = A::from_int(-1);
        if comptime!(up) {
            im = -im;
            quarter = A::from_int(1);
        }
        self.turn(5usize, re, im);
        self.turn(6usize, A::from_int(0), quarter);
        self.turn(7usize, -re, im);
    }

    /// The transform of a whole group.
    pub(super) fn down(&mut self, table: &[Vector<A, Const<2>>], #[comptime] t: Transform) {
        if comptime!(t.group() == 8) {
            self.halve();
            self.turn_half(table, t, false);
            self.cross(4usize, false);
        }
        self.cross(0usize, false);
    }

    /// And back.
    pub(super) fn up(&mut self, table: &[Vector<A, Const<2>>], #[comptime] t: Transform) {
        self.cross(0usize, true);
        if comptime!(t.group() == 8) {
            self.cross(4usize, true);
            self.turn_half(table, t, true);
            self.halve();
        }
    }

    /// Turns the outputs of a butterfly by powers of one twiddle, or their inputs on the way up.
    pub(super) fn twiddle(&mut self, twiddle: Vector<A, Const<2>>, #[comptime] up: bool) {
        let re = twiddle.extract(0usize);
        let mut im = twiddle.extract(1usize);
        if comptime!(up) {
            im = -im;
        }
        let re2 = re * re - im * im;
        let im2 = re * im + im * re;
        self.turn(1usize, re, im);
        self.turn(2usize, re2, im2);
        self.turn(3usize, re2 * re - im2 * im, re2 * im + im2 * re);
    }
}

/// The part of a transform that a cube holds.
#[derive(CubeType)]
pub(super) struct Work<A: Float, N: Size> {
    re: Shared<[Vector<A, N>]>,
    im: Shared<[Vector<A, N>]>,
}

/// Where element `i` lies: so that neither steps nor groups meet in a bank, whatever the width.
#[cube]
fn place(i: usize, #[comptime] t: Transform) -> usize {
    if comptime!(t.group() == 4) {
        i ^ ((i >> 2) & 31)
    } else {
        i ^ (((i >> 2) ^ (i >> 3)) & 31)
    }
}

#[cube]
impl<A: Float, N: Size> Work<A, N> {
    pub(super) fn new(#[comptime] t: Transform) -> Self {
        Work::<A, N> {
            re: Shared::<[Vector<A, N>]>::new_slice(comptime!(t.part)),
            im: Shared::<[Vector<A, N>]>::new_slice(comptime!(t.part)),
        }
    }

    /// Reads `count` elements, `span` apart.
    fn read(
        &self,
        values: &mut Values<A, N>,
        from: usize,
        span: usize,
        #[comptime] count: usize,
        #[comptime] t: Transform,
    ) {
        #[unroll]
        for k in 0..count {
            let at = place(from + k * span, t);
            values.re[k] = self.re[at];
            values.im[k] = self.im[at];
        }
    }

    fn write(
        &mut self,
        values: &Values<A, N>,
        to: usize,
        span: usize,
        #[comptime] count: usize,
        #[comptime] t: Transform,
    ) {
        #[unroll]
        for k in 0..count {
            let at = place(to + k * span, t);
            self.re[at] = values.re[k];
            self.im[at] = values.im[k];
        }
    }

    /// The first step, of elements a quarter apart that come from elsewhere.
    pub(super) fn enter(
        &mut self,
        values: &mut Values<A, N>,
        table: &[Vector<A, Const<2>>],
        j: usize,
        #[comptime] t: Transform,
    ) {
        values.cross(0usize, false);
        values.twiddle(table[comptime!(t.twiddles(t.part / 4)) + j], false);
        self.write(&*values, j, comptime!(t.part / 4).runtime(), 4usize, t);
    }

    /// The last step on the way up, whose elements go elsewhere.
    pub(super) fn leave(
        &self,
        values: &mut Values<A, N>,
        table: &[Vector<A, Const<2>>],
        j: usize,
        #[comptime] t: Transform,
    ) {
        self.read(values, j, comptime!(t.part / 4).runtime(), 4usize, t);
        values.twiddle(table[comptime!(t.twiddles(t.part / 4)) + j], true);
        values.cross(0usize, true);
    }

    /// All steps between the first and the groups; synchronises the cube before and after each.
    pub(super) fn descend(&mut self, table: &[Vector<A, Const<2>>], #[comptime] t: Transform) {
        let mut span = comptime!(t.part / 16).runtime();
        let mut twiddles = comptime!(t.twiddles(t.part / 16)).runtime();
        sync_cube();
        while span >= comptime!(t.group()) {
            #[unroll(t.unroll)]
            for n in 0..comptime!(t.share()) {
                let j = n * comptime!(t.units) + UNIT_POS as usize;
                let low = j & (span - 1);
                let base = (j - low) * 4 + low;
                let mut values = Values::<A, N>::new(4usize);
                self.read(&mut values, base, span, 4usize, t);
                values.cross(0usize, false);
                values.twiddle(table[twiddles + low], false);
                self.write(&values, base, span, 4usize, t);
            }
            sync_cube();
            twiddles += span;
            span /= 4;
        }
    }

    /// The same steps on the way up.
    pub(super) fn ascend(&mut self, table: &[Vector<A, Const<2>>], #[comptime] t: Transform) {
        let mut span = comptime!(t.group()).runtime();
        let mut twiddles = comptime!(t.twiddles(t.group())).runtime();
        sync_cube();
        while span <= comptime!(t.part / 16) {
            #[unroll(t.unroll)]
            for n in 0..comptime!(t.share()) {
                let j = n * comptime!(t.units) + UNIT_POS as usize;
                let low = j & (span - 1);
                let base = (j - low) * 4 + low;
                let mut values = Values::<A, N>::new(4usize);
                self.read(&mut values, base, span, 4usize, t);
                values.twiddle(table[twiddles + low], true);
                values.cross(0usize, true);
                self.write(&values, base, span, 4usize, t);
            }
            sync_cube();
            span *= 4;
            twiddles -= span;
        }
    }

    /// The spectrum's numbers of group `j`.
    pub(super) fn down(
        &self,
        table: &[Vector<A, Const<2>>],
        j: usize,
        #[comptime] t: Transform,
    ) -> Values<A, N> {
        let mut values = Values::<A, N>::new(comptime!(t.group()));
        let group = comptime!(t.group());
        self.read(&mut values, j * group, 1usize.runtime(), group, t);
        values.down(table, t);
        values
    }

    /// Takes the numbers of group `j` back.
    pub(super) fn up(
        &mut self,
        values: &mut Values<A, N>,
        table: &[Vector<A, Const<2>>],
        j: usize,
        #[comptime] t: Transform,
    ) {
        let group = comptime!(t.group());
        values.up(table, t);
        self.write(&*values, j * group, 1usize.runtime(), group, t);
    }
}
