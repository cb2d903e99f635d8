//! The schedule of a step: phases chained in one place, ambiguity an error.

use bevy_ecs::change_detection::Res;
use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::{
    IntoScheduleConfigs, LogLevel, MultiThreadedExecutor, Schedule, ScheduleBuildSettings, ScheduleLabel, SingleThreadedExecutor, SystemSet,
};

use crate::components::EnergyLedger;
use crate::phases::{LearnTurn, Phase};
use crate::topology::{Births, Deaths, restructure::restructure};

/// Who runs the systems of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Executor {
    /// One system after another, in one thread; systems use all threads inside.
    #[default]
    Single,
    /// Systems that touch different data at the same time; the bits stay the same.
    Multi,
}

#[derive(ScheduleLabel, Clone, Debug, PartialEq, Eq, Hash)]
struct Step;

/// The check between `Phase::Energy` and `Phase::Anneal`.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct EnergyCheck;

/// The two places where births and deaths are applied.
#[derive(SystemSet, Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Apply {
    Edits,
    Rules,
}

/// True while only `Edit`, `Restructure` and `Observe` run.
#[derive(Resource, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paused(pub(super) bool);

/// A condition: false while only `Edit`, `Restructure` and `Observe` run.
pub fn is_running(paused: Res<Paused>) -> bool {
    !paused.0
}

fn has_edits(births: Res<Births>, deaths: Res<Deaths>) -> bool {
    !births.is_empty() || !deaths.is_empty()
}

fn check_energy(ledger: Res<EnergyLedger>) -> bevy_ecs::error::Result {
    Ok(ledger.check()?)
}

/// A schedule with the phases in their order and nothing but the fabric's own systems.
pub(super) fn new_schedule() -> Schedule {
    let mut schedule = Schedule::new(Step);
    schedule.set_build_settings(settings());
    set_executor(&mut schedule, Executor::Single);

    for pair in Phase::ALL.windows(2) {
        schedule.configure_sets((pair[0], pair[1]).chain());
    }
    for phase in Phase::ALL {
        if !matches!(phase, Phase::Edit | Phase::RestructureEdits | Phase::Restructure | Phase::Observe) {
            schedule.configure_sets(phase.run_if(is_running));
        }
    }
    schedule.configure_sets((LearnTurn::Gradient, LearnTurn::Local).chain());
    schedule.configure_sets(EnergyCheck.after(Phase::Energy).before(Phase::Anneal));
    schedule.add_systems(check_energy.in_set(EnergyCheck).run_if(is_running));
    // Systems that a feature adds to these phases come after the rows have changed.
    schedule.configure_sets(Apply::Edits.after(Phase::Edit).before(Phase::RestructureEdits));
    schedule.configure_sets(Apply::Rules.after(Phase::Evolve).before(Phase::Restructure));
    schedule.add_systems(restructure.in_set(Apply::Edits).run_if(has_edits));
    schedule.add_systems(restructure.in_set(Apply::Rules).run_if(has_edits));
    schedule
}

pub(super) fn settings() -> ScheduleBuildSettings {
    ScheduleBuildSettings {
        ambiguity_detection: LogLevel::Error,
        hierarchy_detection: LogLevel::Error,
        auto_insert_apply_deferred: false,
        ..ScheduleBuildSettings::new()
    }
}

pub(super) fn set_executor(schedule: &mut Schedule, executor: Executor) {
    match executor {
        Executor::Single => schedule.set_executor(SingleThreadedExecutor::new()),
        Executor::Multi => schedule.set_executor(MultiThreadedExecutor::new()),
    };
}
