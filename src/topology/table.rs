//! Rows of one table: removed, moved and added in place, in every column at once.
//!
//! Entities are slots: only the tail is spawned and despawned, the columns move over them.

use bevy_ecs::entity::Entity;
use bevy_ecs::world::World;

use super::columns::{ColumnEntry, Columns, spawn_rows};
use super::fabric::{Family, Kind};

/// Runs up to this long are moved row by row, longer ones as one block of memory.
const SHORT_RUN: usize = 8;

/// What happens to the rows of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableEdit {
    /// Rows that leave, ascending.
    pub(crate) dead: Vec<u32>,
    /// For each newborn row, ascending: the number of survivors before it.
    pub(crate) gaps: Vec<u32>,
}

impl TableEdit {
    pub(crate) fn is_empty(&self) -> bool {
        self.dead.is_empty() && self.gaps.is_empty()
    }

    /// The rows of the newborns afterwards.
    pub(crate) fn newborn_rows(&self) -> impl Iterator<Item = usize> {
        self.gaps.iter().enumerate().map(|(k, &gap)| gap as usize + k)
    }
}

/// Applies `edit` to the table of a kind; newborn rows hold the defaults of their columns.
pub(crate) fn reshape(world: &mut World, columns: &Columns, family: Family, kind_idx: usize, kind: &mut Kind, edit: &TableEdit) {
    if edit.is_empty() {
        return;
    }
    let n_before = kind.n_rows;
    let n_rows = n_before - edit.dead.len() + edit.gaps.len();
    let touched: Vec<&ColumnEntry> = columns.of(family, &kind.name).collect();
    let runs = moved_runs(edit, n_before);
    // Rows move while the table is as long as it is before or afterwards, whichever is longer.
    kind.first = resize_rows(world, family, kind_idx, kind.first, n_rows.max(n_before));
    if let Some(first) = kind.first {
        for column in &touched {
            move_runs(column.bytes_mut(world, first), &runs, edit, column.default_bytes());
        }
    }
    kind.first = resize_rows(world, family, kind_idx, kind.first, n_rows);
    kind.n_rows = n_rows;
}

/// Grows or shrinks the table whose row 0 is `first` to `n_rows`; new rows hold the defaults of
/// their columns. Returns the entity of row 0.
pub(crate) fn resize_rows(world: &mut World, family: Family, kind: usize, first: Option<Entity>, n_rows: usize) -> Option<Entity> {
    let n_now = first.map_or(0, |first| entities(world, first).len());
    if n_rows > n_now {
        let spawned = spawn_rows(world, family, kind, n_rows - n_now);
        return first.or(spawned);
    }
    if let Some(first) = first {
        let tail: Vec<Entity> = entities(world, first)[n_rows..].to_vec();
        for entity in tail.into_iter().rev() {
            world.despawn(entity);
        }
    }
    first.filter(|_| n_rows > 0)
}

/// The entities of the table whose row 0 is `first`, in row order.
///
/// # Panics
/// If a row has left its archetype: only the fabric may spawn, despawn or change rows.
pub(crate) fn entities(world: &World, first: Entity) -> &[Entity] {
    let location = world.entity(first).location();
    let archetype = world.archetypes().get(location.archetype_id).expect("a spawned entity has an archetype");
    assert_eq!(location.table_row.index(), 0, "row 0 of a table has moved: only the fabric may spawn or despawn rows");
    let table = world.storages().tables.get(archetype.table_id()).expect("an archetype has a table");
    table.entities()
}

/// A run of survivors that moves as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    from: u32,
    to: u32,
    len: u32,
}

/// The runs of survivors that change their rows, ascending; those that stay where they are cost nothing.
fn moved_runs(edit: &TableEdit, n_rows: usize) -> Vec<Run> {
    let mut runs = Vec::with_capacity(edit.dead.len() + edit.gaps.len() + 1);
    let (mut dead, mut gaps) = (edit.dead.iter().peekable(), edit.gaps.iter().peekable());
    let (mut from, mut survivors, mut born) = (0_u32, 0_u32, 0_u32);
    loop {
        // 1. Whatever comes first ends the run: a row that dies, a row that is born, or the table.
        let to_death = dead.peek().map_or(n_rows as u32, |&&row| row) - from;
        let to_birth = gaps.peek().map_or(u32::MAX, |&&gap| gap - survivors);
        let len = to_death.min(to_birth);
        if len > 0 && from != survivors + born {
            runs.push(Run { from, to: survivors + born, len });
        }
        from += len;
        survivors += len;
        // 2. And moves what comes after it.
        if to_birth <= to_death {
            gaps.next();
            born += 1;
        } else if dead.next().is_some() {
            from += 1;
        } else {
            return runs;
        }
    }
}

