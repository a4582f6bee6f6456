//! All of a plan on one sheet.

use super::drawing::{Drawing, LINE, NOTE, SUBTITLE, TITLE};
use super::graph;
use super::matrix::{self, Classes};
use super::picture::Picture;
use super::text::width;
use crate::coloring::Side;
use crate::error::{ErrorKind, Result};
use crate::network::Network;
use crate::plan::Plan;
use crate::scalar::Scalar;

/// Most boxes of a layer graph on a sheet.
const BOXES: usize = 40;
const GAP: f64 = 48.0;

/// The picture of a plan: what it computes and how, the layer graph, and the pattern with the colors of its lanes.
///
/// The colors are those of the inputs, for strategies that color them once, and otherwise those of the outputs. A
/// graph of more than 40 layers is drawn with its chains folded; one that is too large even so is left out.
///
/// # Errors
/// [`PlanMismatch`](ErrorKind::PlanMismatch) for a network of another structure, naming both.
pub fn plan<T: Scalar>(net: &Network<T>, plan: &Plan) -> Result<Picture> {
    plan.structure.check("plan", net.structure())?;
    let inputs = plan.input_colors().map(|of| {
        let count = of.iter().flatten().max().map_or(0, |&c| c as usize + 1);
        Classes { side: Side::Columns, of, count }
    });
    let classes = inputs.or_else(|| plan.output_coloring().map(|coloring| Classes::new(coloring, Side::Rows)));
    let (pattern, title, note) = matrix::draw(plan.pattern(), classes.as_ref())?;
    let pattern = pattern.titled(SUBTITLE, &title, &note);
    let layers = match graph::draw(net, BOXES) {
        Ok((drawing, title, note)) => drawing.titled(SUBTITLE, &title, &note),
        Err(e) if e.kind() == ErrorKind::TooLarge => sentence(&format!("Layer graph not drawn: {}.", e.message())),
        Err(e) => return Err(e),
    };
    let mut all = Drawing::new(0.0, 0.0);
    all.put((0.0, 0.0), &layers);
    all.put((layers.width.max(180.0) + GAP, 0.0), &pattern);
    let title = format!("{}, {}", plan.quantity(), plan.strategy());
    Ok(Picture::of(&all.titled(TITLE, &title, &format!("{}\n{}", plan.passes(), plan.reason()))))
}

/// A sentence in lines of moderate length.
fn sentence(text: &str) -> Drawing {
    const ROOM: f64 = 260.0;
    let mut d = Drawing::new(0.0, 0.0);
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if width(line, NOTE.size) + width(word, NOTE.size) < ROOM => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    for line in lines {
        d.text((0.0, d.height + NOTE.size), NOTE, &line);
        d.width = d.width.max(width(&line, NOTE.size));
        d.height += LINE * NOTE.size;
    }
    d
}
