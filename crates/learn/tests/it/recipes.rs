//! Recipes: defaults, overrides, and every kind of mistake with its message.

use proptest::prelude::*;
use resolvent_learn::LearnError;
use resolvent_learn::recipe::{DataSource, Recipe, ScheduleKind};

fn refusal(text: &str) -> String {
    let error = Recipe::parse(text, "run.toml").unwrap_err();
    assert!(error.is_bad_input());
    error.to_string()
}

#[test]
fn recipe_when_empty_is_the_default_and_survives_a_round_trip() {
    let recipe = Recipe::parse("", "empty").unwrap();
    assert_eq!(recipe, Recipe::default());
    let text = recipe.to_toml().unwrap();
    let again = Recipe::parse(&text, "again").unwrap();
    assert_eq!(again.to_toml().unwrap(), text);
    assert!(text.contains("state_size = 128"), "{text}");
    assert!(text.contains("match = ["), "{text}");
}

#[test]
fn recipes_of_the_repository_when_read_are_valid() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let recipe = Recipe::parse(&text, &path.to_string_lossy()).unwrap();
        resolvent_learn::language::config_of(&recipe).unwrap();
        count += 1;
    }
    assert!(count >= 4);
}

#[test]
fn recipe_when_every_field_is_given_is_read() {
    let text = r#"
        [data]
        source = "path"
        path = "corpus"
        held_out = 0.1
        max_bytes = 1_000_000
        [model]
        mixer = "attention"
        hidden_size = 96
        num_hidden_layers = 2
        state_size = 16
        head_dim = 32
        expand = 1
        n_groups = 3
        conv_kernel = 3
        chunk_size = 16
        vocab_size = 300
        [train]
        batch = 2
        length = 64
        accumulate = 3
        steps = 50
        minutes = 2
        seed = 9
        clip = 0
        checkpoint_every = 10
        keep_checkpoints = 1
        evaluate_every = 0
        evaluate_bytes = 1024
        [optimiser]
        kind = "adamw"
        learning_rate = 1
        beta_1 = 0
        beta_2 = 0.999
        epsilon = 1e-6
        weight_decay = 0
        [[optimiser.groups]]
        match = ["bias"]
        weight_decay = 0.01
        rate_scale = 2
        [schedule]
        kind = "constant"
        warmup_fraction = 0
        warmup_steps = 4
        final_fraction = 1
    "#;
    let recipe = Recipe::parse(text, "full").unwrap();
    assert_eq!(recipe.data.source, DataSource::Path);
    assert_eq!(recipe.schedule.kind, ScheduleKind::Constant);
    assert_eq!(recipe.train.minutes, Some(2.0));
    assert_eq!(recipe.optimiser.groups[0].rate_scale, 2.0);
    let written = recipe.to_toml().unwrap();
    let again = Recipe::parse(&written, "again").unwrap();
    assert_eq!(again.to_toml().unwrap(), written);
}

#[test]
fn recipe_when_wrong_says_where_what_and_what_instead() {
    let cases = [
        (
            "[train]\nbatch = 8\nlenght = 4",
            "run.toml, line 3: unknown key `train.lenght`; did you mean `length`?",
        ),
        (
            "[modle]\n",
            "run.toml, line 1: unknown key `modle`; did you mean `model`?",
        ),
        (
            "[schedule]\nzzz = 1",
            "run.toml, line 2: unknown key `schedule.zzz`; known here: ",
        ),
        (
            "[[optimiser.groups]]\nmach = [\"D\"]",
            "run.toml, line 2: unknown key `optimiser.groups[0].mach`; did you mean `match`?",
        ),
        (
            "[train]\nbatch = \"8\"",
            "run.toml, line 2: `train.batch` is \"8\", but it must be a whole number, as in 8",
        ),
        (
            "[train]\nbatch = 2.5",
            "run.toml, line 2: `train.batch` is 2.5, but it must be a whole number",
        ),
        (
            "[model]\nmixer = 3",
            "`model.mixer` is 3, but it must be text in quotes",
        ),
        ("train = 3", "`train` is 3, but it must be a section"),
        (
            "[optimiser]\nlearning_rate = true",
            "`optimiser.learning_rate` is true, but it must be a number, as in 0.5",
        ),
        (
            "[train]\nbatch = 0",
            "`train.batch` is 0: it must be at least 1",
        ),
        (
            "[train]\nbatch = -4",
            "`train.batch` is -4: it must not be negative",
        ),
        (
            "[model]\nhidden_size = 0",
            "`model.hidden_size` is 0: for mamba2 it must be at least 1",
        ),
        (
            "[model]\nhidden_size = 100",
            "`model.head_dim` is 64: for mamba2 it must be a divisor of hidden_size * expand = 100 * 2 = 200; 50 would do",
        ),
        (
            "[model]\nn_groups = 5",
            "`model.n_groups` is 5: for mamba2 it must be a divisor of the number of heads, hidden_size * expand / head_dim = 24; 4 would do",
        ),
        (
            "[model]\nn_group = 5",
            "run.toml, line 2: unknown key `model.n_group`; did you mean `n_groups`?",
        ),
        (
            "[model]\nhidden_size = 4194304\nhead_dim = 1024",
            "`model.hidden_size` is 4194304: with num_hidden_layers",
        ),
        (
            "[model]\nvocab_size = 9223372036854775807",
            "`model.vocab_size` is 9223372036854775807: it must be at most",
        ),
        (
            "[model]\nvocab_size = 92233720368547758070",
            "run.toml, line 2",
        ),
        (
            "[train]\nbatch = 16777216",
            "one micro-batch would hold 4294967296 tokens",
        ),
        (
            "[train]\nminutes = 0",
            "`train.minutes` is 0: it must be a positive number of minutes",
        ),
        ("[train]\nminutes = nan", "`train.minutes` is NaN"),
        (
            "[data]\nsource = \"path\"",
            "`data.path` is missing: data.source = \"path\" needs the file or folder here",
        ),
        (
            "[data]\nsource = \"web\"",
            "`data.source` is \"web\": choose \"cargo-sources\" or \"path\"",
        ),
        (
            "[data]\nheld_out = 1.0",
            "`data.held_out` is 1: it must lie between 0 and 1",
        ),
        (
            "[schedule]\nkind = \"cosin\"",
            "`schedule.kind` is \"cosin\": choose \"cosine\" or \"constant\"",
        ),
        (
            "[schedule]\nwarmup_fraction = 1.5",
            "`schedule.warmup_fraction` is 1.5: it must lie between 0 and 1",
        ),
        (
            "[optimiser]\nbeta_2 = 1.0",
            "`optimiser.beta_2` is 1: it must be at least 0 and below 1",
        ),
        (
            "[optimiser]\nlearning_rate = -1.0",
            "`optimiser.learning_rate` is -1: it must be a finite number above 0",
        ),
        (
            "[optimiser]\ngroups = [{ match = [] }]",
            "`optimiser.groups[0].match` is []: name at least one parameter",
        ),
        (
            "[train\nbatch = 8",
            "run.toml, line 1: the recipe is not valid TOML",
        ),
        (
            "[train]\nbatch = 8\nbatch = 9",
            "run.toml, line 3: the recipe is not valid TOML: duplicate key",
        ),
    ];
    for (text, expected) in cases {
        let message = refusal(text);
        assert!(
            message.contains(expected),
            "{text}\n got: {message}\nwant: {expected}"
        );
    }
}

