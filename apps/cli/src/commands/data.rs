//! `resolvent data`.

use std::path::PathBuf;

use resolvent_data::packages::{Content, DATA_SETS, DataSet, FetchEvent, cache_folder, fetch};
use serde_json::{Value, json};

use super::{print_json, print_line};
use crate::args::{Data, DataAction, DataFetch, DataList, DataShow};
use crate::console::{Bar, Console, Unit};
use crate::error::CliError;
use crate::stop::Stop;
use crate::table::grouped;

/// Lists, shows or fetches data sets.
pub fn run(options: &Data, console: &Console, stop: &Stop) -> Result<(), CliError> {
    match &options.action {
        DataAction::List(options) => list(options),
        DataAction::Show(options) => show(options),
        DataAction::Fetch(options) => fetch_one(options, console, stop),
    }
}

fn cache(chosen: Option<&PathBuf>) -> Result<PathBuf, CliError> {
    match chosen {
        Some(folder) => Ok(folder.clone()),
        None => Ok(cache_folder()?),
    }
}

fn list(options: &DataList) -> Result<(), CliError> {
    let cache = cache(options.cache.as_ref())?;
    if options.json {
        let all: Vec<Value> = DATA_SETS.iter().map(|it| document(it, &cache)).collect();
        return print_json(&all);
    }
    let width = DATA_SETS.iter().map(|it| it.id.len()).max().unwrap_or(0);
    let line = |it: &DataSet| {
        let here = if it.is_cached(&cache) { "here" } else { "    " };
        let (id, megabytes) = (it.id, it.bytes() as f64 / 1e6);
        format!(
            "{here}  {id:<width$}  {megabytes:>6.1} MB  {:<5}  {}",
            it.client.name(),
            it.about
        )
    };
    let lines: Vec<String> = DATA_SETS.iter().map(line).collect();
    print_line(&lines.join("\n"))
}

fn show(options: &DataShow) -> Result<(), CliError> {
    let cache = cache(options.cache.as_ref())?;
    let data_set = DataSet::find(&options.id)?;
    // What is there is checked; what is not there is no error.
    let files = match data_set.is_cached(&cache) {
        true => Some(data_set.verify(&cache)?),
        false => None,
    };
    if options.json {
        return print_json(&document(data_set, &cache));
    }
    let place = match &files {
        Some(files) => format!(
            "{} ({} files, hashes checked)",
            data_set.folder(&cache).display(),
            grouped(files.len() as u64)
        ),
        None => format!("not fetched; run `resolvent data fetch {}`", data_set.id),
    };
    let mut rows = vec![
        ("content", data_set.about.to_owned()),
        ("licence", data_set.licence.to_owned()),
        ("cite", data_set.citation.to_owned()),
        ("package", package(data_set)),
        ("folder", place),
    ];
    match data_set.content {
        Content::Files(files) => rows.extend(files.iter().map(|it| {
            (
                "file",
                format!(
                    "{}, {} bytes, SHA-256 {}",
                    it.name(),
                    grouped(it.bytes),
                    it.sha256
                ),
            )
        })),
        Content::Folder(it) => {
            let (files, bytes) = (grouped(it.files as u64), grouped(it.bytes));
            rows.push((
                "files",
                format!(
                    "{files} of {bytes} bytes, SHA-256 of their list {}",
                    it.sha256
                ),
            ));
        }
    }
    let lines: Vec<String> = rows
        .iter()
        .map(|(name, text)| format!("{name:<8} {text}"))
        .collect();
    print_line(&lines.join("\n"))
}

fn fetch_one(options: &DataFetch, console: &Console, stop: &Stop) -> Result<(), CliError> {
    let cache = cache(options.cache.as_ref())?;
    let data_set = DataSet::find(&options.id)?;
    stop.ask("stopping; Ctrl-C again ends at once");
    let mut bars = Bars {
        console,
        shown: None,
        is_unpacking: false,
    };
    let folder = fetch(data_set, &cache, &mut |event| {
        bars.show(event);
        !stop.flag().load(std::sync::atomic::Ordering::Relaxed)
    })?;
    drop(bars);
    console.say(&format!("licence: {}", data_set.licence));
    console.say(&format!("cite: {}", data_set.citation));
    if options.json {
        return print_json(&document(data_set, &cache));
    }
    print_line(&folder.display().to_string())
}

/// The bar of whatever goes on at the moment.
struct Bars<'a> {
    console: &'a Console,
    shown: Option<Bar>,
    is_unpacking: bool,
}

impl Bars<'_> {
    fn show(&mut self, event: FetchEvent<'_>) {
        match event {
            FetchEvent::Running(command) => {
                if self.shown.is_none() {
                    self.shown = Some(self.console.bar(command, 0, Unit::Bytes));
                }
            }
            FetchEvent::Unpacked(done, all) => {
                if !self.is_unpacking {
                    // The old bar goes first, so that only one is drawn.
                    self.shown = None;
                    self.shown = Some(self.console.bar("unpacking and checking", all, Unit::Bytes));
                    self.is_unpacking = true;
                }
                if let Some(bar) = &mut self.shown {
                    bar.set(done, "");
                }
            }
        }
    }
}

fn package(data_set: &DataSet) -> String {
    format!(
        "{} {} ({})",
        data_set.package,
        data_set.version,
        data_set.client.name()
    )
}

fn document(data_set: &DataSet, cache: &std::path::Path) -> Value {
    let files = match data_set.content {
        Content::Files(files) => files
            .iter()
            .map(|it| json!({"name": it.name(), "bytes": it.bytes, "sha256": it.sha256}))
            .collect(),
        Content::Folder(it) => {
            vec![
                json!({"folder": it.prefix, "files": it.files, "bytes": it.bytes, "sha256": it.sha256}),
            ]
        }
    };
    let is_cached = data_set.is_cached(cache);
    json!({
        "id": data_set.id,
        "about": data_set.about,
        "licence": data_set.licence,
        "citation": data_set.citation,
        "client": data_set.client.name(),
        "package": data_set.package,
        "version": data_set.version,
        "bytes": data_set.bytes(),
        "files": files,
        "cached": is_cached,
        "folder": is_cached.then(|| data_set.folder(cache)),
    })
}