/// Moves the runs of one column, and puts `default` into the newborn rows.
fn move_runs(bytes: &mut [u8], runs: &[Run], edit: &TableEdit, default: &[u8]) {
    fn sized<const N: usize>(bytes: &mut [u8], runs: &[Run], edit: &TableEdit, default: &[u8]) {
        let default: [u8; N] = default.try_into().expect("a default is one row");
        let rows = bytes.as_chunks_mut::<N>().0;
        in_safe_order(runs, |run| {
            let (from, to, len) = (run.from as usize, run.to as usize, run.len as usize);
            if len > SHORT_RUN {
                rows.copy_within(from..from + len, to);
            } else if to < from {
                (0..len).for_each(|k| rows[to + k] = rows[from + k]);
            } else {
                (0..len).rev().for_each(|k| rows[to + k] = rows[from + k]);
            }
        });
        edit.newborn_rows().for_each(|row| rows[row] = default);
    }
    match default.len() {
        1 => sized::<1>(bytes, runs, edit, default),
        2 => sized::<2>(bytes, runs, edit, default),
        4 => sized::<4>(bytes, runs, edit, default),
        8 => sized::<8>(bytes, runs, edit, default),
        width => {
            in_safe_order(runs, |run| {
                let (from, to, len) = (run.from as usize * width, run.to as usize * width, run.len as usize * width);
                bytes.copy_within(from..from + len, to);
            });
            edit.newborn_rows().for_each(|row| bytes[row * width..][..width].copy_from_slice(default));
        }
    }
}

/// Visits runs so that none is written over before it has moved: neighbours that move up from the first to the last, those that
/// move down from the last to the first. A group ends where the direction turns, and no group reaches into the next: one that
/// moves up ends before what follows it, and one that moves down is followed by rows that stay or move up only to its new end.
fn in_safe_order(runs: &[Run], mut visit: impl FnMut(&Run)) {
    for group in runs.chunk_by(|a, b| (a.to < a.from) == (b.to < b.from)) {
        if group[0].to < group[0].from {
            group.iter().for_each(&mut visit);
        } else {
            group.iter().rev().for_each(&mut visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of `row_bytes` bytes, each filled with its number.
    fn rows(numbers: impl Iterator<Item = u8>, row_bytes: usize) -> Vec<u8> {
        numbers.flat_map(|n| std::iter::repeat_n(n, row_bytes)).collect()
    }

    /// What a list of rows becomes, one removal and insertion after another.
    fn as_a_list(n: usize, edit: &TableEdit) -> Vec<u8> {
        let mut list: Vec<u8> = (0..n).filter(|&row| !edit.dead.contains(&(row as u32))).map(|row| (row % 200) as u8).collect();
        edit.newborn_rows().for_each(|row| list.insert(row, 255));
        list
    }

    fn check(n: usize, edit: &TableEdit) {
        let expected = as_a_list(n, edit);
        for row_bytes in [1, 2, 4, 8, 6, 64] {
            let mut bytes = rows((0..n).map(|row| (row % 200) as u8), row_bytes);
            bytes.resize(n.max(expected.len()) * row_bytes, 0);
            move_runs(&mut bytes, &moved_runs(edit, n), edit, &vec![255; row_bytes]);
            assert_eq!(bytes[..expected.len() * row_bytes], rows(expected.iter().copied(), row_bytes), "{edit:?}");
        }
    }

    #[test]
    fn rows_of_any_width_move_like_a_list() {
        let edit = |dead: &[u32], gaps: &[u32]| TableEdit { dead: dead.to_vec(), gaps: gaps.to_vec() };
        check(40, &edit(&[0, 3, 4, 20, 39], &[0, 0, 2, 15, 30, 35, 35]));
        check(40, &edit(&[], &[0, 0, 0, 40]));
        check(40, &edit(&(0..40).collect::<Vec<_>>(), &[0, 0]));
        check(0, &edit(&[], &[0, 0]));
        check(5, &edit(&[4], &[4]));
    }

    #[test]
    fn random_edits_move_like_a_list() {
        use crate::random::{StreamKey, SystemTag};
        use crate::units::Seed;
        for case in 0..300 {
            let mut stream = StreamKey::new(Seed(1), SystemTag::named("table"), case).stream();
            let n = 1 + stream.below(400) as usize;
            let share = stream.uniform();
            let dead: Vec<u32> = (0..n as u32).filter(|_| stream.uniform() < share * share).collect();
            let n_survivors = (n - dead.len()) as u64;
            let mut gaps: Vec<u32> = (0..stream.below(1 + n as u64 / 2)).map(|_| stream.below(n_survivors + 1) as u32).collect();
            gaps.sort_unstable();
            check(n, &TableEdit { dead, gaps });
        }
    }
}
