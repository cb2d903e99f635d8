//! Sparse rows with slack: synapses come and go without moving the others.
//!
//! Each row has room for more than it holds; a full one moves to the end of its chunk with twice the room, and when half of all room
//! of the chunk is abandoned it is packed anew, so that an edit costs O(degree) to keep its row sorted and O(1) amortised to find
//! room. The O(degree) is two shifts of neighbouring memory: below 0.1 us at degree 1,000 and 5 us at 100,000 (measured on one
//! core), less than a flip of that neuron, which visits every neighbour.
//! Rows are sorted by neighbour: what they hold decides their order, not how it came about. Chunks of neighbouring rows share
//! nothing, so that they can be edited in parallel.

use crate::kernels::prefetch::prefetch;

/// Least room of a row that has anything.
const LEAST_ROOM: u32 = 4;
/// Rows of a chunk.
pub const ROWS_PER_CHUNK: usize = 1 << 12;

/// Rows of (neighbour, weight), sorted by neighbour.
#[derive(Clone, Debug, Default)]
pub struct SlackRows {
    n_rows: usize,
    chunks: Vec<Chunk>,
}

/// Up to [`ROWS_PER_CHUNK`] neighbouring rows, counted from the first of them.
#[derive(Clone, Debug, Default)]
pub struct Chunk {
    /// First place, room and length of each row.
    rows: Vec<(usize, u32, u32)>,
    neighbours: Vec<u32>,
    weights: Vec<f32>,
    /// Places that no row owns.
    n_abandoned: usize,
}

/// The chunk of a row, and its number in there.
#[inline]
fn split(row: u32) -> (usize, u32) {
    (row as usize / ROWS_PER_CHUNK, (row as usize % ROWS_PER_CHUNK) as u32)
}

impl SlackRows {
    /// `n` empty rows.
    pub fn new(n: usize) -> Self {
        Self::with_room((0..n).map(|_| 0))
    }

    /// Empty rows with room for these numbers of neighbours, and half as many more.
    pub fn with_room(lengths: impl ExactSizeIterator<Item = u32>) -> Self {
        let n_rows = lengths.len();
        let mut lengths = lengths.into_iter();
        let chunk = |_| Chunk::with_room(lengths.by_ref().take(ROWS_PER_CHUNK));
        SlackRows { n_rows, chunks: (0..n_rows.div_ceil(ROWS_PER_CHUNK)).map(chunk).collect() }
    }

    /// Chunks of [`ROWS_PER_CHUNK`] rows, the last one of the rest.
    pub fn chunks_mut(&mut self) -> &mut [Chunk] {
        &mut self.chunks
    }

    /// Adds a neighbour beyond all that the row has.
    ///
    /// # Panics
    /// If it is not beyond them.
    pub fn push(&mut self, row: u32, neighbour: u32, weight: f32) {
        let (chunk, row) = split(row);
        self.chunks[chunk].push(row, neighbour, weight);
    }

    /// Number of rows.
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Number of neighbours of all rows together.
    pub fn n_neighbours(&self) -> usize {
        self.chunks.iter().flat_map(|chunk| &chunk.rows).map(|row| row.2 as usize).sum()
    }

    /// Neighbours and weights of a row.
    #[inline]
    pub fn row(&self, row: u32) -> (&[u32], &[f32]) {
        let (chunk, row) = split(row);
        self.chunks[chunk].row(row)
    }

    /// True if `row` holds `neighbour`.
    pub fn contains(&self, row: u32, neighbour: u32) -> bool {
        self.row(row).0.binary_search(&neighbour).is_ok()
    }

    /// Sets the weight of a neighbour, which is added if it is not there; returns what it had.
    pub fn set(&mut self, row: u32, neighbour: u32, weight: f32) -> Option<f32> {
        let (chunk, row) = split(row);
        self.chunks[chunk].set(row, neighbour, weight)
    }

    /// Takes a neighbour out; returns its weight if it was there.
    pub fn take(&mut self, row: u32, neighbour: u32) -> Option<f32> {
        let (chunk, row) = split(row);
        self.chunks[chunk].take(row, neighbour)
    }

    /// Takes a neighbour out.
    ///
    /// # Panics
    /// If it is not there.
    pub fn remove(&mut self, row: u32, neighbour: u32) {
        assert!(self.take(row, neighbour).is_some(), "row {row} has no neighbour {neighbour}");
    }
}

impl Chunk {
    fn with_room(lengths: impl Iterator<Item = u32>) -> Self {
        let mut chunk = Chunk::default();
        let mut next = 0;
        for length in lengths {
            let room = if length == 0 { 0 } else { (length + length / 2).max(LEAST_ROOM) };
            chunk.rows.push((next, room, 0));
            next += room as usize;
        }
        (chunk.neighbours, chunk.weights) = (vec![0; next], vec![0.0; next]);
        chunk
    }

    fn push(&mut self, row: u32, neighbour: u32, weight: f32) {
        let (first, room, len) = self.rows[row as usize];
        let last = self.row(row).0.last();
        assert!(last.is_none_or(|&last| last < neighbour), "neighbour {neighbour} of row {row} after {last:?}");
        let first = if len == room { self.make_room(row) } else { first };
        let place = first + len as usize;
        (self.neighbours[place], self.weights[place]) = (neighbour, weight);
        self.rows[row as usize].2 += 1;
    }

