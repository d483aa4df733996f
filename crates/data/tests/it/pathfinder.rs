//! Pathfinder: dashes against Pillow and OpenCV, the properties of contours, files.

use std::collections::VecDeque;
use std::path::Path;

use proptest::prelude::*;
use resolvent_data::DataError;
use resolvent_data::benchmarks::pathfinder::{
    Pathfinder, PathfinderFolder, PathfinderParameters, PathfinderWriter, Scene, dash,
    read_metadata,
};
use resolvent_data::images::{contiguous_split, read_idx};
use sha2::{Digest, Sha256};

fn generator(size: usize, seed: u64) -> Pathfinder {
    Pathfinder::new(PathfinderParameters::published(size).unwrap().clone(), seed).unwrap()
}

#[test]
fn dashes_when_drawn_at_any_angle_are_those_of_pillow_and_opencv() {
    for (size, margin, step) in [(32, 1, 3), (64, 1, 6), (128, 3, 9)] {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join(format!("tests/golden/pathfinder_{size}.idx3.gz"));
        let golden = read_idx(&golden).unwrap();
        let parameters = PathfinderParameters::published(size).unwrap();
        let area = golden.shape[1] * golden.shape[2];
        let mut layers = golden.values.chunks_exact(area);
        for degree in (-180..180).step_by(step) {
            let (line, footprint) = dash(
                f64::from(degree) * std::f64::consts::PI / 180.0,
                parameters,
                margin,
            );
            assert_eq!(
                line,
                layers.next().unwrap(),
                "line at {degree} degrees, {size} pixels"
            );
            assert_eq!(
                footprint,
                layers.next().unwrap(),
                "footprint at {degree} degrees, {size} pixels"
            );
        }
    }
}

