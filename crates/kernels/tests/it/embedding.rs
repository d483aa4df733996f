//! Rows of a table and the gradient of the table against loops.

use crate::check::values;
use crate::check::{OpCase, check_op, device, read};
use burn::tensor::{Int, Tensor};
use resolvent_kernels::embedding::embedding;
use resolvent_kernels::reshape;

fn check(rows: usize, entries: usize, width: usize) {
    // Every entry but the last, unevenly.
    let most = entries.max(2) - 1;
    let indices: Vec<i64> = (0..rows).map(|row| (row * row % most) as i64).collect();
    let row_of = |table: &[f64], row: &i64| table[*row as usize * width..][..width].to_vec();
    check_op(&OpCase {
        name: format!("embedding of {rows} rows, {entries} entries of width {width}"),
        inputs: vec![("weight", values(1, entries * width))],
        reference: &|flat| {
            vec![
                indices
                    .iter()
                    .flat_map(|row| row_of(&flat[0], row))
                    .collect(),
            ]
        },
        tensors: &|flat| {
            let weight = reshape(flat[0].clone(), [entries, width]);
            let indices = Tensor::<1, Int>::from_data(indices.as_slice(), &weight.device());
            let y = embedding(weight, indices).unwrap();
            vec![reshape(y, [rows * width])]
        },
        tolerance: 1e-5,
    });
}

#[test]
fn embedding_when_sizes_are_awkward_equals_the_rows_with_the_gradient_of_the_table() {
    for (rows, entries, width) in [
        (0, 3, 4),
        (1, 1, 1),
        (5, 2, 3),
        (200, 18, 8),
        (700, 300, 17),
    ] {
        check(rows, entries, width);
    }
    // A table so large that the rows are not cut.
    check(150, 3000, 2000);
}

#[test]
fn embedding_when_there_are_no_entries_says_so() {
    let device = device();
    let indices = Tensor::<1, Int>::from_data([0_i64].as_slice(), &device);
    let error = embedding(Tensor::empty([0, 4], &device), indices).unwrap_err();
    assert!(error.to_string().contains("without entries"));
    let none = Tensor::<1, Int>::empty([0], &device);
    let y = embedding(Tensor::ones([2, 4], &device), none).unwrap();
    assert_eq!((y.dims(), read(&y).len()), ([0, 4], 0));
}
