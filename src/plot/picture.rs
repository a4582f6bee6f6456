//! [`Picture`]: a finished drawing, as SVG and PNG.

use super::drawing::{Drawing, short};
use super::palette::PAPER;
use crate::error::{Error, ErrorKind, Result, bail};
use crate::files::{place, write_file};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree};
use std::fmt;
use std::path::Path;

/// White around a drawing.
const MARGIN: f64 = 24.0;

/// Pixels of a PNG for each pixel of the SVG: sharp on screens of high density.
const SCALE: f64 = 2.0;

/// Most pixels of a PNG; one that would have more is drawn smaller.
const MOST_PIXELS: f64 = 40e6;

/// A picture, to be had as SVG or PNG.
///
/// The SVG is self-contained and names the fonts that it would like. The PNG has twice its pixels, and its letters
/// are those of an embedded font (Latin, Greek, Cyrillic), so that it looks the same on every machine.
#[derive(Clone)]
pub struct Picture(Drawing);

impl Picture {
    pub(super) fn of(drawing: &Drawing) -> Self {
        let mut all = Drawing::new(0.0, 0.0);
        all.put((MARGIN, MARGIN), drawing);
        (all.width, all.height) = ((all.width + MARGIN).ceil(), (all.height + MARGIN).ceil());
        Picture(all)
    }

    /// Width and height of the SVG, in pixels.
    pub fn size(&self) -> (u32, u32) {
        (self.0.width as u32, self.0.height as u32)
    }

    /// The picture as an SVG document, at most about a megabyte.
    pub fn to_svg(&self) -> String {
        let (w, h) = (short(self.0.width), short(self.0.height));
        let fonts = "'Noto Sans','DejaVu Sans','Segoe UI',Helvetica,Arial,sans-serif";
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             font-family=\"{fonts}\">\n<rect width=\"{w}\" height=\"{h}\" fill=\"{PAPER}\"/>\n{}</svg>\n",
            self.0.body()
        )
    }

    /// The picture as a PNG file: the SVG, twice as large, at most 40 million pixels.
    ///
    /// # Errors
    /// [`TooLarge`](ErrorKind::TooLarge) if there is no memory for the pixels.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut options = Options::default();
        let fonts = options.fontdb_mut();
        fonts.load_font_data(ttf_noto_sans::REGULAR.to_vec());
        fonts.load_font_data(ttf_noto_sans::BOLD.to_vec());
        fonts.set_sans_serif_family("Noto Sans");
        let refused = |what: String| Error::new(ErrorKind::TooLarge, format!("the picture cannot be drawn: {what}"));
        let tree = Tree::from_str(&self.to_svg(), &options).map_err(|e| refused(e.to_string()))?;
        let (width, height) = (self.0.width, self.0.height);
        let scale = SCALE.min((MOST_PIXELS / (width * height)).sqrt());
        let pixels = |length: f64| ((length * scale) as u32).max(1);
        let mut map = Pixmap::new(pixels(width), pixels(height)).ok_or_else(|| refused("no memory".into()))?;
        resvg::render(&tree, Transform::from_scale(scale as f32, scale as f32), &mut map.as_mut());
        map.encode_png().map_err(|e| refused(e.to_string()))
    }

    /// Writes the picture to a file, as SVG or PNG by the ending of its name.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) for another ending, [`Io`](ErrorKind::Io) if the file cannot be
    /// written, and those of [`to_png`](Self::to_png); each names the file.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        self.write(path).map_err(|e| e.within(place(path)))
    }

    fn write(&self, path: &Path) -> Result<()> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let bytes = match ending.as_str() {
            "svg" => self.to_svg().into_bytes(),
            "png" => self.to_png()?,
            "" => bail!(Unsupported, "a picture's name ends in .svg or .png, this one has no ending"),
            other => bail!(Unsupported, "a picture's name ends in .svg or .png, not in {:?}", format!(".{other}")),
        };
        write_file(path, &bytes)
    }
}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (w, h) = self.size();
        write!(f, "Picture {w} × {h}")
    }
}
