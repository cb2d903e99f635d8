//! What can be typed: commands, options and their help.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "lehr",
    version,
    about = "Simulates neural networks that learn by thermodynamics",
    long_about = "Simulates neural networks that learn by thermodynamics.\n\n\
        A scene (RON) describes the network, what acts on it and for how long. `lehr run` takes it through its steps, \
        headless; everything it finds goes into a run directory, from which a run can be continued, checked and compared.\n\n\
        Networks that learn: scenes/digits_anneal.ron by heat, digits_gradient.ron by gradient, anneal_then_refine.ron by both, \
        digits_noise_aware_4bit.ron under hardware, delayed_xor.ron through time, digits_rewire.ron with a wiring that moves, xor_grows_neurons.ron with neurons that are born and die. Populations, projections, data (CSV, NPY, NPZ, \
        IDX) and the systems AnnealWeights, AnnealStructure (with `neurons` for births and deaths of hidden neurons, `free_energy` for F itself), \
        TrainGradient and Evaluate are described in scenes/README.md; `lehr check` names \
        whatever does not exist, with the nearest name that does, and `lehr info` shows what a run of one holds.",
    after_help = EXIT_CODES,
    arg_required_else_help = true,
    subcommand_required = true
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    the result says no: files differ, a replay does not reproduce its run
  2    the command line or the scene is wrong, nothing ran
  3    a run failed
  4    files cannot be read or written, or a checkpoint is damaged
  101  a bug in lehr
  130  interrupted (Ctrl-C), after a checkpoint was written";

/// A command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a scene, or goes on with a run
    #[command(after_help = RUN_EXAMPLES)]
    Run(RunArgs),
    /// Checks scenes without running them
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Shows what a run directory or a checkpoint holds
    #[command(after_help = INFO_EXAMPLES)]
    Info(InfoArgs),
    /// Runs a finished run again and compares every recorded step, bit for bit
    #[command(after_help = VERIFY_EXAMPLES)]
    Verify(VerifyArgs),
    /// Names the first difference between two runs or two checkpoints
    #[command(after_help = DIFF_EXAMPLES)]
    Diff(DiffArgs),
    /// Prints a script that lets your shell complete lehr's commands
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// Your shell.
        shell: Shell,
    },
    /// Prints the manual page, or writes one for each command
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// Write lehr.1, lehr-run.1, ... into this folder instead of printing lehr.1.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

const RUN_EXAMPLES: &str = "\
Examples:
  lehr run scenes/maxcut.ron                        anneal the scene; results in runs/maxcut-1
  lehr run scenes/maxcut.ron --set path=G22.txt     the same with another graph
  lehr run scenes/ising_2d.ron --seed 7 --out runs/seven
  lehr run scenes/ising_2d.ron --resume             go on after Ctrl-C, a crash or a reboot
  lehr run runs/seven --resume --steps 20000        make a finished run longer
  lehr run scenes/maxcut.ron --reps 20 --jobs 4     20 seeds, 4 at a time, one row each in runs.csv
  lehr run scenes/digits_gradient.ron               train a network on assets/digits.csv; test_accuracy at the end
  lehr run scenes/digits_anneal.ron --reps 5        the same by heat, with five seeds
  lehr run scenes/maxcut.ron --json | jq .energy    one JSON object a line";

