//! What a field of a record can be.

/// What a column says, by the key that a mapping gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Role {
    Id,
    Lon,
    Lat,
    Easting,
    Northing,
    Date,
    From,
    To,
    Month,
    Year,
    Term,
    SubType,
    RecordSource,
    Place,
    Uprn,
    SmallArea,
    Outcome,
    Basis,
}

/// Number of roles.
pub(crate) const ROLES: usize = 18;

impl Role {
    pub(crate) const ALL: [Self; ROLES] = [
        Self::Id,
        Self::Lon,
        Self::Lat,
        Self::Easting,
        Self::Northing,
        Self::Date,
        Self::From,
        Self::To,
        Self::Month,
        Self::Year,
        Self::Term,
        Self::SubType,
        Self::RecordSource,
        Self::Place,
        Self::Uprn,
        Self::SmallArea,
        Self::Outcome,
        Self::Basis,
    ];

    /// The key of a mapping.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Lon => "lon",
            Self::Lat => "lat",
            Self::Easting => "easting",
            Self::Northing => "northing",
            Self::Date => "date",
            Self::From => "from",
            Self::To => "to",
            Self::Month => "month",
            Self::Year => "year",
            Self::Term => "term",
            Self::SubType => "sub_type",
            Self::RecordSource => "record_source",
            Self::Place => "place",
            Self::Uprn => "uprn",
            Self::SmallArea => "small_area",
            Self::Outcome => "outcome",
            Self::Basis => "basis",
        }
    }
}

/// The fields of a record by role, empty where there is none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cells<'a>(pub(crate) [&'a [u8]; ROLES]);

impl<'a> Cells<'a> {
    pub(crate) fn empty() -> Self {
        Self([&[]; ROLES])
    }

    pub(crate) fn get(&self, role: Role) -> &'a [u8] {
        self.0[role as usize]
    }

    pub(crate) fn set(&mut self, role: Role, value: &'a [u8]) {
        self.0[role as usize] = value;
    }
}
