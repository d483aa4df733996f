//! `classify`: a run from file to predictions, resumption, and input that cannot work.

use crate::world::{Done, World, metrics};

const TINY: &[&str] = &[
    "model.hidden_size=8",
    "model.layers=1",
    "model.d_state=4",
    "train.batch=4",
    "train.evaluate_every=4",
    "train.checkpoint_every=4",
];

/// Cases of two channels and unequal length, two classes in turn, some values missing.
fn cases(count: usize, classes: &[&str]) -> String {
    let mut text = String::from(
        "# made for a test\n@problemname Tiny\n@TIMESTAMPS false\n@univariate FALSE\n@dimensions 2\n@equallength false\n@classlabel TRUE ",
    );
    text.push_str(&format!("{}\n@DATA\n", classes.join(" ")));
    for case in 0..count {
        let class = case % classes.len();
        let channel = |offset: usize| -> String {
            let values: Vec<String> = (0..5 + case % 4)
                .map(|at| match (at, case % 3) {
                    (2, 0) => "?".to_owned(),
                    _ => format!("{:.3}", ((at + offset) as f64 * (0.4 + class as f64)).sin()),
                })
                .collect();
            values.join(",")
        };
        text.push_str(&format!(
            "{}:{}:{}\n",
            channel(case),
            channel(case + 3),
            classes[class]
        ));
    }
    text
}

fn train(world: &World, arguments: &[&str]) -> Done {
    let mut all = vec!["classify", "train"];
    all.extend(arguments);
    for field in TINY {
        all.extend(["--set", field]);
    }
    world.run(&all)
}

#[test]
fn run_when_finished_predicts_the_same_again() {
    let world = World::new();
    world.write("a.ts", cases(30, &["x", "y"]));
    world.write("b.ts", cases(12, &["y", "x"]));
    let done = train(
        &world,
        &[
            "--data", "a.ts", "--test", "b.ts", "--out", "run", "--steps", "6", "--json",
        ],
    );
    assert_eq!(done.code, Some(0), "{done:?}");
    let results: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let accuracy = results["results"]["test"]["accuracy"].as_f64().unwrap();
    for file in [
        "config.json",
        "model.safetensors",
        "report.html",
        "predictions.csv",
        "confusion.svg",
        "confusion.png",
    ] {
        assert!(world.path("run").join(file).is_file(), "{file}");
    }
    let arguments = [
        "classify", "predict", "--model", "run", "--data", "b.ts", "--out", "p.csv", "--json",
    ];
    let done = world.run(&arguments);
    assert_eq!(done.code, Some(0), "{done:?}");
    let again: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(again["scores"]["accuracy"].as_f64().unwrap(), accuracy);
    let read = |name: &str| std::fs::read_to_string(world.path(name)).unwrap();
    assert_eq!(read("p.csv"), read("run/predictions.csv"));
    assert_eq!(read("p.csv").lines().count(), 13);
    // Without labels there are predictions and no scores.
    let bare = cases(4, &["x", "y"]).replace("@classlabel TRUE x y", "@classlabel false");
    world.write("c.ts", bare.replace(":x\n", "\n").replace(":y\n", "\n"));
    let arguments = [
        "classify", "predict", "--model", "run", "--data", "c.ts", "--out", "q.csv",
    ];
    let done = world.run(&arguments);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(read("q.csv").starts_with("case,predicted,p(x),p(y)\n1,"));
}

