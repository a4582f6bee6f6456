//! A picture made of rectangles and small letters, saved as PNG.

use crate::font;
use crate::oklab::Rgb;
use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

pub const WHITE: Rgb = [255, 255, 255];
pub const INK: Rgb = [40, 42, 48];

pub struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Rgb>,
}

impl Canvas {
    pub fn new(width: usize, height: usize) -> Self {
        Canvas { width, height, pixels: vec![WHITE; width * height] }
    }

    /// A filled rectangle; what lies outside of the picture is cut off.
    pub fn fill(&mut self, [x, y, width, height]: [usize; 4], color: Rgb) {
        let right = (x + width).min(self.width);
        for row in y..(y + height).min(self.height) {
            self.pixels[row * self.width..][x.min(right)..right].fill(color);
        }
    }

    /// A line of the given thickness around a rectangle, outside of it.
    pub fn frame(&mut self, [x, y, width, height]: [usize; 4], thickness: usize, color: Rgb) {
        let (left, top) = (x.saturating_sub(thickness), y.saturating_sub(thickness));
        let (right, bottom) = (x + width, y + height);
        self.fill([left, top, right + thickness - left, thickness], color);
        self.fill([left, bottom, right + thickness - left, thickness], color);
        self.fill([left, top, thickness, bottom + thickness - top], color);
        self.fill([right, top, thickness, bottom + thickness - top], color);
    }

    /// A line of text with its upper left corner at `(x, y)`.
    pub fn text(&mut self, (x, y): (usize, usize), scale: usize, text: &str, color: Rgb) {
        for (place, letter) in text.chars().enumerate() {
            let left = x + place * (font::WIDTH + 1) * scale;
            for row in 0..font::HEIGHT {
                for column in (0..font::WIDTH).filter(|&c| font::dot(letter, c, row)) {
                    self.fill([left + column * scale, y + row * scale, scale, scale], color);
                }
            }
        }
    }

    pub fn save(&self, path: &Path) -> Result<(), Box<dyn Error>> {
        let file = BufWriter::new(File::create(path)?);
        let mut encoder = png::Encoder::new(file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(self.pixels.as_flattened())?;
        Ok(writer.finish()?)
    }
}

/// Pixels that a line of text takes.
pub fn text_width(scale: usize, text: &str) -> usize {
    (text.chars().count() * (font::WIDTH + 1)).saturating_sub(1) * scale
}

/// Pixels that a letter is high.
pub fn text_height(scale: usize) -> usize {
    font::HEIGHT * scale
}
