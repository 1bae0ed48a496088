//! Colour arithmetic for themes: parsing, contrast, and the nearest of the 256 colours.

use std::str::FromStr;

/// A colour of 8 bits a channel, sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rgb {
    pub red: u8,
    pub green: u8,
    pub blue: u8,
}

/// The channel values of the 6x6x6 cube, colours 16 to 231 of the 256.
const CUBE: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Rgb {
    #[must_use]
    pub fn new(red: u8, green: u8, blue: u8) -> Self {
        Self { red, green, blue }
    }

    /// Relative luminance, 0 (black) to 1 (white): WCAG 2.2, definition "relative luminance".
    #[must_use]
    pub fn luminance(self) -> f64 {
        let linear = |channel: u8| {
            let c = f64::from(channel) / 255.0;
            if c <= 0.04045 {
                c / 12.92
            } else {
                ((c + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(self.red) + 0.7152 * linear(self.green) + 0.0722 * linear(self.blue)
    }

    /// Contrast ratio, 1 to 21: WCAG 2.2, definition "contrast ratio".
    #[must_use]
    pub fn contrast(self, other: Rgb) -> f64 {
        let (a, b) = (self.luminance(), other.luminance());
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// The index (16 to 255) of the nearest colour of the cube and the grey ramp, by squared distance. The first 16 are left
    /// out: their values are each terminal's own.
    #[must_use]
    pub fn nearest_256(self) -> u8 {
        let mut best = (u32::MAX, 16);
        for index in 16..=255 {
            let distance = self.distance(Self::of_256(index));
            if distance < best.0 {
                best = (distance, index);
            }
        }
        best.1
    }

    /// The colour of an index from 16 to 255, as xterm defines it; smaller ones are taken for 16.
    #[must_use]
    pub fn of_256(index: u8) -> Rgb {
        if index >= 232 {
            let grey = 8 + 10 * (index - 232);
            return Rgb::new(grey, grey, grey);
        }
        let cube = usize::from(index.saturating_sub(16));
        let level = |at: usize| CUBE.get(at % 6).copied().unwrap_or(0);
        Rgb::new(level(cube / 36), level(cube / 6), level(cube))
    }

    fn distance(self, other: Rgb) -> u32 {
        let square = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
        square(self.red, other.red)
            + square(self.green, other.green)
            + square(self.blue, other.blue)
    }
}

impl FromStr for Rgb {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|digits| {
            digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match number.map(u32::to_be_bytes) {
            Some([_, red, green, blue]) => Ok(Rgb::new(red, green, blue)),
            None => Err(format!("\"{text}\" is not a colour of the form #rrggbb")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_the_standard() {
        let (black, white) = (Rgb::new(0, 0, 0), Rgb::new(255, 255, 255));
        assert!((black.contrast(white) - 21.0).abs() < 1e-9);
        let grey: Rgb = "#767676".parse().unwrap();
        assert!((grey.contrast(white) - 4.54).abs() < 0.01);
    }

    #[test]
    fn the_nearest_of_256_is_exact_for_its_own_colours() {
        for index in 16..=255u8 {
            let colour = Rgb::of_256(index);
            assert_eq!(Rgb::of_256(colour.nearest_256()), colour, "{index}");
        }
        assert_eq!("#ff8700".parse::<Rgb>().unwrap().nearest_256(), 208);
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        for text in ["ff8700", "#ff870", "#ff87000", "#ff87é", "#gg8700", ""] {
            assert!(text.parse::<Rgb>().is_err(), "{text}");
        }
    }
}
