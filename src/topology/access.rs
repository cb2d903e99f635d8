//! System parameters that hand out columns as plain slices, one population or projection at a time.
//!
//! `Neurons<(&Activation, &mut Bias)>` and `Synapses<(&Source, &mut Weight)>` take the place of a
//! query: no look-up by entity, no change ticks. Writing through them counts the epochs that tell
//! plans of weights, biases and clamps that they are stale.

use std::any::TypeId;
use std::ops::Range;

use bevy_ecs::change_detection::{ContiguousMut, Res};
use bevy_ecs::entity::Entity;
use bevy_ecs::query::{ContiguousQueryData, ReadOnlyQueryData};
use bevy_ecs::system::{Query, SystemParam};

use crate::components::Column;

use super::fabric::{Fabric, Kind, PopulationIdx, ProjectionIdx};

/// What a system reads and writes: `&C`, `&mut C`, or a tuple of them.
pub trait Fields {
    /// The query behind it.
    type Query: ContiguousQueryData + 'static;
    /// Slices of equal length, one a column.
    type Slices<'a>;

    /// The slices of one chunk of the query.
    fn slices<'a>(chunk: <Self::Query as ContiguousQueryData>::Contiguous<'a, '_>) -> Self::Slices<'a>;

    /// Cuts slices in two at row `mid`.
    fn split_at<'a>(slices: Self::Slices<'a>, mid: usize) -> (Self::Slices<'a>, Self::Slices<'a>);

    /// True if the column of this type is written.
    fn writes(column: TypeId) -> bool;
}

impl<C: Column> Fields for &C {
    type Query = &'static C;
    type Slices<'a> = &'a [C];

    fn slices<'a>(chunk: <Self::Query as ContiguousQueryData>::Contiguous<'a, '_>) -> Self::Slices<'a> {
        chunk
    }

    fn split_at<'a>(slices: Self::Slices<'a>, mid: usize) -> (Self::Slices<'a>, Self::Slices<'a>) {
        slices.split_at(mid)
    }

    fn writes(_: TypeId) -> bool {
        false
    }
}

impl<C: Column> Fields for &mut C {
    type Query = &'static mut C;
    type Slices<'a> = &'a mut [C];

    fn slices<'a>(chunk: <Self::Query as ContiguousQueryData>::Contiguous<'a, '_>) -> Self::Slices<'a> {
        ContiguousMut::bypass_change_detection_split(chunk).0
    }

    fn split_at<'a>(slices: Self::Slices<'a>, mid: usize) -> (Self::Slices<'a>, Self::Slices<'a>) {
        slices.split_at_mut(mid)
    }

    fn writes(column: TypeId) -> bool {
        column == TypeId::of::<C>()
    }
}

macro_rules! tuple_of_fields {
    ($($F:ident $x:ident $a:ident $b:ident),*) => {
        impl<$($F: Fields),*> Fields for ($($F,)*) {
            type Query = ($($F::Query,)*);
            type Slices<'a> = ($($F::Slices<'a>,)*);

            fn slices<'a>(($($x,)*): <Self::Query as ContiguousQueryData>::Contiguous<'a, '_>) -> Self::Slices<'a> {
                ($($F::slices($x),)*)
            }

            fn split_at<'a>(($($x,)*): Self::Slices<'a>, mid: usize) -> (Self::Slices<'a>, Self::Slices<'a>) {
                $(let ($a, $b) = $F::split_at($x, mid);)*
                (($($a,)*), ($($b,)*))
            }

            fn writes(column: TypeId) -> bool {
                $($F::writes(column))||*
            }
        }
    };
}
tuple_of_fields!(A a a1 a2);
tuple_of_fields!(A a a1 a2, B b b1 b2);
tuple_of_fields!(A a a1 a2, B b b1 b2, C c c1 c2);
tuple_of_fields!(A a a1 a2, B b b1 b2, C c c1 c2, D d d1 d2);
tuple_of_fields!(A a a1 a2, B b b1 b2, C c c1 c2, D d d1 d2, E e e1 e2);
tuple_of_fields!(A a a1 a2, B b b1 b2, C c c1 c2, D d d1 d2, E e e1 e2, F f f1 f2);

/// The columns `D` of all populations that have them.
#[derive(SystemParam)]
pub struct Neurons<'w, 's, D: Fields + 'static> {
    fabric: Res<'w, Fabric>,
    query: Query<'w, 's, (Entity, <D as Fields>::Query)>,
}

/// The columns `D` of all projections that have them.
#[derive(SystemParam)]
pub struct Synapses<'w, 's, D: Fields + 'static> {
    fabric: Res<'w, Fabric>,
    query: Query<'w, 's, (Entity, <D as Fields>::Query)>,
}

