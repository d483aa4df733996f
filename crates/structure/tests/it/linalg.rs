//! The matrix exponential and the bridge to faer at its edges.

use resolvent_structure::linalg::{
    condition, eigen, eigen_hermitian, eigen_real, eigenvalues, exponential, inverse_complex,
    least_squares, product, solve, solve_complex,
};
use resolvent_structure::{Complex64, ComplexMatrix, Matrix, StructureError};

use crate::sample::Sampler;

#[test]
fn exponential_when_split_multiplies() {
    let mut rng = Sampler::new(1);
    let a = rng.matrix(6, 6);
    let times = |factor: f64| {
        let data = a.as_slice().iter().map(|x| factor * x).collect();
        exponential(&Matrix::new(6, 6, data).unwrap()).unwrap()
    };
    let split = product(&times(3.0), &times(4.0)).unwrap();
    assert!(split.max_abs_difference(&times(7.0)).unwrap() < 1e-11 * 100.0);
    let back = product(&times(3.0), &times(-3.0)).unwrap();
    let identity = Matrix::identity(6).unwrap();
    assert!(back.max_abs_difference(&identity).unwrap() < 1e-11);
}

#[test]
fn exponential_when_scalar_is_the_scalar_one() {
    for x in [-800.0, -30.0, -1e-12, 0.0, 1e-300, 2.0, 100.0] {
        let ours = exponential(&Matrix::new(1, 1, vec![x]).unwrap())
            .unwrap()
            .as_slice()[0];
        assert!((ours - x.exp()).abs() <= 1e-13 * x.exp(), "{x}: {ours}");
    }
}

#[test]
fn exponential_when_argument_is_wrong_is_refused() {
    assert!(exponential(&Matrix::zeros(2, 3).unwrap()).is_err());
    assert!(exponential(&Matrix::new(1, 1, vec![f64::NAN]).unwrap()).is_err());
    assert!(exponential(&Matrix::new(1, 1, vec![1e4]).unwrap()).is_err());
    let huge = exponential(&Matrix::new(1, 1, vec![-1e300]).unwrap());
    assert_eq!(huge.unwrap().as_slice(), [0.0]);
    assert_eq!(
        exponential(&Matrix::zeros(0, 0).unwrap()).unwrap().rows(),
        0
    );
}

#[test]
fn solve_when_singular_is_refused() {
    let rank_one = Matrix::new(2, 2, vec![1.0, 2.0, 2.0, 4.0]).unwrap();
    let right = Matrix::new(2, 1, vec![1.0, 1.0]).unwrap();
    assert!(matches!(
        solve(&rank_one, &right),
        Err(StructureError::Singular { .. })
    ));
    let zero = ComplexMatrix::from_real(&Matrix::zeros(2, 2).unwrap());
    assert!(solve_complex(&zero, &ComplexMatrix::from_real(&right)).is_err());
    assert!(solve(&rank_one, &Matrix::zeros(3, 1).unwrap()).is_err());
    assert!(product(&rank_one, &Matrix::zeros(3, 1).unwrap()).is_err());
}

#[test]
fn eigen_when_matrix_is_not_normal_reproduces_it() {
    let mut rng = Sampler::new(2);
    let order = 64;
    let matrix = ComplexMatrix::new(order, order, rng.complex_vector(order * order)).unwrap();
    let (values, vectors) = eigen(&matrix).unwrap();
    let left = matrix.product(&vectors).unwrap();
    let mut error = 0.0_f64;
    for i in 0..order {
        for (j, lambda) in values.iter().enumerate() {
            let gap = left.get(i, j).unwrap() - vectors.get(i, j).unwrap() * lambda;
            error = error.max(gap.norm());
        }
    }
    assert!(error < 1e-11, "{error}");
    let inverse = inverse_complex(&vectors).unwrap();
    let identity = vectors.product(&inverse).unwrap();
    assert!((identity.get(3, 3).unwrap() - 1.0).norm() < 1e-9);
    assert!(condition(&vectors).unwrap() > 1.0);
}

