//! The registry of columns: it alone creates, permutes, grows, hashes and stores them.
//!
//! A kind is one archetype: its rows carry a marker component, and every column of the kind is
//! registered as required by that marker before the first row is spawned. Columns are then plain
//! slices, found by the entity of row 0, which never moves while the table is not empty.

use std::any::TypeId;
use std::marker::PhantomData;

use bevy_ecs::change_detection::ContiguousMut;
use bevy_ecs::component::{Component, StorageType};
use bevy_ecs::entity::Entity;
use bevy_ecs::resource::Resource;
use bevy_ecs::world::World;

use crate::components::{Activation, Bias, Clamped, Column, NeuronId, Source, Target, Weight};
use crate::snapshot::{Dtype, Element};

use super::fabric::Family;

/// Kinds that a family can have.
pub(crate) const MAX_KINDS: usize = 8;

/// Marks the rows of one kind: slot is 0..8 for neurons, 8..16 for synapses.
#[derive(Component, Clone, Copy)]
struct KindMarker<const SLOT: usize>;

/// Calls a function that is generic over the marker of a kind.
macro_rules! with_marker {
    ($family:expr, $kind:expr, $f:ident($($arg:expr),*)) => {
        match ($family, $kind) {
            (Family::Neuron, 0) => $f::<KindMarker<0>, _>(KindMarker, $($arg),*),
            (Family::Neuron, 1) => $f::<KindMarker<1>, _>(KindMarker, $($arg),*),
            (Family::Neuron, 2) => $f::<KindMarker<2>, _>(KindMarker, $($arg),*),
            (Family::Neuron, 3) => $f::<KindMarker<3>, _>(KindMarker, $($arg),*),
            (Family::Neuron, 4) => $f::<KindMarker<4>, _>(KindMarker, $($arg),*),
            (Family::Neuron, 5) => $f::<KindMarker<5>, _>(KindMarker, $($arg),*),
            (Family::Neuron, 6) => $f::<KindMarker<6>, _>(KindMarker, $($arg),*),
            (Family::Neuron, 7) => $f::<KindMarker<7>, _>(KindMarker, $($arg),*),
            (Family::Synapse, 0) => $f::<KindMarker<8>, _>(KindMarker, $($arg),*),
            (Family::Synapse, 1) => $f::<KindMarker<9>, _>(KindMarker, $($arg),*),
            (Family::Synapse, 2) => $f::<KindMarker<10>, _>(KindMarker, $($arg),*),
            (Family::Synapse, 3) => $f::<KindMarker<11>, _>(KindMarker, $($arg),*),
            (Family::Synapse, 4) => $f::<KindMarker<12>, _>(KindMarker, $($arg),*),
            (Family::Synapse, 5) => $f::<KindMarker<13>, _>(KindMarker, $($arg),*),
            (Family::Synapse, 6) => $f::<KindMarker<14>, _>(KindMarker, $($arg),*),
            (Family::Synapse, 7) => $f::<KindMarker<15>, _>(KindMarker, $($arg),*),
            (family, kind) => unreachable!("{} kind {kind} of {MAX_KINDS}", family.name()),
        }
    };
}

/// Spawns `n` rows of a kind with the defaults of its columns; returns the first one's entity.
pub(crate) fn spawn_rows(world: &mut World, family: Family, kind: usize, n: usize) -> Option<Entity> {
    fn spawn<M: Component + Copy, W>(marker: M, world: &mut World, n: usize, _: PhantomData<W>) -> Option<Entity> {
        let mut rows = world.spawn_batch((0..n).map(|_| marker));
        rows.next()
    }
    with_marker!(family, kind, spawn(world, n, PhantomData::<()>))
}

/// The whole column `C` of the table whose row 0 is `first`; `None` if the table has no such column.
pub(crate) fn column<C: Column>(world: &World, first: Entity) -> Option<&[C]> {
    let mut query = world.try_query::<(Entity, &C)>()?;
    let mut chunks = query.contiguous_iter(world).expect("columns are table components");
    chunks.find(|(entities, _)| entities[0] == first).map(|(_, values)| values)
}

/// The whole column `C` of the table whose row 0 is `first`, mutable; change ticks stay as they are.
pub(crate) fn column_mut<C: Column>(world: &mut World, first: Entity) -> Option<&mut [C]> {
    let mut query = world.query::<(Entity, &mut C)>();
    let mut chunks = query.contiguous_iter_mut(world).expect("columns are table components");
    let (_, values) = chunks.find(|(entities, _)| entities[0] == first)?;
    Some(ContiguousMut::bypass_change_detection_split(values).0)
}

/// What the registry does with a column without knowing its type.
trait AnyColumn: Send + Sync {
    fn bytes<'w>(&self, world: &'w World, first: Entity) -> Option<&'w [u8]>;
    fn bytes_mut<'w>(&self, world: &'w mut World, first: Entity) -> Option<&'w mut [u8]>;
    fn require(&self, world: &mut World, family: Family, kind: usize, default: &[u8]);
}

struct ColumnOf<C>(PhantomData<fn() -> C>);