impl<D: Fields + 'static> Neurons<'_, '_, D> {
    /// The map of the tables.
    pub fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// The columns of every population that has them, in the order of the populations, empty ones left out.
    pub fn iter_mut(&mut self) -> std::vec::IntoIter<(PopulationIdx, D::Slices<'_>)> {
        for population in &self.fabric.populations {
            population.note_writes(D::writes);
        }
        populations::<D>(&self.fabric, chunks::<D>(self.query.reborrow()))
    }

    /// The columns of every population that has them, in the order of the populations, empty ones left out.
    pub fn iter(&self) -> std::vec::IntoIter<(PopulationIdx, D::Slices<'_>)>
    where
        D::Query: ReadOnlyQueryData,
    {
        populations::<D>(&self.fabric, chunks::<D>(self.query))
    }

    /// The columns of one population; `None` if it is empty or has not all of them.
    pub fn get_mut(&mut self, population: PopulationIdx) -> Option<D::Slices<'_>> {
        let p = self.fabric.population(population);
        p.note_writes(D::writes);
        pick::<D>(chunks::<D>(self.query.reborrow()), self.fabric.neuron_kinds[p.kind].first, p.rows())
    }

    /// The columns of one population; `None` if it is empty or has not all of them.
    pub fn get(&self, population: PopulationIdx) -> Option<D::Slices<'_>>
    where
        D::Query: ReadOnlyQueryData,
    {
        let p = self.fabric.population(population);
        pick::<D>(chunks::<D>(self.query), self.fabric.neuron_kinds[p.kind].first, p.rows())
    }
}

impl<D: Fields + 'static> Synapses<'_, '_, D> {
    /// The map of the tables.
    pub fn fabric(&self) -> &Fabric {
        &self.fabric
    }

    /// The columns of every projection that has them, in the order of the projections, empty ones left out.
    pub fn iter_mut(&mut self) -> std::vec::IntoIter<(ProjectionIdx, D::Slices<'_>)> {
        for projection in &self.fabric.projections {
            projection.note_writes(D::writes);
        }
        projections::<D>(&self.fabric, chunks::<D>(self.query.reborrow()))
    }

    /// The columns of every projection that has them, in the order of the projections, empty ones left out.
    pub fn iter(&self) -> std::vec::IntoIter<(ProjectionIdx, D::Slices<'_>)>
    where
        D::Query: ReadOnlyQueryData,
    {
        projections::<D>(&self.fabric, chunks::<D>(self.query))
    }

    /// The columns of one projection; `None` if it is empty or has not all of them.
    pub fn get_mut(&mut self, projection: ProjectionIdx) -> Option<D::Slices<'_>> {
        let p = self.fabric.projection(projection);
        p.note_writes(D::writes);
        pick::<D>(chunks::<D>(self.query.reborrow()), self.fabric.synapse_kinds[p.kind].first, p.rows())
    }

    /// The columns of one projection; `None` if it is empty or has not all of them.
    pub fn get(&self, projection: ProjectionIdx) -> Option<D::Slices<'_>>
    where
        D::Query: ReadOnlyQueryData,
    {
        let p = self.fabric.projection(projection);
        pick::<D>(chunks::<D>(self.query), self.fabric.synapse_kinds[p.kind].first, p.rows())
    }
}

/// One chunk a table, each with the entity of its row 0.
fn chunks<'w, D: Fields + 'static>(query: Query<'w, '_, (Entity, D::Query)>) -> Vec<(Entity, D::Slices<'w>)> {
    let chunks = query.contiguous_iter_inner().expect("columns are table components");
    chunks.map(|(entities, chunk)| (entities[0], D::slices(chunk))).collect()
}

fn populations<'a, D: Fields>(fabric: &Fabric, chunks: Vec<(Entity, D::Slices<'a>)>) -> std::vec::IntoIter<(PopulationIdx, D::Slices<'a>)> {
    let ranges = fabric.populations().map(|(i, p)| (i, p.kind, p.rows()));
    by_range::<D, _>(&fabric.neuron_kinds, ranges, chunks)
}

fn projections<'a, D: Fields>(fabric: &Fabric, chunks: Vec<(Entity, D::Slices<'a>)>) -> std::vec::IntoIter<(ProjectionIdx, D::Slices<'a>)> {
    let ranges = fabric.projections().map(|(i, p)| (i, p.kind, p.rows()));
    by_range::<D, _>(&fabric.synapse_kinds, ranges, chunks)
}

/// Cuts the tables at the ends of their ranges; ranges of one kind come in row order.
fn by_range<'a, D: Fields, I>(
    kinds: &[Kind],
    ranges: impl Iterator<Item = (I, usize, Range<usize>)>,
    chunks: Vec<(Entity, D::Slices<'a>)>,
) -> std::vec::IntoIter<(I, D::Slices<'a>)> {
    let mut rest: Vec<Option<D::Slices<'a>>> = kinds.iter().map(|_| None).collect();
    for (first, slices) in chunks {
        if let Some(kind) = kinds.iter().position(|k| k.first == Some(first)) {
            rest[kind] = Some(slices);
        }
    }
    let mut pieces = Vec::new();
    for (idx, kind, rows) in ranges.filter(|(_, _, rows)| !rows.is_empty()) {
        if let Some(slices) = rest[kind].take() {
            let (piece, after) = D::split_at(slices, rows.len());
            rest[kind] = Some(after);
            pieces.push((idx, piece));
        }
    }
    pieces.into_iter()
}

fn pick<'a, D: Fields>(chunks: Vec<(Entity, D::Slices<'a>)>, first: Option<Entity>, rows: Range<usize>) -> Option<D::Slices<'a>> {
    if rows.is_empty() {
        return None;
    }
    let (_, slices) = chunks.into_iter().find(|(entity, _)| Some(*entity) == first)?;
    let (slices, _) = D::split_at(slices, rows.end);
    Some(D::split_at(slices, rows.start).1)
}
