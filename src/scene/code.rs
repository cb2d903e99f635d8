//! Every kind of complaint about a scene, its name and its help.

/// The code of a complaint; its text is stable and starts with `lehr::scene::`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// The scene cannot be read at all.
    Unreadable,
    /// The scene is not text.
    NotUtf8,
    /// The scene is longer than its limit.
    TooLarge,
    /// Brackets are nested too deeply.
    TooDeep,
    /// The scene holds more values than a text should.
    TooManyValues,
    /// The text is no RON.
    Syntax,
    /// The scene is of another format.
    UnsupportedFormat,
    /// A field that does not exist there.
    UnknownField,
    /// A kind of population, projection, system, ... that does not exist.
    UnknownVariant,
    /// A field that must be given.
    MissingField,
    /// A field given twice.
    DuplicateField,
    /// A value of another type.
    WrongType,
    /// An override without `=`, or with a path that cannot be read.
    BadOverride,
    /// The path of an override leads nowhere.
    UnknownPath,
    /// The path of an override fits several places.
    AmbiguousPath,
    /// A number that is not finite.
    NotFinite,
    /// A number outside its range.
    OutOfRange,
    /// A name that may not be used.
    BadName,
    /// Two things of one name.
    DuplicateName,
    /// A projection between populations that do not exist.
    UnknownPopulation,
    /// A neuron that does not exist.
    UnknownNeuron,
    /// One pair coupled twice, or a neuron coupled to itself.
    BadCoupling,
    /// A file that is not there.
    MissingFile,
    /// A file that cannot be understood.
    BadFile,
    /// The number of neurons follows from nothing.
    CountUnknown,
    /// The number of neurons contradicts the couplings.
    CountMismatch,
    /// It would not fit into memory.
    MemoryLimit,
    /// More neurons or synapses than an index can name.
    TooManyNeurons,
    /// Shared random numbers where they make the answer wrong.
    SharedRandomness,
    /// Fewer replicas than the method needs.
    TooFewReplicas,
    /// Two systems that both move the spins.
    TwoOwners,
    /// A system without what it works on.
    NothingToDo,
    /// A combination that makes no sense, or that is not there yet.
    Unsupported,
    /// Neurons that feed themselves within one step.
    Cycle,
    /// A loss that does not fit the targets.
    LossMismatch,
    /// Warning: the scene does not say what to watch.
    NoComment,
    /// Warning: metrics are recorded less often than the run is long.
    NeverRecorded,
    /// Warning: the run ends before the method does.
    CutShort,
    /// Warning: targets that look like something else than what they are read as.
    DoubtfulTargets,
    /// Warning: outputs that no input reaches.
    NoPath,
    /// Warning: units that send no gradient where gradients should flow.
    NoGradient,
    /// Warning: outputs that are squeezed before a loss that squeezes them.
    NotLogits,
}

impl Code {
    /// Every code, in the order of the passes.
    pub const ALL: [Code; 42] = [
        Code::Unreadable,
        Code::NotUtf8,
        Code::TooLarge,
        Code::TooDeep,
        Code::TooManyValues,
        Code::Syntax,
        Code::UnsupportedFormat,
        Code::UnknownField,
        Code::UnknownVariant,
        Code::MissingField,
        Code::DuplicateField,
        Code::WrongType,
        Code::BadOverride,
        Code::UnknownPath,
        Code::AmbiguousPath,
        Code::NotFinite,
        Code::OutOfRange,
        Code::BadName,
        Code::DuplicateName,
        Code::UnknownPopulation,
        Code::UnknownNeuron,
        Code::BadCoupling,
        Code::MissingFile,
        Code::BadFile,
        Code::CountUnknown,
        Code::CountMismatch,
        Code::MemoryLimit,
        Code::TooManyNeurons,
        Code::SharedRandomness,
        Code::TooFewReplicas,
        Code::TwoOwners,
        Code::NothingToDo,
        Code::Unsupported,
        Code::Cycle,
        Code::LossMismatch,
        Code::NoComment,
        Code::NeverRecorded,
        Code::CutShort,
        Code::DoubtfulTargets,
        Code::NoPath,
        Code::NoGradient,
        Code::NotLogits,
    ];