impl<C: Column> AnyColumn for ColumnOf<C> {
    fn bytes<'w>(&self, world: &'w World, first: Entity) -> Option<&'w [u8]> {
        column::<C>(world, first).map(bytemuck::cast_slice)
    }

    fn bytes_mut<'w>(&self, world: &'w mut World, first: Entity) -> Option<&'w mut [u8]> {
        column_mut::<C>(world, first).map(bytemuck::cast_slice_mut)
    }

    fn require(&self, world: &mut World, family: Family, kind: usize, default: &[u8]) {
        fn require<M: Component, C: Column>(_: M, world: &mut World, value: C) {
            world.register_required_components_with::<M, C>(move || value);
        }
        with_marker!(family, kind, require(world, bytemuck::pod_read_unaligned::<C>(default)))
    }
}

/// Which kinds have a column.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Kinds {
    All,
    Named(Vec<String>),
}

/// A registered column.
pub(crate) struct ColumnEntry {
    pub(crate) name: &'static str,
    pub(crate) family: Family,
    pub(crate) dtype: Dtype,
    /// Bytes of one row.
    pub(crate) row_bytes: usize,
    pub(crate) is_finite: bool,
    type_id: TypeId,
    default: Vec<u8>,
    kinds: Kinds,
    ops: Box<dyn AnyColumn>,
}

impl ColumnEntry {
    pub(crate) fn is_on(&self, kind: &str) -> bool {
        match &self.kinds {
            Kinds::All => true,
            Kinds::Named(kinds) => kinds.iter().any(|k| k == kind),
        }
    }

    pub(crate) fn is<C: Column>(&self) -> bool {
        self.type_id == TypeId::of::<C>()
    }

    /// The bytes of one row of defaults.
    pub(crate) fn default_bytes(&self) -> &[u8] {
        &self.default
    }

    /// The bytes of the whole column in the table whose row 0 is `first`.
    pub(crate) fn bytes<'w>(&self, world: &'w World, first: Entity) -> &'w [u8] {
        self.ops.bytes(world, first).unwrap_or_else(|| panic!("no column {} in the table of {first}", self.name))
    }

    /// The bytes of the whole column in the table whose row 0 is `first`, mutable.
    pub(crate) fn bytes_mut<'w>(&self, world: &'w mut World, first: Entity) -> &'w mut [u8] {
        let name = self.name;
        self.ops.bytes_mut(world, first).unwrap_or_else(|| panic!("no column {name} in the table of {first}"))
    }

    pub(crate) fn require(&self, world: &mut World, kind: usize) {
        self.ops.require(world, self.family, kind, &self.default);
    }
}

/// All registered columns: the structural ones first, then in the order of registration.
#[derive(Resource)]
pub struct Columns {
    entries: Vec<ColumnEntry>,
}

impl Default for Columns {
    fn default() -> Self {
        let mut columns = Columns { entries: Vec::new() };
        columns.register(Family::Neuron, None, <NeuronId as bytemuck::Zeroable>::zeroed());
        columns.register(Family::Neuron, None, Activation::default());
        columns.register(Family::Neuron, None, Bias::default());
        columns.register(Family::Neuron, None, Clamped::FREE);
        columns.register(Family::Synapse, None, <Source as bytemuck::Zeroable>::zeroed());
        columns.register(Family::Synapse, None, <Target as bytemuck::Zeroable>::zeroed());
        columns.register(Family::Synapse, None, Weight::default());
        columns
    }
}

impl Columns {
    /// Registers column `C` for one kind, or for all kinds of the family; again for another kind adds that kind.
    ///
    /// # Panics
    /// If the name is taken by another type, if `C` came with another default before, or if it is
    /// not stored in tables.
    pub(crate) fn register<C: Column>(&mut self, family: Family, kind: Option<&str>, default: C) {
        assert!(C::STORAGE_TYPE == StorageType::Table, "column {} must be stored in tables, not in a sparse set", C::NAME);
        let _ = C::WIDTH;
        let default = bytemuck::bytes_of(&default).to_vec();
        if let Some(entry) = self.entries.iter_mut().find(|e| e.family == family && e.name == C::NAME) {
            assert!(entry.is::<C>(), "two columns of {}s are called {}", family.name(), C::NAME);
            assert!(entry.default == default, "column {} is registered with two defaults", C::NAME);
            match (&mut entry.kinds, kind) {
                (Kinds::All, _) => {}
                (kinds, None) => *kinds = Kinds::All,
                (Kinds::Named(kinds), Some(kind)) => {
                    if !kinds.iter().any(|k| k == kind) {
                        kinds.push(kind.to_owned());
                    }
                }
            }
            return;
        }
        self.entries.push(ColumnEntry {
            name: C::NAME,
            family,
            dtype: C::Element::DTYPE,
            row_bytes: size_of::<C>(),
            is_finite: C::FINITE,
            type_id: TypeId::of::<C>(),
            default,
            kinds: kind.map_or(Kinds::All, |k| Kinds::Named(vec![k.to_owned()])),
            ops: Box::new(ColumnOf::<C>(PhantomData)),
        });
    }

    /// The columns of the kind called `kind`.
    pub(crate) fn of<'a>(&'a self, family: Family, kind: &'a str) -> impl Iterator<Item = &'a ColumnEntry> {
        self.entries.iter().filter(move |e| e.family == family && e.is_on(kind))
    }

    /// Bytes that one row of a kind takes in the world: its columns, their change ticks and the entity.
    pub fn row_bytes(&self, family: Family, kind: &str) -> usize {
        const TICKS: usize = 8;
        const ENTITY: usize = 48;
        ENTITY + self.of(family, kind).map(|c| c.row_bytes + TICKS).sum::<usize>()
    }
}