#[test]
fn overrides_when_given_replace_values_in_order() {
    let recipe = Recipe::default()
        .with_overrides(&[
            "train.batch=4",
            "train.batch = 6",
            "model.mixer=s4d",
            "data.path=some/folder with spaces",
            "data.source=\"path\"",
            "optimiser.groups=[{match=[\"bias\"], rate_scale=3}]",
            "optimiser.learning_rate=1",
            "train.steps=10",
        ])
        .unwrap();
    assert_eq!(recipe.train.batch, 6);
    assert_eq!(recipe.train.steps, Some(10));
    assert_eq!(recipe.model.mixer, "s4d");
    assert_eq!(recipe.data.path.as_deref(), Some("some/folder with spaces"));
    assert_eq!(recipe.optimiser.groups.len(), 1);
    assert_eq!(recipe.optimiser.learning_rate, 1.0);
}

#[test]
fn overrides_when_wrong_name_the_override() {
    let cases = [
        (
            "train.batch",
            "`train.batch` is not of the form section.key=value",
        ),
        ("=3", "`=3` is not of the form"),
        (
            "train.bacth=3",
            "--set train.bacth=3: unknown key `train.bacth`; did you mean `batch`?",
        ),
        (
            "train.batch=many",
            "--set train.batch=many: `train.batch` is \"many\", but it must be a whole number",
        ),
        ("train.batch=0", "`train.batch` is 0"),
        ("a.b.c=1\n[train]", "is not of the form"),
        ("train=3", "`train` is 3, but it must be a section"),
    ];
    for (text, expected) in cases {
        let error = Recipe::default().with_overrides(&[text]).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(expected), "{text}\n got: {message}");
    }
}

#[test]
fn settings_when_the_seed_is_too_large_for_toml_are_refused() {
    let mut recipe = Recipe::default();
    recipe.train.seed = u64::MAX;
    let error = recipe.validate().unwrap_err();
    assert!(matches!(error, LearnError::BadValue { .. }));
}

proptest! {
    #[test]
    fn text_when_arbitrary_never_panics(text in "(?s).{0,200}") {
        let _ = Recipe::parse(&text, "fuzz");
        let _ = Recipe::default().with_overrides(&[text]);
    }

    #[test]
    fn text_when_almost_a_recipe_never_panics(
        section in "data|model|train|optimiser|schedule|optimiser.groups|x",
        key in "[a-z_]{1,16}|batch|hidden_size|head_dim|expand|match|steps|kind",
        value in r#"-?[0-9]{1,25}|[0-9]\.[0-9]e[0-9]{1,3}|"[a-z]*"|\[\]|\[\["a"\]\]|\{\}|true|nan|1979-05-27"#,
    ) {
        if let Ok(recipe) = Recipe::parse(&format!("[{section}]\n{key} = {value}"), "fuzz") {
            let text = recipe.to_toml().unwrap();
            prop_assert_eq!(Recipe::parse(&text, "again").unwrap().to_toml().unwrap(), text);
        }
    }
}
