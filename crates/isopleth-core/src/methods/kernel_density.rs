//! Kernel density on cells.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kernel::Kernel;

/// Parameters.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Kernel; quartic by default.
    #[serde(default)]
    pub kernel: Kernel,
    /// Bandwidth in metres, or `"auto"`.
    #[serde(default)]
    pub bandwidth_m: Bandwidth,
    /// H3 resolution of the cells, 8 to 12; 10 when neither this nor `cell_m` is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub h3_resolution: Option<u8>,
    /// Side of square cells, metres, on a grid through the origin of the plane.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell_m: Option<f64>,
}

/// A bandwidth: stated, or left to the rule of [`crate::bandwidth`].
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Bandwidth {
    /// Chosen by rule and reported.
    #[default]
    Auto,
    /// Metres: the radius of the support, or the standard deviation of a Gaussian.
    Metres(f64),
}

impl Serialize for Bandwidth {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Metres(m) => serializer.serialize_f64(*m),
        }
    }
}

impl<'de> Deserialize<'de> for Bandwidth {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Metres(f64),
            Word(String),
        }
        match Given::deserialize(deserializer)? {
            Given::Metres(m) => Ok(Self::Metres(m)),
            Given::Word(w) if w == "auto" => Ok(Self::Auto),
            Given::Word(w) => Err(serde::de::Error::custom(format!(
                "bandwidth_m is a number of metres or \"auto\", not \"{w}\""
            ))),
        }
    }
}
