//! `lehr check`.

use crate::cli::args::{CheckArgs, CheckFormat};
use crate::cli::output::{self, Outcome};
use crate::cli::run_command::{limits_of, report, source_of};
use crate::scene::{self, Format, Report};

/// Checks scenes.
pub(super) fn check(args: &CheckArgs) -> Outcome {
    let mut refused = false;
    for path in &args.scenes {
        let source = match source_of(path) {
            Ok(source) => source,
            Err(error) => return report(&error, args.format == CheckFormat::Json),
        };
        match scene::load(&source, &args.changes.overrides, limits_of(&args.changes)) {
            Ok(checked) => {
                show(&checked.warnings, args.format);
                let n_warnings = checked.warnings.counts().1;
                refused |= args.deny_warnings && n_warnings > 0;
                if args.format == CheckFormat::Human {
                    for note in &checked.notes {
                        eprintln!("note: {note}");
                    }
                    let verdict = match n_warnings {
                        0 => "good".to_owned(),
                        1 => "1 warning".to_owned(),
                        n => format!("{n} warnings"),
                    };
                    let scene = &checked.scene;
                    eprintln!(
                        "{}: {verdict}: {}, {} for {} steps, about {} of memory",
                        path.display(),
                        checked.preflight,
                        scene.model.method_name(),
                        scene.steps,
                        output::bytes(checked.preflight.bytes)
                    );
                }
            }
            Err(complaints) => {
                refused = true;
                show(&complaints, args.format);
            }
        }
    }
    if refused { Outcome::Usage } else { Outcome::Done }
}

/// Complaints are what `check` is asked for; those for programs go to standard output.
fn show(report: &Report, format: CheckFormat) {
    match format {
        CheckFormat::Human => eprint!("{}", report.render(Format::Human { colour: output::stderr_has_colour() })),
        CheckFormat::Short => output::data(&report.render(Format::Short)),
        CheckFormat::Json => output::data(&report.render(Format::Json)),
    }
}
