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
    let n_survivors = kind.n_rows - edit.dead.len();
    let n_rows = n_survivors + edit.gaps.len();
    let touched: Vec<&ColumnEntry> = columns.of(family, &kind.name).collect();
    if let Some(first) = kind.first.filter(|_| !edit.dead.is_empty()) {
        for column in &touched {
            compact(column.bytes_mut(world, first), column.row_bytes, &edit.dead);
        }
    }
    kind.first = resize_rows(world, family, kind_idx, kind.first, n_rows);
    kind.n_rows = n_rows;
    if let Some(first) = kind.first.filter(|_| !edit.gaps.is_empty()) {
        for column in &touched {
            open_gaps(column.bytes_mut(world, first), n_survivors, &edit.gaps, column.default_bytes());
        }
    }
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

/// Moves the rows between `dead` ones up, so that the survivors come first, in their order.
fn compact(bytes: &mut [u8], row_bytes: usize, dead: &[u32]) {
    match row_bytes {
        1 => compact_rows(bytes.as_chunks_mut::<1>().0, dead),
        2 => compact_rows(bytes.as_chunks_mut::<2>().0, dead),
        4 => compact_rows(bytes.as_chunks_mut::<4>().0, dead),
        8 => compact_rows(bytes.as_chunks_mut::<8>().0, dead),
        _ => {
            let mut write = dead.first().map_or(0, |&d| d as usize);
            for (i, &d) in dead.iter().enumerate() {
                let start = d as usize + 1;
                let end = dead.get(i + 1).map_or(bytes.len() / row_bytes, |&next| next as usize);
                bytes.copy_within(start * row_bytes..end * row_bytes, write * row_bytes);
                write += end - start;
            }
        }
    }
}

fn compact_rows<T: Copy>(rows: &mut [T], dead: &[u32]) {
    let mut write = dead.first().map_or(0, |&d| d as usize);
    for (i, &d) in dead.iter().enumerate() {
        let start = d as usize + 1;
        let end = dead.get(i + 1).map_or(rows.len(), |&next| next as usize);
        if end - start > SHORT_RUN {
            rows.copy_within(start..end, write);
            write += end - start;
        } else {
            for read in start..end {
                rows[write] = rows[read];
                write += 1;
            }
        }
    }
}

/// Moves the first `n_survivors` rows down, so that a row of `default` stands at each gap.
fn open_gaps(bytes: &mut [u8], n_survivors: usize, gaps: &[u32], default: &[u8]) {
    fn sized<const N: usize>(bytes: &mut [u8], n_survivors: usize, gaps: &[u32], default: &[u8]) {
        let default: [u8; N] = default.try_into().expect("a default is one row");
        open_row_gaps(bytes.as_chunks_mut::<N>().0, n_survivors, gaps, default);
    }
    match default.len() {
        1 => sized::<1>(bytes, n_survivors, gaps, default),
        2 => sized::<2>(bytes, n_survivors, gaps, default),
        4 => sized::<4>(bytes, n_survivors, gaps, default),
        8 => sized::<8>(bytes, n_survivors, gaps, default),
        row_bytes => {
            let (mut read_end, mut write_end) = (n_survivors, bytes.len() / row_bytes);
            for &gap in gaps.iter().rev() {
                let start = gap as usize;
                write_end -= read_end - start;
                bytes.copy_within(start * row_bytes..read_end * row_bytes, write_end * row_bytes);
                write_end -= 1;
                bytes[write_end * row_bytes..][..row_bytes].copy_from_slice(default);
                read_end = start;
            }
        }
    }
}

fn open_row_gaps<T: Copy>(rows: &mut [T], n_survivors: usize, gaps: &[u32], default: T) {
    let (mut read_end, mut write_end) = (n_survivors, rows.len());
    for &gap in gaps.iter().rev() {
        let start = gap as usize;
        if read_end - start > SHORT_RUN {
            write_end -= read_end - start;
            rows.copy_within(start..read_end, write_end);
        } else {
            for read in (start..read_end).rev() {
                write_end -= 1;
                rows[write_end] = rows[read];
            }
        }
        write_end -= 1;
        rows[write_end] = default;
        read_end = start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of `row_bytes` bytes, each filled with its number.
    fn rows(numbers: impl Iterator<Item = u8>, row_bytes: usize) -> Vec<u8> {
        numbers.flat_map(|n| std::iter::repeat_n(n, row_bytes)).collect()
    }

    #[test]
    fn rows_of_any_width_move_like_a_list() {
        let dead = [0, 3, 4, 20, 39];
        let gaps = [0, 0, 2, 15, 30, 35, 35];
        for row_bytes in [1, 2, 4, 8, 6, 64] {
            let mut bytes = rows(0..40, row_bytes);
            compact(&mut bytes, row_bytes, &dead);
            let survivors: Vec<u8> = (0..40).filter(|n| !dead.contains(&u32::from(*n))).collect();
            assert_eq!(bytes[..35 * row_bytes], rows(survivors.iter().copied(), row_bytes));

            bytes.resize(42 * row_bytes, 0);
            open_gaps(&mut bytes, 35, &gaps, &vec![99; row_bytes]);
            let mut expected = survivors;
            for (k, &gap) in gaps.iter().enumerate() {
                expected.insert(gap as usize + k, 99);
            }
            assert_eq!(bytes, rows(expected.into_iter(), row_bytes));
        }
    }
}
