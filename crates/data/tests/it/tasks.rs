//! The synthetic tasks say what their sheets say.

use proptest::prelude::*;
use resolvent_data::tasks::{
    InductionHeads, NO_LOSS, SelectiveCopying, SequenceTask, TASKS, TaskBatch,
};

fn check_form(task: &dyn SequenceTask, made: &TaskBatch, batch: usize, length: usize) {
    assert_eq!((made.batch, made.length), (batch, length));
    assert_eq!(made.tokens.len(), batch * length);
    assert_eq!(made.targets.len(), batch * length);
    assert_eq!(made.vocabulary, task.vocabulary());
    let vocabulary = made.vocabulary as i64;
    assert!(
        made.tokens
            .iter()
            .all(|&token| i64::from(token) < vocabulary)
    );
    assert!(
        made.targets
            .iter()
            .all(|target| (NO_LOSS..vocabulary).contains(target))
    );
}

proptest! {
    #[test]
    fn batch_when_any_task_and_size_is_well_formed_and_pure(
        which in 0..TASKS.len(), seed: u64, index: u64, batch in 1usize..4, extra in 0usize..100
    ) {
        let task = TASKS[which];
        let length = task.shortest() + extra;
        let made = task.batch(seed, index, batch, length).unwrap();
        check_form(task, &made, batch, length);
        prop_assert_eq!(&task.batch(seed, index, batch, length).unwrap(), &made);
        prop_assert!(made.targets.iter().any(|target| *target != NO_LOSS));
    }

    #[test]
    fn selective_copying_when_any_size_asks_for_the_data_in_order(
        memorise in 1usize..20, vocabulary in 4usize..40, extra in 0usize..200, seed: u64
    ) {
        let task = SelectiveCopying::new(memorise, vocabulary).unwrap();
        let made = task.batch(seed, 0, 2, 2 * memorise + extra).unwrap();
        for (tokens, targets) in made.rows() {
            let (context, recall) = tokens.split_at(tokens.len() - memorise);
            let data: Vec<i64> = context.iter().filter(|t| **t != 0).map(|t| i64::from(*t)).collect();
            prop_assert!(!context.contains(&task.marker()));
            prop_assert!(recall.iter().all(|token| *token == task.marker()));
            prop_assert_eq!(&targets[context.len()..], &data[..]);
            prop_assert!(targets[..context.len()].iter().all(|target| *target == NO_LOSS));
        }
    }

    #[test]
    fn induction_heads_when_any_size_asks_for_what_followed_the_first(
        ordinary in 2usize..40, length in 3usize..300, seed: u64
    ) {
        let task = InductionHeads::new(ordinary).unwrap();
        let made = task.batch(seed, 0, 3, length).unwrap();
        for (tokens, targets) in made.rows() {
            let special: Vec<usize> =
                (0..length).filter(|&i| tokens[i] == task.special()).collect();
            prop_assert_eq!(special.len(), 2);
            prop_assert_eq!(special[1], length - 1);
            prop_assert_eq!(targets[length - 1], i64::from(tokens[special[0] + 1]));
            prop_assert!(targets[..length - 1].iter().all(|target| *target == NO_LOSS));
        }
    }
}

#[test]
fn published_when_asked_has_the_sheets_sizes() {
    let copying = SelectiveCopying::PUBLISHED;
    assert_eq!((copying.memorise(), copying.vocabulary()), (16, 16));
    assert_eq!(InductionHeads::PUBLISHED.vocabulary(), 17);
    let made = InductionHeads::PUBLISHED.batch(0, 0, 1, 65_536).unwrap();
    assert_eq!(made.tokens.len(), 65_536);
}

#[test]
fn selective_copying_when_drawn_often_uses_every_place_and_value() {
    let task = SelectiveCopying::PUBLISHED;
    let made = task.batch(0, 0, 400, 64).unwrap();
    let mut places = [false; 48];
    let mut values = [false; 16];
    for (tokens, _) in made.rows() {
        for (place, &token) in tokens[..48].iter().enumerate() {
            places[place] |= token != 0;
            values[token as usize] = true;
        }
    }
    assert!(places.iter().all(|used| *used));
    assert!(values[..15].iter().all(|used| *used) && !values[15]);
}

#[test]
fn batch_when_sizes_are_impossible_names_them() {
    for task in TASKS {
        let short = task.shortest() - 1;
        let error = task.batch(0, 0, 1, short).unwrap_err().to_string();
        assert!(
            error.contains(&short.to_string()) && error.contains(task.name()),
            "{error}"
        );
        assert!(task.batch(0, 0, 0, 64).is_err());
        assert!(task.batch(0, 0, usize::MAX, 64).is_err());
        assert!(task.batch(0, 0, 1 << 20, 1 << 20).is_err());
    }
    assert!(SelectiveCopying::new(0, 16).is_err());
    assert!(SelectiveCopying::new(1, 3).is_err());
    assert!(
        SelectiveCopying::new(usize::MAX, 16)
            .unwrap()
            .batch(0, 0, 1, 64)
            .is_err()
    );
    assert!(InductionHeads::new(1).is_err());
}
