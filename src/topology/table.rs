//! Rows of one table: growing and shrinking at its tail.

use bevy_ecs::entity::Entity;
use bevy_ecs::world::World;

use super::columns::spawn_rows;
use super::fabric::Family;

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
