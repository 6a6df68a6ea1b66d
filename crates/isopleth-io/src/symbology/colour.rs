//! Colours, and how far apart they look.

/// A colour of sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// Red.
    pub r: u8,
    /// Green.
    pub g: u8,
    /// Blue.
    pub b: u8,
}

impl Colour {
    /// A colour.
    #[must_use]
    pub const fn new(r: u8, g: u8, b: u8) -> Self {
        Self { r, g, b }
    }

    /// As the web writes it: `#bd0026`.
    #[must_use]
    pub fn hex(self) -> String {
        format!("#{:02x}{:02x}{:02x}", self.r, self.g, self.b)
    }

    /// Reads `#bd0026`, `0xBD0026` or `BD0026`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = ["#", "0x", "0X"]
            .iter()
            .find_map(|prefix| text.strip_prefix(prefix))
            .unwrap_or(text);
        if digits.len() != 6 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        let [_, r, g, b] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Self { r, g, b })
    }
}

/// How people see colours.
#[cfg(test)]
#[derive(Debug, Clone, Copy)]
pub(super) enum Vision {
    Usual,
    Protanopia,
    Deuteranopia,
    Tritanopia,
}

#[cfg(test)]
pub(super) const VISIONS: [Vision; 4] = [
    Vision::Usual,
    Vision::Protanopia,
    Vision::Deuteranopia,
    Vision::Tritanopia,
];

#[cfg(test)]
impl Vision {
    /// A colour as it is seen (Machado, Oliveira and Fernandes 2009, severity 1).
    pub(super) fn seen(self, colour: Colour) -> [f64; 3] {
        let rows = match self {
            Self::Usual => [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
            Self::Protanopia => [
                [0.152_286, 1.052_583, -0.204_868],
                [0.114_503, 0.786_281, 0.099_216],
                [-0.003_882, -0.048_116, 1.051_998],
            ],
            Self::Deuteranopia => [
                [0.367_322, 0.860_646, -0.227_968],
                [0.280_085, 0.672_501, 0.047_413],
                [-0.011_820, 0.042_940, 0.968_881],
            ],
            Self::Tritanopia => [
                [1.255_528, -0.076_749, -0.178_779],
                [-0.078_411, 0.930_809, 0.147_602],
                [0.004_733, 0.691_367, 0.303_900],
            ],
        };
        let linear = linear(colour);
        rows.map(|row| {
            (0..3)
                .map(|i| row[i] * linear[i])
                .sum::<f64>()
                .clamp(0.0, 1.0)
        })
    }
}

#[cfg(test)]
fn linear(colour: Colour) -> [f64; 3] {
    [colour.r, colour.g, colour.b].map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.040_45 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    })
}

/// CIE L*a*b* of linear sRGB, for daylight D65.
#[cfg(test)]
fn lab([r, g, b]: [f64; 3]) -> [f64; 3] {
    let x = (0.412_456 * r + 0.357_576 * g + 0.180_437 * b) / 0.950_47;
    let y = 0.212_673 * r + 0.715_152 * g + 0.072_175 * b;
    let z = (0.019_334 * r + 0.119_192 * g + 0.950_304 * b) / 1.088_83;
    let [x, y, z] = [x, y, z].map(|t: f64| {
        if t > 0.008_856 {
            t.cbrt()
        } else {
            7.787 * t + 16.0 / 116.0
        }
    });
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

/// Distance of two colours of linear sRGB in L*a*b*; some 2 is just noticeable.
#[cfg(test)]
pub(super) fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (lab(a), lab(b));
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt()
}

/// L* of a colour, from 0 (black) to 100 (white).
#[cfg(test)]
pub(super) fn lightness(colour: Colour) -> f64 {
    lab(linear(colour))[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_they_are_written() {
        let red = Colour::new(189, 0, 38);
        for text in ["#bd0026", "0xBD0026", "BD0026", &red.hex()] {
            assert_eq!(Colour::parse(text), Some(red), "{text}");
        }
        for text in ["", "#fff", "0x", "#bd002g", "#+d0026", "bd00267", "ééé"] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
        assert!((lightness(Colour::new(255, 255, 255)) - 100.0).abs() < 0.01);
        assert!(lightness(Colour::new(0, 0, 0)).abs() < 0.01);
    }
}