const CHECK_EXAMPLES: &str = "\
Examples:
  lehr check scenes/*.ron
  lehr check scenes/maxcut.ron --set path=G22.txt
  lehr check --format short mine.ron                file:line:column, for editors
  cat mine.ron | lehr check -";

const INFO_EXAMPLES: &str = "\
Examples:
  lehr info scenes/digits_gradient.ron
  lehr info runs/maxcut-1
  lehr info runs/maxcut-1/checkpoint.bin
  lehr info --json runs/maxcut-1 | jq .metrics";

const VERIFY_EXAMPLES: &str = "\
Examples:
  lehr verify runs/maxcut-1                         replay the whole run with one thread
  lehr verify runs/maxcut-1 --threads 8             any number of threads gives the same bits
  lehr verify runs/maxcut-1 --from 5000 --to 6000   from the nearest kept state before step 5000";

const DIFF_EXAMPLES: &str = "\
Examples:
  lehr diff runs/a runs/b                           the first step, column and neuron that differ
  lehr diff runs/a/checkpoint.bin runs/b/checkpoint.bin";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  lehr completions bash > ~/.local/share/bash-completion/completions/lehr
  lehr completions zsh > \"${fpath[1]}/_lehr\"
  lehr completions fish > ~/.config/fish/completions/lehr.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  lehr man | man -l -
  lehr man --out ~/.local/share/man/man1";

/// A scene and what is changed in it.
#[derive(Clone, Debug, Args)]
pub struct SceneArgs {
    /// Changes a value of the scene before it is checked; may be given several times.
    ///
    /// PATH names fields and list positions, such as `steps`, `systems[0].sweeps` or
    /// `populations.spins.count`; its beginning may be left out where the rest is clear. Paths of
    /// files in RON are relative to the folder in which the command runs.
    #[arg(long = "set", value_name = "PATH=RON")]
    pub overrides: Vec<String>,

    /// Refuses scenes that need more memory [default: half of what is available].
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub memory_limit: Option<u64>,
}

/// `lehr run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// A scene file, `-` for standard input, or the directory of a run (with --resume).
    pub scene: PathBuf,

    /// What is changed in the scene.
    #[command(flatten)]
    pub changes: SceneArgs,

    /// Seed of the run [default: the scene's].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Steps to take [default: the scene's]; what cools or decays keeps the scene's length, which --set steps=N changes.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub steps: Option<u64>,

    /// Threads; results do not depend on it [default: what this process may use].
    #[arg(long, value_name = "N", value_parser = parse_threads)]
    pub threads: Option<usize>,

    /// Directory of the run [default: runs/SCENE-SEED, numbered if it is taken].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Goes on where the run's newest checkpoint stands.
    #[arg(long, conflicts_with = "force")]
    pub resume: bool,

    /// Replaces the run that is in --out.
    #[arg(long)]
    pub force: bool,

    /// Writes a checkpoint every N steps [default: the scene's, or every 30 seconds].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub checkpoint_every: Option<u64>,

    /// Keeps the state of every N-th step in snapshots/.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub snapshot_every: Option<u64>,

    /// Runs the scene N times, with seeds derived from the run's seed, one row each in runs.csv.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000), conflicts_with = "snapshot_every")]
    pub reps: Option<u64>,

    /// Runs of --reps at the same time [default: as many as there are threads].
    #[arg(long, value_name = "N", requires = "reps", value_parser = parse_threads)]
    pub jobs: Option<usize>,

    /// Prints one JSON object a line: start, step, run, error, end.
    #[arg(long)]
    pub json: bool,

    /// Prints errors and the directory of the run only.
    #[arg(short, long, conflicts_with_all = ["json", "verbose"])]
    pub quiet: bool,

    /// Prints every recorded step.
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub verbose: bool,
}

/// `lehr check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Scene files, `-` for standard input.
    #[arg(required = true)]
    pub scenes: Vec<PathBuf>,

    /// What is changed in the scenes.
    #[command(flatten)]
    pub changes: SceneArgs,

    /// How complaints are shown.
    #[arg(long, value_enum, default_value_t = CheckFormat::Human)]
    pub format: CheckFormat,

    /// Treats warnings as errors.
    #[arg(long)]
    pub deny_warnings: bool,
}

/// How complaints about a scene are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CheckFormat {
    /// With the lines of the scene.
    Human,
    /// `file:line:column: error[code]: message`.
    Short,
    /// One JSON object a line.
    Json,
}

/// `lehr info`.
#[derive(Debug, Args)]
pub struct InfoArgs {
    /// A scene (.ron), a run directory or a checkpoint.
    pub path: PathBuf,

    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `lehr verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The run directory.
    pub dir: PathBuf,

    /// First step that is compared.
    #[arg(long, value_name = "STEP")]
    pub from: Option<u64>,

    /// Last step that is compared [default: the run's last].
    #[arg(long, value_name = "STEP")]
    pub to: Option<u64>,

    /// Threads of the replay.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = parse_threads)]
    pub threads: usize,

    /// Refuses scenes that need more memory [default: half of what is available].
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes)]
    pub memory_limit: Option<u64>,

    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// `lehr diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// A run directory or a checkpoint.
    pub a: PathBuf,

    /// Another one of the same sort.
    pub b: PathBuf,

    /// Prints one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Most threads or jobs; a slip of the hand should not start a million.
const MAX_THREADS: usize = 4096;

fn parse_threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(n) if (1..=MAX_THREADS).contains(&n) => Ok(n),
        _ => Err(format!("expected a number from 1 to {MAX_THREADS}")),
    }
}

/// Reads a size such as `4096`, `512MiB` or `4G` (powers of 1024).
fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text[digits.len()..].to_ascii_lowercase();
    let shift = match unit.trim_end_matches('b').trim_end_matches('i') {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return Err("expected a size such as 512MiB or 4GiB".to_owned()),
    };
    let number: u64 = digits.trim().parse().map_err(|_| "expected a size such as 512MiB or 4GiB".to_owned())?;
    number.checked_mul(1 << shift).ok_or_else(|| "larger than any memory".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_example_of_the_help_can_be_typed() {
        let examples = [RUN_EXAMPLES, CHECK_EXAMPLES, INFO_EXAMPLES, VERIFY_EXAMPLES, DIFF_EXAMPLES, COMPLETIONS_EXAMPLES, MAN_EXAMPLES];
        let mut n_examples = 0;
        for line in examples.iter().flat_map(|text| text.lines().skip(1)) {
            let command = line.split("lehr ").nth(1).unwrap_or_else(|| panic!("no command in {line:?}"));
            let command = command.split(" | ").next().and_then(|c| c.split(" > ").next()).unwrap_or("");
            // What a command does stands two blanks behind it.
            let words = command.split("  ").next().unwrap_or("").split_whitespace();
            let typed = Cli::try_parse_from(std::iter::once("lehr").chain(words));
            assert!(typed.is_ok(), "{line}: {}", typed.err().map_or_else(String::new, |e| e.to_string()));
            n_examples += 1;
        }
        assert!(n_examples > 20, "{n_examples} examples");
    }

    #[test]
    fn the_paths_that_the_help_of_set_names_lead_somewhere() {
        use crate::scene::{Code, Limits, SceneSource, load};
        let command = Cli::command();
        let run = command.find_subcommand("run").unwrap();
        let help = run.get_arguments().find(|a| a.get_id() == "overrides").unwrap().get_long_help().unwrap().to_string();
        let paths: Vec<&str> = help.split('`').skip(1).step_by(2).collect();
        assert_eq!(paths.len(), 3, "{help}");
        let scene = SceneSource::File(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("scenes/maxcut.ron"));
        for path in paths {
            let complaints = match load(&scene, &[format!("{path}=9")], Limits::DEFAULT) {
                Ok(checked) => checked.warnings.complaints,
                Err(report) => report.complaints,
            };
            let leads = |code: Code| !matches!(code, Code::UnknownPath | Code::AmbiguousPath | Code::BadOverride);
            assert!(complaints.iter().all(|c| leads(c.code)), "{path}: {complaints:?}");
        }
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [("0", 0), ("4096", 4096), ("3k", 3 << 10), ("512MiB", 512 << 20), ("4G", 4 << 30), ("1tb", 1 << 40)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "4X", "-1", "1.5G", "99999999999999T"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
