//! The experiment of `mamba`, at a size of seconds.

use burn::tensor::Device;
use resolvent_claims::Options;
use resolvent_claims::mamba::contest::{ATTENTION, Contest, MIXERS, SELECTIVE, TWIN, Trial};
use resolvent_claims::mamba::evaluation::{Accuracy, Test, accuracy};
use resolvent_claims::mamba::findings::findings;
use resolvent_claims::mamba::training::{Course, Lesson, Scored, Stage, train};
use resolvent_claims::report::Verdict;
use resolvent_data::tasks::{InductionHeads, SequenceTask};

/// Induction heads on short sequences with few tokens: learned in seconds.
fn lesson<'a>(task: &'a dyn SequenceTask, stages: &'a [Stage], device: &'a Device) -> Lesson<'a> {
    Lesson {
        task,
        scored: 1,
        stages,
        rehearsal: 4,
        steps: 150,
        rate: 1e-2,
        dynamics: 1.0,
        weight_decay: 0.0,
        smoothing: 0.0,
        seed: 5,
        device,
    }
}

#[test]
fn training_when_short_beats_chance_and_repeats_exactly() {
    let task = InductionHeads::new(4).unwrap();
    let stages = [Stage {
        length: 8,
        batch: 32,
        steps: 150,
    }];
    let mut config = Contest::induction_heads().model(SELECTIVE).unwrap();
    config.vocab_size = task.vocabulary();
    let device = Device::flex();
    let run = || train(&config, &lesson(&task, &stages, &device), "test", &mut ()).unwrap();
    let ((model, first), (_, second)) = (run(), run());
    assert!(first.accuracy > 60.0, "chance is 25 %: {first:?}");
    assert_eq!(first.steps, second.steps);
    assert_eq!(first.loss.to_bits(), second.loss.to_bits());
    let test = Test {
        task: &task,
        length: 8,
        scored: 1,
        sequences: 64,
    };
    let tested = accuracy(&model, &test, "test", &mut ()).unwrap();
    assert!(tested.percent > 60.0, "{tested:?}");
}

#[test]
fn accuracy_when_fed_in_pieces_equals_that_of_one_pass() {
    // Longer than a piece, so that the state is handed over twice.
    let length = 2500;
    let contest = Contest::selective_copying();
    for mixer in MIXERS {
        let model = contest
            .model(mixer)
            .unwrap()
            .init(3, &burn::tensor::Device::default())
            .unwrap();
        let test = Test {
            task: contest.task,
            length,
            scored: 16,
            sequences: 8,
        };
        let pieces = accuracy(&model, &test, "test", &mut ()).unwrap();
        let batch = contest.task.batch(0x7e57_5eed, 0, 8, length).unwrap();
        let whole = Scored::of(&model, &batch, 16).unwrap();
        let correct: Vec<f32> = whole.correct().float().try_into_vec_as().unwrap();
        let percent = 100.0 * f64::from(correct[0]) / 128.0;
        // Rounding may turn a close decision of an untrained model.
        assert!(
            (pieces.percent - percent).abs() <= 2.5,
            "{mixer}: {pieces:?} {percent}"
        );
    }
}

/// A trial with the given accuracies.
fn trial(mixer: &'static str, seed: u64, accuracy: &[(usize, f64)]) -> Trial {
    Trial {
        task: "made up",
        mixer,
        seed,
        parameters: 1,
        learning_rate: 1.0,
        training: Course::default(),
        accuracy: accuracy
            .iter()
            .map(|&(length, percent)| Accuracy {
                length,
                sequences: 8,
                percent,
            })
            .collect(),
    }
}

/// Verdicts for one accuracy of the selective model in copying, and one at 16,384 in induction.
fn verdicts(copying: f64, far: f64, quick: bool) -> Vec<Verdict> {
    let copied = [
        trial(SELECTIVE, 1, &[(256, copying)]),
        trial(TWIN, 1, &[(256, 30.0)]),
        trial(ATTENTION, 1, &[(256, 50.0)]),
    ];
    let recalled = [
        trial(SELECTIVE, 1, &[(256, 100.0), (16_384, far), (65_536, 10.0)]),
        trial(TWIN, 1, &[(256, 7.0), (16_384, 6.0)]),
        trial(ATTENTION, 1, &[(256, 100.0), (4096, 100.0 - far)]),
    ];
    let options = Options {
        quick,
        seeds: vec![1],
        ..Options::default()
    };
    let found = findings(&copied, &recalled, &options);
    found.into_iter().map(|finding| finding.verdict).collect()
}

#[test]
fn verdicts_when_figures_change_change_with_them() {
    use Verdict::{NotSupported, Supported};
    let all = |verdict: Verdict| vec![verdict; 4];
    assert_eq!(verdicts(99.0, 98.0, false), all(Supported));
    assert_eq!(verdicts(40.0, 20.0, false), all(NotSupported));
    let mixed = vec![NotSupported, Supported, NotSupported, NotSupported];
    assert_eq!(verdicts(90.0, 40.0, false), mixed);
    assert_eq!(verdicts(99.0, 98.0, true), all(Verdict::quick()));
}
