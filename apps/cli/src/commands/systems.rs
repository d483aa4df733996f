//! `resolvent systems`.

use std::fmt::Write;

use resolvent_claims::systems::{SYSTEMS, Status};

use super::{print_json, print_line};
use crate::args::Systems;
use crate::error::CliError;

/// Lists every system by home, with its true status.
pub fn run(options: &Systems) -> Result<(), CliError> {
    if options.json {
        return print_json(&SYSTEMS);
    }
    print_line(text().trim_end())
}

fn text() -> String {
    let width = SYSTEMS.iter().map(|it| it.slug.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut home = None;
    for system in SYSTEMS {
        if home != Some(system.home) {
            let gap = if home.is_some() { "\n" } else { "" };
            line(&mut text, format_args!("{gap}{}", system.home));
            home = Some(system.home);
        }
        let slug = system.slug;
        match system.status {
            Status::Absent => line(
                &mut text,
                format_args!("  {slug:<width$}  not yet  {}", system.title),
            ),
            Status::Works { what, command } => {
                line(
                    &mut text,
                    format_args!("  {slug:<width$}  works    {}", system.title),
                );
                line(&mut text, format_args!("  {:<width$}           {what}", ""));
                line(
                    &mut text,
                    format_args!("  {:<width$}           shown by `{command}`", ""),
                );
            }
        }
    }
    let published = || SYSTEMS.iter().filter(|it| !it.base);
    let works = |base: bool| {
        let of_kind = SYSTEMS.iter().filter(move |it| it.base == base);
        of_kind.filter(|it| it.status != Status::Absent).count()
    };
    let bases = SYSTEMS.len() - published().count();
    line(
        &mut text,
        format_args!(
            "\n{} published systems, of which {} work; {bases} bases, of which {} work",
            published().count(),
            works(false),
            works(true)
        ),
    );
    text
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("writing to a String cannot fail");
}