    /// Neighbours and weights of a row.
    #[inline]
    pub fn row(&self, row: u32) -> (&[u32], &[f32]) {
        let (first, _, len) = self.rows[row as usize];
        let places = first..first + len as usize;
        (&self.neighbours[places.clone()], &self.weights[places])
    }

    /// Asks for the memory of all of these rows together: one wait instead of many.
    pub(super) fn warm(&self, rows: impl Iterator<Item = u32> + Clone) {
        /// Entries in a line of the cache.
        const LINE: usize = 16;
        rows.clone().for_each(|row| prefetch(&self.rows[row as usize]));
        for row in rows {
            let (neighbours, weights) = self.row(row);
            for (neighbour, weight) in neighbours.iter().zip(weights).step_by(LINE) {
                prefetch(neighbour);
                prefetch(weight);
            }
        }
    }

    /// Sets the weight of a neighbour, which is added if it is not there; returns what it had.
    pub fn set(&mut self, row: u32, neighbour: u32, weight: f32) -> Option<f32> {
        let (first, room, len) = self.rows[row as usize];
        match self.row(row).0.binary_search(&neighbour) {
            Ok(place) => Some(std::mem::replace(&mut self.weights[first + place], weight)),
            Err(place) => {
                let first = if len == room { self.make_room(row) } else { first };
                let (from, to) = (first + place, first + len as usize);
                self.neighbours.copy_within(from..to, from + 1);
                self.weights.copy_within(from..to, from + 1);
                (self.neighbours[from], self.weights[from]) = (neighbour, weight);
                self.rows[row as usize].2 += 1;
                None
            }
        }
    }

    /// Takes a neighbour out; returns its weight if it was there.
    pub fn take(&mut self, row: u32, neighbour: u32) -> Option<f32> {
        let (first, _, len) = self.rows[row as usize];
        let place = self.row(row).0.binary_search(&neighbour).ok()?;
        let (from, to) = (first + place, first + len as usize);
        let weight = self.weights[from];
        self.neighbours.copy_within(from + 1..to, from);
        self.weights.copy_within(from + 1..to, from);
        self.rows[row as usize].2 -= 1;
        Some(weight)
    }

    /// Gives a full row more room and returns its first place.
    fn make_room(&mut self, row: u32) -> usize {
        let (first, room, len) = self.rows[row as usize];
        self.n_abandoned += room as usize;
        self.rows[row as usize] = (self.neighbours.len(), (2 * room).max(LEAST_ROOM), len);
        self.neighbours.extend_from_within(first..first + len as usize);
        self.weights.extend_from_within(first..first + len as usize);
        let (first, room, _) = self.rows[row as usize];
        self.neighbours.resize(first + room as usize, 0);
        self.weights.resize(first + room as usize, 0.0);
        if self.n_abandoned > self.neighbours.len() / 2 {
            self.pack();
        }
        self.rows[row as usize].0
    }

    /// Lays all rows one after another again, each with its room.
    fn pack(&mut self) {
        let n: usize = self.rows.iter().map(|r| r.1 as usize).sum();
        let (mut neighbours, mut weights) = (vec![0; n], vec![0.0; n]);
        let mut next = 0;
        for (first, room, len) in &mut self.rows {
            let (from, len) = (*first, *len as usize);
            neighbours[next..next + len].copy_from_slice(&self.neighbours[from..from + len]);
            weights[next..next + len].copy_from_slice(&self.weights[from..from + len]);
            *first = next;
            next += *room as usize;
        }
        (self.neighbours, self.weights, self.n_abandoned) = (neighbours, weights, 0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::random::{StreamKey, SystemTag};
    use crate::units::Seed;

    #[test]
    fn rows_hold_what_was_put_in_sorted_through_any_edits() {
        let mut stream = StreamKey::new(Seed(3), SystemTag::named("slack"), 0).stream();
        let mut rows = SlackRows::new(7);
        let mut expected: Vec<BTreeMap<u32, f32>> = vec![BTreeMap::new(); 7];
        for _ in 0..5000 {
            let (row, neighbour) = (stream.below(7) as u32, stream.below(30) as u32);
            let map = &mut expected[row as usize];
            assert_eq!(rows.contains(row, neighbour), map.contains_key(&neighbour));
            if map.contains_key(&neighbour) && stream.coin() {
                map.remove(&neighbour);
                rows.remove(row, neighbour);
            } else {
                let weight = stream.gaussian() as f32;
                map.insert(neighbour, weight);
                rows.set(row, neighbour, weight);
            }
            let (neighbours, weights) = rows.row(row);
            let map = &expected[row as usize];
            assert!(neighbours.iter().eq(map.keys()) && weights.iter().eq(map.values()));
        }
        let room: usize = rows.chunks.iter().map(|chunk| chunk.neighbours.len()).sum();
        assert!(room < 8 * expected.iter().map(BTreeMap::len).sum::<usize>(), "room stays in proportion");
    }
}