    /// The last part of its text, such as `unknown_population`.
    pub fn name(self) -> &'static str {
        self.entry().0
    }

    /// Its text, such as `lehr::scene::unknown_population`.
    pub fn text(self) -> String {
        format!("lehr::scene::{}", self.name())
    }

    /// What to do about it, unless the complaint itself says better.
    pub fn help(self) -> &'static str {
        self.entry().1
    }

    /// True for what does not keep a scene from running.
    pub fn is_warning(self) -> bool {
        self >= Code::NoComment
    }

    fn entry(self) -> (&'static str, &'static str) {
        match self {
            Code::Unreadable => ("unreadable", "check the path and its permissions; `-` reads a scene from standard input"),
            Code::NotUtf8 => ("not_utf8", "save the scene as UTF-8 text"),
            Code::TooLarge => ("too_large", "a scene has at most 8 MiB: put couplings and patterns into files and name them by `path`"),
            Code::TooDeep => ("too_deep", "brackets nest at most 64 deep, and no scene needs more than 6"),
            Code::TooManyValues => {
                ("too_many_values", "a scene has at most 500,000 values: put couplings and patterns into files and name them by `path`")
            }
            Code::Syntax => {
                ("syntax", "a scene is written in RON: `Scene(field: value, ...)`, lists in [ ], texts in \" \", comments after //")
            }
            Code::UnsupportedFormat => ("unsupported_format", "this lehr reads scenes of format 1: write `format: 1` as the first field"),
            Code::UnknownField => ("unknown_field", "remove it, or write one of the known fields"),
            Code::UnknownVariant => ("unknown_variant", "write one of the known kinds"),
            Code::MissingField => ("missing_field", "add the field"),
            Code::DuplicateField => ("duplicate_field", "keep one of the two"),
            Code::WrongType => ("wrong_type", "write a value of the expected type"),
            Code::BadOverride => {
                ("bad_override", "write `--set path=RON`, such as `--set systems[0].sweeps=1000` or `--set 'populations.spins.count=64'`")
            }
            Code::UnknownPath => (
                "unknown_path",
                "give fields by name and list items by [index] or by name, such as `systems[0].sweeps` or `populations.spins.count`",
            ),
            Code::AmbiguousPath => ("ambiguous_path", "give the path from its beginning"),
            Code::NotFinite => ("not_finite", "write a finite number; NaN, inf and anything above 1.8e308 are refused"),
            Code::OutOfRange => ("out_of_range", "choose a value inside the range"),
            Code::BadName => ("bad_name", "a name has 1 to 64 letters, digits, `_` or `-`, and starts with a letter"),
            Code::DuplicateName => ("duplicate_name", "give each its own name"),
            Code::UnknownPopulation => ("unknown_population", "a projection is named \"from->to\" after two populations of the scene"),
            Code::UnknownNeuron => ("unknown_neuron", "neurons of a population are counted from 0"),
            Code::BadCoupling => {
                ("bad_coupling", "give each pair of different neurons at most once; a pull on one neuron alone is its `field`")
            }
            Code::MissingFile => (
                "missing_file",
                "paths in a scene are relative to the scene's folder, paths in --set to the folder in which the command runs",
            ),
            Code::BadFile => ("bad_file", "correct the file at the place named, or name its format by another kind of couplings"),
            Code::CountUnknown => ("count_unknown", "write `count: N`, or add couplings that know how many neurons they join"),
            Code::CountMismatch => ("count_mismatch", "leave `count` out to take it from the couplings"),
            Code::MemoryLimit => ("memory_limit", "make the scene smaller, or raise the limit with --memory-limit"),
            Code::TooManyNeurons => ("too_many_neurons", "a scene has at most 2^31 neurons and 2^31 couplings"),
            Code::SharedRandomness => ("shared_randomness", "leave `randomness` out: replicas are independent by default"),
            Code::TooFewReplicas => ("too_few_replicas", "raise `replicas`, or lower what needs them"),
            Code::TwoOwners => ("two_owners", "keep one of the two systems; run the other from a scene of its own"),
            Code::NothingToDo => ("nothing_to_do", "give the system what it works on, or remove it"),
            Code::Unsupported => ("unsupported", "use one of the combinations that the message names"),
            Code::Cycle => {
                ("cycle", "write `recurrent: true` in a projection of the cycle, so that it reads the activations of the step before")
            }
            Code::LossMismatch => ("loss_mismatch", "leave `loss` out: CrossEntropy for classes, MeanSquare for values"),
            Code::NoComment => ("no_comment", "open the scene with a comment: // what it shows, and which metric to watch"),
            Code::NeverRecorded => ("never_recorded", "lower `record_every`, or raise `steps`"),
            Code::CutShort => ("cut_short", "raise `steps`, or make the method shorter"),
            Code::DoubtfulTargets => ("doubtful_targets", "write `task: Values` in `data` if the targets are numbers to come close to"),
            Code::NoPath => ("no_path", "join it by projections with what leads to it from an input"),
            Code::NoGradient => {
                ("no_gradient", "learn by AnnealWeights(...), or use units with a slope; Step, Sign and Lif have a surrogate one")
            }
            Code::NotLogits => ("not_logits", "leave `unit` of the output out: the loss takes e^y or the sigmoid itself"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_distinct_and_complete() {
        let names: BTreeSet<&str> = Code::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert_eq!(Code::NotLogits as usize + 1, Code::ALL.len(), "a code is missing from ALL");
        assert!(Code::ALL.iter().all(|c| !c.help().is_empty()));
    }
}
