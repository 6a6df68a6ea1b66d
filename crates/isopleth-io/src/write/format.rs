//! The file formats of layers.

/// A format that a layer can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// GeoJSON (RFC 7946).
    GeoJson,
    /// GeoJSON text sequence (RFC 8142): a feature a record.
    GeoJsonSeq,
    /// FlatGeobuf with an index, for reading parts over HTTP.
    FlatGeobuf,
    /// CSV (RFC 4180) with a header.
    Csv,
    /// GeoParquet 1.1.
    GeoParquet,
    /// KML 2.2.
    Kml,
    /// GeoPackage.
    GeoPackage,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 7] = [
        Self::GeoJson,
        Self::GeoJsonSeq,
        Self::FlatGeobuf,
        Self::Csv,
        Self::GeoParquet,
        Self::Kml,
        Self::GeoPackage,
    ];

    /// Its short name, which is also the ending of its files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::GeoJson => "geojson",
            Self::GeoJsonSeq => "geojsonl",
            Self::FlatGeobuf => "fgb",
            Self::Csv => "csv",
            Self::GeoParquet => "parquet",
            Self::Kml => "kml",
            Self::GeoPackage => "gpkg",
        }
    }

    /// The format of a short name or a file ending, in upper or lower case.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|f| f.name().eq_ignore_ascii_case(name))
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::GeoJson => "GeoJSON",
            Self::GeoJsonSeq => "GeoJSON text sequence",
            Self::FlatGeobuf => "FlatGeobuf",
            Self::Csv => "CSV",
            Self::GeoParquet => "GeoParquet",
            Self::Kml => "KML",
            Self::GeoPackage => "GeoPackage",
        }
    }

    /// Its media type, with parameters.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::GeoJson => "application/geo+json",
            Self::GeoJsonSeq => "application/geo+json-seq",
            Self::FlatGeobuf => "application/flatgeobuf",
            Self::Csv => "text/csv; header=present; charset=utf-8",
            Self::GeoParquet => "application/vnd.apache.parquet",
            Self::Kml => "application/vnd.google-earth.kml+xml",
            Self::GeoPackage => "application/geopackage+sqlite3",
        }
    }

    /// Whether its files can be in another coordinate reference system than WGS 84.
    #[must_use]
    pub fn has_crs(self) -> bool {
        match self {
            Self::GeoJson | Self::GeoJsonSeq | Self::Kml => false,
            Self::FlatGeobuf | Self::Csv | Self::GeoParquet | Self::GeoPackage => true,
        }
    }
}