#[test]
fn run_when_resumed_equals_the_uninterrupted_one() {
    let world = World::new();
    world.write("a.ts", cases(30, &["x", "y"]));
    let base = ["--data", "a.ts", "--steps", "12", "--out"];
    for out in ["one", "two"] {
        let done = train(&world, &[&base[..], &[out]].concat());
        assert_eq!(done.code, Some(0), "{done:?}");
    }
    // As if the process had been killed behind step 8: that checkpoint is the newest.
    std::fs::remove_dir_all(world.path("two/checkpoints/step-00000012")).unwrap();
    std::fs::remove_file(world.path("two/model.safetensors")).unwrap();
    let done = world.run(&["classify", "train", "--resume", "--out", "two"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.err.contains("predict:"), "{done:?}");
    assert_eq!(metrics(&world.path("one")), metrics(&world.path("two")));
    let model = |run: &str| std::fs::read(world.path(run).join("model.safetensors")).unwrap();
    assert!(model("one") == model("two"));
}

#[test]
fn input_when_odd_gives_a_right_result() {
    let world = World::new();
    let rows = |line: fn(usize) -> String| (0..24).map(line).collect::<String>();
    world.write(
        "table.csv",
        format!(
            "label,a,b,c\n{}",
            rows(|it| format!("{},{it},1,\n", ["u", "v"][it % 2]))
        ),
    );
    world.write("single.csv", rows(|it| format!("{it},{}\n", it % 2)));
    world.write("constant.csv", rows(|it| format!("5,5,5,{}\n", it % 2)));
    world.write("gaps.csv", rows(|it| format!("?,{it},?,{}\n", it % 2)));
    for (file, label) in [
        ("table.csv", Some("label")),
        ("table.csv", Some("1")),
        ("single.csv", None),
        ("constant.csv", None),
        ("gaps.csv", None),
    ] {
        let out = format!("out-{file}-{}", label.unwrap_or("last"));
        let mut arguments = vec!["--data", file, "--steps", "2", "--out", &out];
        arguments.extend(label.iter().flat_map(|it| ["--label", it]));
        let done = train(&world, &arguments);
        assert_eq!(done.code, Some(0), "{file}: {done:?}");
        let results = std::fs::read_to_string(world.path(&out).join("results.json")).unwrap();
        assert!(!results.contains("null"), "{results}");
    }
    let done = train(
        &world,
        &[
            "--data",
            "single.csv",
            "--steps",
            "2",
            "--out",
            "both",
            "--bidirectional",
        ],
    );
    assert_eq!(done.code, Some(0), "{done:?}");
}

#[test]
fn input_when_impossible_is_one_paragraph_and_no_folder() {
    let world = World::new();
    world.write("a.ts", cases(30, &["x", "y"]));
    world.write("z.ts", cases(9, &["x", "y", "z"]));
    world.write("one.ts", cases(30, &["x"]));
    world.write("empty.ts", "");
    world.write("head.ts", "@problemName t\n@classLabel true a b\n@data\n");
    world.write("ragged.ts", cases(3, &["x", "y"]) + "1,2,3:1,2:x\n");
    world.write("inf.ts", cases(3, &["x", "y"]) + "1,inf,3:1,2,3:x\n");
    world.write(
        "none.ts",
        "@problemName t\n@classLabel false\n@data\n1,2,3\n4,5,6\n",
    );
    world.write(
        "three.ts",
        "@problemName t\n@dimensions 3\n@classLabel true x y\n@data\n1,2:1,2:1,2:x\n",
    );
    world.write(
        "own.csv",
        (0..20).map(|it| format!("1,2,{it}\n")).collect::<String>(),
    );
    world.write("word.csv", "1,2,a\n1,two,b\n");
    world.write("word.tsv", "1\t2\ta\n1\ttwo\tb\n");
    world.write("bad.idx", [0, 0, 8, 3, 0]);
    let cases: &[(&[&str], &[&str])] = &[
        (
            &["--data", "one.ts"],
            &["one class", "\"x\"", "at least two"],
        ),
        (
            &["--data", "a.ts", "--test", "z.ts"],
            &["\"z\"", "case 3", "\"x\", \"y\""],
        ),
        (
            &["--data", "a.ts", "--test", "three.ts"],
            &["3 channels", "have 2"],
        ),
        (&["--data", "a.ts", "--test", "none.ts"], &["none.ts"]),
        (&["--data", "empty.ts"], &["empty.ts", "empty"]),
        (&["--data", "head.ts"], &["head.ts", "no case"]),
        (
            &["--data", "ragged.ts"],
            &["ragged.ts", "channel 2 of case 4", "one length"],
        ),
        (&["--data", "inf.ts"], &["inf.ts", "infinite"]),
        (&["--data", "none.ts"], &["none.ts", "label"]),
        (
            &["--data", "own.csv"],
            &["20 classes for 20 cases", "label column"],
        ),
        (
            &["--data", "word.csv"],
            &["word.csv", "line 2", "column 2", "two"],
        ),
        (
            &["--data", "word.tsv"],
            &["word.tsv", "line 2", "column 2", "two"],
        ),
        (&["--data", "bad.idx"], &["bad.idx", "--label"]),
        (&["--data", "absent.ts"], &["absent.ts", "no such file"]),
        (
            &["--data", "japanese-vowel"],
            &["japanese-vowel", "japanese-vowels"],
        ),
        (&["--data", "text"], &["folder"]),
        (&["--data", "a.ts", "--mixer", "mamba9"], &["mamba9", "s4d"]),
        (
            &["--data", "a.ts", "--set", "train.accumulate=0"],
            &["train.accumulate", "0"],
        ),
        (
            &["--data", "a.ts", "--minutes", "0"],
            &["train.minutes", "0"],
        ),
        (
            &["--data", "listops", "--samples", "0"],
            &["--samples", "0"],
        ),
        (
            &["--data", "listops", "--samples", "18446744073709551615"],
            &["--samples", "1000000"],
        ),
    ];
    for (arguments, words) in cases {
        train(&world, &[arguments, &["--out", "out"][..]].concat()).fails(2, words);
        assert!(!world.path("out").exists(), "{arguments:?} left a folder");
    }
    let mut both = vec![
        "classify",
        "train",
        "--data",
        "a.ts",
        "--out",
        "out",
        "--bidirectional",
    ];
    both.extend(["--mixer", "mamba2"]);
    world
        .run(&both)
        .fails(2, &["model.bidirectional", "mamba2", "s4, s4d, s5"]);
    assert!(!world.path("out").exists());
}

#[test]
fn model_when_of_another_kind_is_named() {
    let world = World::new();
    world.write("a.ts", cases(30, &["x", "y"]));
    world.write(
        "three.ts",
        "@problemName t\n@dimensions 3\n@classLabel true x y\n@data\n1,2:1,2:1,2:x\n",
    );
    world.write("z.ts", cases(9, &["x", "y", "z"]));
    let done = train(&world, &["--data", "a.ts", "--out", "run", "--steps", "1"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    train(&world, &["--data", "a.ts", "--out", "run", "--steps", "1"])
        .fails(2, &["already holds a run"]);
    let predict = |model: &str, data: &str| {
        world.run(&[
            "classify", "predict", "--model", model, "--data", data, "--out", "p.csv",
        ])
    };
    predict("run", "three.ts").fails(2, &["3 channels", "2 channels"]);
    predict("run", "z.ts").fails(2, &["\"z\""]);
    predict("absent", "a.ts").fails(2, &["absent"]);
    let done = world.quickstart(&["--steps", "2", "--out", "language"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    predict("language", "a.ts").fails(2, &["another kind of model"]);
    assert!(!world.path("p.csv").exists());
}
