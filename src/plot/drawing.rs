//! [`Drawing`]: SVG elements on a rectangle, to be put into another drawing or into a picture.

use super::palette::{INK, MUTED, Rgb};
use super::text::{escape, shorten, width};
use std::fmt::Write;

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Font {
    pub(super) size: f64,
    pub(super) bold: bool,
    pub(super) color: Rgb,
    pub(super) anchor: Anchor,
}

/// Which end of a text its place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

pub(super) const TITLE: Font = Font { size: 16.0, bold: true, color: INK, anchor: Anchor::Start };
pub(super) const SUBTITLE: Font = Font { size: 13.5, ..TITLE };
pub(super) const NOTE: Font = Font { size: 12.0, bold: false, color: MUTED, anchor: Anchor::Start };
pub(super) const LABEL: Font = Font { size: 11.0, ..NOTE };

impl Font {
    pub(super) fn at(self, anchor: Anchor) -> Self {
        Font { anchor, ..self }
    }
}

/// A title may be wider than what it stands above, but not than this.
const LONGEST_TITLE: f64 = 720.0;

/// Height of a line of text, in its size.
pub(super) const LINE: f64 = 1.45;

/// SVG elements; lengths in pixels, from the upper left corner.
#[derive(Clone, Debug)]
pub(super) struct Drawing {
    pub(super) width: f64,
    pub(super) height: f64,
    body: String,
}

impl Drawing {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Drawing { width, height, body: String::new() }
    }

    pub(super) fn body(&self) -> &str {
        &self.body
    }

    /// Elements that are SVG already.
    pub(super) fn raw(&mut self, element: &str) {
        self.body.push_str(element);
        self.body.push('\n');
    }

    pub(super) fn rect(&mut self, [x, y, w, h]: [f64; 4], fill: Rgb) {
        let [x, y, w, h] = [x, y, w, h].map(short);
        self.raw(&format!(r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="{fill}"/>"#));
    }

    /// The outline of a rectangle, drawn around it.
    pub(super) fn frame(&mut self, [x, y, w, h]: [f64; 4], stroke: Rgb, thickness: f64) {
        let half = thickness / 2.0;
        let [x, y, w, h] = [x - half, y - half, w + thickness, h + thickness].map(short);
        let t = short(thickness);
        self.raw(&format!(
            r#"<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="none" stroke="{stroke}" stroke-width="{t}"/>"#
        ));
    }

    pub(super) fn line(&mut self, [x1, y1, x2, y2]: [f64; 4], stroke: Rgb, thickness: f64) {
        let [x1, y1, x2, y2, t] = [x1, y1, x2, y2, thickness].map(short);
        self.raw(&format!(r#"<path d="M{x1} {y1}L{x2} {y2}" stroke="{stroke}" stroke-width="{t}"/>"#));
    }

    /// A text on one line, its baseline at `y`.
    pub(super) fn text(&mut self, (x, y): (f64, f64), font: Font, text: &str) {
        self.turned_text((x, y), 0.0, font, text);
    }

    /// A text turned clockwise by `degrees` around its place.
    pub(super) fn turned_text(&mut self, (x, y): (f64, f64), degrees: f64, font: Font, text: &str) {
        let [px, py, size] = [x, y, font.size].map(short);
        let mut attributes = format!(r#"x="{px}" y="{py}" font-size="{size}" fill="{}""#, font.color);
        match font.anchor {
            Anchor::Start => {}
            Anchor::Middle => attributes.push_str(r#" text-anchor="middle""#),
            Anchor::End => attributes.push_str(r#" text-anchor="end""#),
        }
        if font.bold {
            attributes.push_str(r#" font-weight="bold""#);
        }
        if degrees != 0.0 {
            write!(attributes, r#" transform="rotate({} {px} {py})""#, short(degrees)).expect("strings take all");
        }
        self.raw(&format!("<text {attributes}>{}</text>", escape(text)));
    }

    /// Another drawing with its corner at `(x, y)`; this one grows to hold it.
    pub(super) fn put(&mut self, (x, y): (f64, f64), other: &Drawing) {
        self.width = self.width.max(x + other.width);
        self.height = self.height.max(y + other.height);
        self.raw(&format!(r#"<g transform="translate({} {})">"#, short(x), short(y)));
        self.body.push_str(&other.body);
        self.raw("</g>");
    }

    /// This drawing under a title and the lines of a note, those that are not empty.
    pub(super) fn titled(&self, font: Font, title: &str, note: &str) -> Drawing {
        let mut all = Drawing::new(0.0, 0.0);
        let mut top = 0.0;
        let room = self.width.max(LONGEST_TITLE);
        let notes = note.lines().map(|line| (NOTE, line));
        for (font, text) in std::iter::once((font, title)).chain(notes).filter(|(_, text)| !text.is_empty()) {
            let text = shorten(text, font.size, room);
            all.text((0.0, top + font.size), font, &text);
            all.width = all.width.max(width(&text, font.size));
            top += LINE * font.size;
        }
        all.put((0.0, (top + 10.0).round()), self);
        all
    }
}

/// A length with at most two digits after the point.
pub(super) fn short(length: f64) -> String {
    let text = format!("{length:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}