#[test]
fn sample_when_repeated_gives_these_bytes() {
    // Recorded from this generator: a change here would silently change every experiment.
    let hash = |size: usize| {
        let generator = generator(size, 0);
        let mut hash = Sha256::new();
        for index in 0..3 {
            let sample = generator.sample(index).unwrap();
            hash.update(&sample.pixels);
            hash.update([sample.label]);
        }
        let digest = hash.finalize();
        digest[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    assert_eq!([32, 64, 128].map(hash), GOLDEN);
}

const GOLDEN: [&str; 3] = ["80673bdaef16556b", "271a192ba6611fd6", "dceb908473b637c8"];

#[test]
fn samples_when_threads_differ_are_the_same() {
    let pool = |threads| {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap()
    };
    let made = |threads| pool(threads).install(|| generator(32, 1).samples(0..24).unwrap());
    assert_eq!(made(1), made(3));
    let one_by_one: Vec<_> = generator(32, 1).iter(0..24).map(Result::unwrap).collect();
    assert_eq!(made(1), one_by_one);
}

#[test]
fn samples_when_many_are_balanced_and_fill_the_range() {
    let images = generator(32, 2).images(0..2000).unwrap();
    assert_eq!((images.height, images.width, images.len()), (32, 32, 2000));
    let ones = images.labels.iter().sum::<u32>();
    // Three standard deviations of 2,000 fair coins are 67.
    assert!((933..=1067).contains(&ones), "{ones}");
    for i in 0..images.len() {
        let (pixels, _) = images.image(i);
        assert_eq!(
            (pixels.iter().min(), pixels.iter().max()),
            (Some(&0), Some(&255))
        );
    }
    // The published generator of 2019, run on 400 images: see the README of this crate.
    let mean =
        images.pixels.iter().map(|it| f64::from(*it)).sum::<f64>() / images.pixels.len() as f64;
    println!("mean brightness {mean:.2}");
}

#[test]
fn scene_when_only_the_far_marker_moves_changes_only_there() {
    let generator = generator(64, 3);
    for index in 0..4 {
        let scene = generator.scene(index).unwrap();
        let joined = generator.marked(&scene, scene.marked, scene.marked);
        let apart = generator.marked(&scene, scene.marked, 1 - scene.marked);
        let sample = generator.sample(index).unwrap();
        assert_eq!(
            sample.pixels,
            if scene.label == 1 {
                joined.clone()
            } else {
                apart.clone()
            }
        );
        let near = |at: usize| {
            let (y, x) = ((at / 64) as i64, (at % 64) as i64);
            scene
                .terminals
                .iter()
                .any(|end| (end.0 as i64 - y).abs() <= 7 && (end.1 as i64 - x).abs() <= 7)
        };
        let differs: Vec<usize> = (0..64 * 64).filter(|&at| joined[at] != apart[at]).collect();
        assert!(!differs.is_empty() && differs.iter().all(|&at| near(at)));
    }
}

#[test]
fn markers_when_drawn_are_discs_of_the_published_radius() {
    for (size, radius) in [(32, 1.5), (64, 2.5), (128, 3.0)] {
        let generator = generator(size, 4);
        let scene = generator.scene(0).unwrap();
        let pixels = generator.marked(&scene, 0, 0);
        let bright = f64::from(pixels[scene.origins[0].0 * size + scene.origins[0].1]);
        for (y, x) in [scene.origins[0], scene.terminals[0]] {
            let wide = (-(radius as i64) - 3..=radius as i64 + 3)
                .filter(|dx| {
                    let column = x as i64 + dx;
                    (0..size as i64).contains(&column)
                        && f64::from(pixels[y * size + column as usize]) > 0.5 * bright
                })
                .count() as f64;
            // Dashes may touch the disc, so it can look wider but not narrower.
            assert!(wide >= 2.0 * radius - 1.0, "{wide} pixels at {size}");
        }
    }
}

/// The largest distance to a bright pixel that a path between two places cannot avoid, squared.
fn widest_gap(pixels: &[u8], size: usize, from: (usize, usize), to: (usize, usize)) -> i64 {
    let place = |at: usize| ((at / size) as i64, (at % size) as i64);
    let bright: Vec<(i64, i64)> = (0..size * size)
        .filter(|&at| pixels[at] > 60)
        .map(place)
        .collect();
    let distance = |at: usize| {
        let (y, x) = place(at);
        bright
            .iter()
            .map(|it| (it.0 - y).pow(2) + (it.1 - x).pow(2))
            .min()
            .unwrap()
    };
    let distances: Vec<i64> = (0..size * size).map(distance).collect();
    let mut levels = distances.clone();
    levels.sort_unstable();
    levels.dedup();
    let joins = |level: &i64| {
        let mut seen = vec![false; size * size];
        let mut queue = VecDeque::from([from]);
        while let Some((y, x)) = queue.pop_front() {
            let at = y * size + x;
            if distances[at] > *level || std::mem::replace(&mut seen[at], true) {
                continue;
            }
            let ends = [
                (y.wrapping_sub(1), x),
                (y + 1, x),
                (y, x.wrapping_sub(1)),
                (y, x + 1),
            ];
            queue.extend(ends.into_iter().filter(|it| it.0 < size && it.1 < size));
        }
        seen[to.0 * size + to.1]
    };
    levels.into_iter().find(joins).unwrap()
}

#[test]
fn contours_when_followed_join_the_ends_of_one_snake_over_smaller_gaps_than_of_two() {
    let generator = generator(128, 5);
    let (mut closer, mut further) = (0, 0);
    for index in 0..24 {
        let scene: Scene = generator.scene(index).unwrap();
        let pixels = generator.marked(&scene, 0, 0);
        let own = widest_gap(&pixels, 128, scene.origins[0], scene.terminals[0]);
        // Between two dashes lie about two margins.
        assert!(
            own <= (scene.margin as i64 + 1).pow(2),
            "{own} with a margin of {}",
            scene.margin
        );
        let other = generator.marked(&scene, 0, 1);
        let foreign = widest_gap(&other, 128, scene.origins[0], scene.terminals[1]);
        closer += usize::from(own < foreign);
        further += usize::from(own > foreign);
    }
    println!("of 24 scenes the own end is closer in {closer}, the other's in {further}");
    assert!(closer > 2 * further && closer > 6);
}

#[test]
fn scenes_when_drawn_keep_the_distances_of_the_rules() {
    for size in [32, 64, 128] {
        let generator = generator(size, 6);
        let parameters = generator.parameters().clone();
        for index in 0..4 {
            let scene = generator.scene(index).unwrap();
            assert!(parameters.margins.contains(&scene.margin));
            let [a, b] = scene.origins;
            let apart = (a.0 as f64 - b.0 as f64).hypot(a.1 as f64 - b.1 as f64);
            assert!(
                (apart - parameters.seed_distance as f64).abs() <= 1.0,
                "{apart}"
            );
            let inner = 2 * parameters.seed_distance..size - 2 * parameters.seed_distance;
            assert!(inner.contains(&a.0) && inner.contains(&a.1), "{a:?}");
            for end in scene.terminals {
                assert!(end.0 < size && end.1 < size);
            }
        }
    }
}

#[test]
fn parameters_when_impossible_are_named() {
    let good = PathfinderParameters::PATHFINDER_32;
    let cases = [
        (
            PathfinderParameters {
                size: 129,
                ..good.clone()
            },
            "image size",
        ),
        (
            PathfinderParameters {
                seed_distance: 8,
                ..good.clone()
            },
            "seed distance",
        ),
        (
            PathfinderParameters {
                paddle_thickness: 0.3,
                ..good.clone()
            },
            "thickness",
        ),
        (
            PathfinderParameters {
                continuity: f64::NAN,
                ..good.clone()
            },
            "continuity",
        ),
        (
            PathfinderParameters {
                margins: &[],
                ..good.clone()
            },
            "margins",
        ),
        (
            PathfinderParameters {
                paddle_length: 0,
                ..good.clone()
            },
            "dash length",
        ),
    ];
    for (parameters, word) in cases {
        let error = Pathfinder::new(parameters, 0).unwrap_err().to_string();
        assert!(error.contains(word), "{error}");
    }
    assert!(
        PathfinderParameters::published(256)
            .unwrap_err()
            .to_string()
            .contains("256")
    );
    let crowded = PathfinderParameters {
        size: 16,
        seed_distance: 3,
        contour_length: 64,
        ..good
    };
    let error = Pathfinder::new(crowded, 0).unwrap().sample(0).unwrap_err();
    assert!(matches!(error, DataError::Unplaceable { .. }), "{error}");
}

#[test]
fn folder_when_written_is_read_back_whole() {
    let generator = generator(32, 7);
    let parent = tempfile::tempdir().unwrap();
    let folder = PathfinderWriter::new(&generator)
        .write(parent.path(), 12, &mut |_| true)
        .unwrap();
    let metadata = std::fs::read_to_string(folder.join("metadata/0.npy")).unwrap();
    let first = generator.sample(0).unwrap();
    let expected = format!("imgs/0 sample_0.png 0 {} 1.0 14 4 2 0.5 1 1", first.label);
    assert_eq!(metadata.lines().next(), Some(expected.as_str()));
    let read = PathfinderFolder::open(&folder).unwrap();
    assert_eq!(read.len(), 12);
    let images = read.images(0..12).unwrap();
    let made = generator.images(0..12).unwrap();
    assert_eq!((images.pixels, images.labels), (made.pixels, made.labels));
    let again = PathfinderWriter::new(&generator).write(parent.path(), 12, &mut |_| true);
    assert!(matches!(again, Err(DataError::InTheWay { .. })));
    let elsewhere = parent.path().join("b");
    let stopped = PathfinderWriter::new(&generator).write(&elsewhere, 12, &mut |_| false);
    assert!(matches!(stopped, Err(DataError::Interrupted)));
    assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
}

#[test]
fn folder_when_damaged_names_the_image() {
    let generator = generator(32, 8);
    let parent = tempfile::tempdir().unwrap();
    let folder = PathfinderWriter::new(&generator)
        .write(parent.path(), 3, &mut |_| true)
        .unwrap();
    let image = folder.join("imgs/0/sample_1.png");
    let whole = std::fs::read(&image).unwrap();
    let read = PathfinderFolder::open(&folder).unwrap();
    std::fs::write(&image, &whole[..whole.len() / 2]).unwrap();
    let error = read.images(0..3).unwrap_err().to_string();
    assert!(
        error.contains("sample_1.png") && error.contains("damaged"),
        "{error}"
    );
    std::fs::write(&image, b"").unwrap();
    assert_eq!(read.images(0..3).unwrap().len(), 2);
    std::fs::remove_file(&image).unwrap();
    assert!(matches!(
        read.images(0..3),
        Err(DataError::Unreadable { .. })
    ));
    assert!(matches!(
        read.images(2..9),
        Err(DataError::OutOfRange { .. })
    ));
    for (line, word) in [
        ("imgs/0 a.png 0 2", "label"),
        ("imgs/0 a.png", "columns"),
        ("imgs/.. a.png 0 1", "outside"),
        ("/etc passwd 0 1", "outside"),
    ] {
        let error = read_metadata(line, Path::new("0.npy"))
            .unwrap_err()
            .to_string();
        assert!(error.contains(word) && error.contains("line 1"), "{error}");
    }
}

#[test]
fn split_when_contiguous_has_the_published_sizes() {
    assert_eq!(
        contiguous_split(200_000),
        [0..160_000, 160_000..180_000, 180_000..200_000]
    );
    for count in 0..50 {
        let [train, validation, test] = contiguous_split(count);
        assert_eq!(
            (train.start, train.end, validation.end, test.end),
            (0, validation.start, test.start, count)
        );
    }
}

proptest! {
    #[test]
    fn metadata_when_damaged_never_panics_nor_leaves_the_folder(text in "[a-z0-9 ./\\\\:\n]{0,200}") {
        for (name, label) in read_metadata(&text, Path::new("x")).unwrap_or_default() {
            prop_assert!(label <= 1 && !name.split('/').any(|part| part == ".." || part.is_empty()));
        }
    }
}