#[test]
fn eigen_when_real_comes_in_exact_pairs() {
    let turn = Matrix::new(3, 3, vec![0.0, -2.0, 0.1, 2.0, 0.0, 0.3, 0.2, 0.1, -1.0]).unwrap();
    let (values, _) = eigen_real(&turn).unwrap();
    assert_eq!(values.iter().filter(|z| z.im == 0.0).count(), 1);
    assert_eq!(values.iter().map(|z| z.im).sum::<f64>(), 0.0);
}

#[test]
fn eigenvalues_when_edge_cases_are_handled() {
    // A defective block is triangular: its eigenvalues are read off.
    let jordan = Matrix::from_fn(4, 4, |i, j| f64::from(u8::from(j == i || j == i + 1))).unwrap();
    assert_eq!(eigenvalues(&jordan).unwrap(), [Complex64::ONE; 4]);
    assert!(
        eigenvalues(&Matrix::zeros(0, 0).unwrap())
            .unwrap()
            .is_empty()
    );
    let (values, vectors) = eigen(&ComplexMatrix::from_real(&jordan)).unwrap();
    assert!(values.iter().all(|z| (z - 1.0).norm() < 1e-3));
    assert!(condition(&vectors).unwrap() > 1e10);
    let one = ComplexMatrix::new(1, 1, vec![Complex64::new(3.0, 4.0)]).unwrap();
    assert_eq!(eigen(&one).unwrap().0, [Complex64::new(3.0, 4.0)]);
    let (values, _) =
        eigen_hermitian(&ComplexMatrix::from_real(&Matrix::identity(2).unwrap())).unwrap();
    assert_eq!(values, [1.0, 1.0]);
    assert!(eigenvalues(&Matrix::zeros(1, 2).unwrap()).is_err());
    assert!(eigenvalues(&Matrix::new(1, 1, vec![f64::NAN]).unwrap()).is_err());
    let singular = ComplexMatrix::from_real(&Matrix::zeros(2, 2).unwrap());
    assert_eq!(condition(&singular).unwrap(), f64::INFINITY);
}

#[test]
fn least_squares_when_solved_leaves_a_residual_orthogonal_to_the_columns() {
    let mut rng = Sampler::new(5);
    let (matrix, right) = (rng.matrix(9, 4), rng.matrix(9, 2));
    for damping in [0.0, 0.3] {
        let solution = least_squares(&matrix, &right, damping).unwrap();
        assert_eq!((solution.rows(), solution.cols()), (4, 2));
        let fitted = product(&matrix, &solution).unwrap();
        let residual = Matrix::from_fn(9, 2, |i, j| {
            right.get(i, j).unwrap() - fitted.get(i, j).unwrap()
        });
        let normal = product(&matrix.transpose(), &residual.unwrap()).unwrap();
        let damped = Matrix::from_fn(4, 2, |i, j| damping * solution.get(i, j).unwrap());
        assert!(normal.max_abs_difference(&damped.unwrap()).unwrap() < 1e-12);
    }
    // Wide, and with a column of zeros: one solution with damping, an error without.
    let wide = Matrix::from_fn(2, 3, |i, j| if j == 1 { 0.0 } else { (i + j) as f64 }).unwrap();
    let target = Matrix::new(2, 1, vec![1.0, 2.0]).unwrap();
    assert_eq!(
        least_squares(&wide, &target, 1e-3).unwrap().get(1, 0),
        Some(0.0)
    );
    assert!(matches!(
        least_squares(&wide, &target, 0.0),
        Err(StructureError::ShapeMismatch { .. })
    ));
    assert!(least_squares(&wide, &target, -1.0).is_err());
    assert!(
        least_squares(
            &Matrix::zeros(3, 2).unwrap(),
            &Matrix::zeros(3, 1).unwrap(),
            0.0
        )
        .is_err()
    );
    assert_eq!(
        least_squares(
            &Matrix::zeros(0, 0).unwrap(),
            &Matrix::zeros(0, 1).unwrap(),
            0.0
        )
        .unwrap()
        .rows(),
        0
    );
}
