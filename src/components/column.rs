//! What it takes to be a column: a component whose rows are plain numbers of one type.

use bevy_ecs::component::{Component, Mutable};

use crate::snapshot::Element;

/// A component that is a number, or a fixed array of numbers of one type.
///
/// The fabric permutes, grows, hashes, checkpoints, compares and exports columns without knowing
/// more about them than this. A column of one's own is
///
/// ```
/// use bevy_ecs::component::Component;
/// use bytemuck::{Pod, Zeroable};
/// use lehr::components::Column;
///
/// #[derive(Component, Clone, Copy, Pod, Zeroable)]
/// #[repr(transparent)]
/// struct IdleSteps(u32);
///
/// impl Column for IdleSteps {
///     const NAME: &'static str = "IdleSteps";
///     type Element = u32;
/// }
/// ```
pub trait Column: Component<Mutability = Mutable> + bytemuck::Pod {
    /// Its name in checkpoints and messages, unique among the columns of neurons or of synapses.
    const NAME: &'static str;

    /// The number that it is, or of which it is an array.
    type Element: Element;

    /// True if every float must be finite, which loading a checkpoint asserts.
    const FINITE: bool = true;

    /// Elements of one row.
    const WIDTH: usize = {
        let (row, element) = (size_of::<Self>(), size_of::<Self::Element>());
        assert!(row > 0 && row.is_multiple_of(element), "a row is a whole number of elements");
        row / element
    };
}
