//! The state of a simulation as named arrays: what checkpoints store and hashes cover.
//!
//! A section is a flat little-endian array of one dtype. Columns and registered resources write
//! sections; the file format of a checkpoint is another module's business.

/// Element type of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Dtype {
    /// Bytes.
    U8 = 1,
    /// Unsigned 16-bit integers.
    U16 = 2,
    /// Unsigned 32-bit integers.
    U32 = 3,
    /// Unsigned 64-bit integers.
    U64 = 4,
    /// Signed 8-bit integers.
    I8 = 5,
    /// Signed 32-bit integers.
    I32 = 6,
    /// Signed 64-bit integers.
    I64 = 7,
    /// 32-bit floats.
    F32 = 8,
    /// 64-bit floats.
    F64 = 9,
}

impl Dtype {
    /// Bytes of one element.
    pub const fn size(self) -> usize {
        match self {
            Dtype::U8 | Dtype::I8 => 1,
            Dtype::U16 => 2,
            Dtype::U32 | Dtype::I32 | Dtype::F32 => 4,
            Dtype::U64 | Dtype::I64 | Dtype::F64 => 8,
        }
    }

    /// The dtype with this code, if there is one.
    pub fn from_code(code: u8) -> Option<Self> {
        use Dtype::*;
        [U8, U16, U32, U64, I8, I32, I64, F32, F64].into_iter().find(|d| *d as u8 == code)
    }
}

/// A named array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its name, unique in a snapshot, such as `synapse/hidden->out/Weight`.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Elements, little endian; a multiple of the element size.
    pub bytes: Vec<u8>,
}

/// All state of a simulation at a step boundary, in a canonical order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// The arrays, in the order in which they were registered.
    pub sections: Vec<Section>,
}

/// What is wrong with a snapshot that was asked for a section.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// A section is missing.
    #[error("no section \"{0}\" in the checkpoint: it was made by another scene or another version")]
    Missing(String),
    /// A section has another element type.
    #[error("section \"{name}\" holds {found:?}, expected {expected:?}")]
    WrongType {
        /// Section name.
        name: String,
        /// The dtype it has.
        found: Dtype,
        /// The dtype that was asked for.
        expected: Dtype,
    },
    /// A section has a wrong number of elements.
    #[error("section \"{name}\" has {found} elements, expected {expected}")]
    WrongLength {
        /// Section name.
        name: String,
        /// Elements it has.
        found: usize,
        /// Elements expected.
        expected: usize,
    },
    /// A value makes no sense.
    #[error("section \"{name}\": {what}")]
    Invalid {
        /// Section name.
        name: String,
        /// What is wrong, with the value and its index.
        what: String,
    },
}

/// A plain number that a section can hold.
pub trait Element: bytemuck::Pod {
    /// Its dtype.
    const DTYPE: Dtype;
}

macro_rules! element {
    ($($t:ty => $d:ident),*) => { $(impl Element for $t { const DTYPE: Dtype = Dtype::$d; })* };
}
element!(u8 => U8, u16 => U16, u32 => U32, u64 => U64, i8 => I8, i32 => I32, i64 => I64, f32 => F32, f64 => F64);

impl Snapshot {
    /// Appends an array.
    ///
    /// # Panics
    /// If the name is taken.
    pub fn put<T: Element>(&mut self, name: impl Into<String>, values: &[T]) {
        let name = name.into();
        assert!(self.section(&name).is_none(), "section \"{name}\" is written twice");
        self.sections.push(Section { name, dtype: T::DTYPE, bytes: bytemuck::cast_slice(values).to_vec() });
    }

    /// The section called `name`.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name)
    }

    /// The array called `name`.
    ///
    /// # Errors
    /// If it is missing, of another type or cut short.
    pub fn get<T: Element>(&self, name: &str) -> Result<Vec<T>, SnapshotError> {
        let section = self.section(name).ok_or_else(|| SnapshotError::Missing(name.to_owned()))?;
        if section.dtype != T::DTYPE {
            return Err(SnapshotError::WrongType { name: name.to_owned(), found: section.dtype, expected: T::DTYPE });
        }
        if !section.bytes.len().is_multiple_of(size_of::<T>()) {
            let what = format!("{} bytes are not a whole number of elements of {}", section.bytes.len(), size_of::<T>());
            return Err(SnapshotError::Invalid { name: name.to_owned(), what });
        }
        Ok(bytemuck::pod_collect_to_vec(&section.bytes))
    }

    /// The array called `name`, of exactly `n` elements.
    ///
    /// # Errors
    /// If it is missing, of another type or of another length.
    pub fn get_n<T: Element>(&self, name: &str, n: usize) -> Result<Vec<T>, SnapshotError> {
        let values = self.get(name)?;
        if values.len() != n {
            return Err(SnapshotError::WrongLength { name: name.to_owned(), found: values.len(), expected: n });
        }
        Ok(values)
    }
}

/// A resource whose content is state: checkpointed, hashed and restored.
pub trait Checkpointed {
    /// Prefix of its sections, unique among registered resources.
    const NAME: &'static str;

    /// Appends its sections, each named `NAME/...`.
    fn save(&self, snapshot: &mut Snapshot);

    /// Restores itself from its sections.
    ///
    /// # Errors
    /// If a section is missing, malformed or does not fit.
    fn load(&mut self, snapshot: &Snapshot) -> Result<(), SnapshotError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_come_back_or_say_why_not() {
        let mut snapshot = Snapshot::default();
        snapshot.put("a", &[1.5_f32, -0.0]);
        assert_eq!(snapshot.get_n::<f32>("a", 2).unwrap()[0], 1.5);
        assert!(matches!(snapshot.get::<u32>("a"), Err(SnapshotError::WrongType { .. })));
        assert!(matches!(snapshot.get_n::<f32>("a", 3), Err(SnapshotError::WrongLength { found: 2, .. })));
        assert!(matches!(snapshot.get::<u8>("b"), Err(SnapshotError::Missing(_))));
    }

    #[test]
    fn dtype_codes_round_trip() {
        for code in 0..=255 {
            if let Some(dtype) = Dtype::from_code(code) {
                assert_eq!(dtype as u8, code);
            }
        }
    }
}
