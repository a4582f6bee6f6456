//! The picture of a layer graph.

use super::drawing::{Anchor, Drawing, Font, LABEL, TITLE, short};
use super::layered::{Layered, Node};
use super::palette::{INK, MUTED, PAPER, Rgb};
use super::picture::Picture;
use super::text::{counted, escape, shorten, thousands, width};
use crate::error::{Result, ensure};
use crate::layer::Kind;
use crate::network::{LayerId, Network};
use crate::scalar::Scalar;

/// Most boxes of a picture that is still readable; a larger graph is drawn with its chains folded.
pub(super) const MOST: usize = 300;
/// Most edges, and most lines from rank to rank that they are drawn with.
const MOST_EDGES: usize = 3_000;
const MOST_LINES: usize = 10_000;

const HEIGHT: f64 = 42.0;
/// From rank to rank.
const PITCH: f64 = HEIGHT + 32.0;
/// Widths of a box.
const NARROWEST: f64 = 96.0;
const WIDEST: f64 = 220.0;
/// Space beside the text in a box.
const PADDING: f64 = 20.0;

const NAME: Font = Font { size: 12.0, bold: true, color: INK, anchor: Anchor::Middle };
const DETAIL: Font = Font { size: 11.0, bold: false, color: MUTED, anchor: Anchor::Middle };

/// The picture of a network's layers: a box for each with its name, kind and shape, inputs at the top, outputs at
/// the bottom. Boxes in which second derivatives arise are marked.
///
/// A graph of more than 300 layers is drawn with its chains folded into one box each.
///
/// # Errors
/// [`TooLarge`](crate::ErrorKind::TooLarge) if it has more than 300 boxes even so, or more edges than can be
/// told apart.
pub fn graph<T: Scalar>(net: &Network<T>) -> Result<Picture> {
    let (drawing, title, note) = draw(net, MOST)?;
    Ok(Picture::of(&drawing.titled(TITLE, &title, &note)))
}

/// Where a box stands in the network.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Input,
    Inner,
    Output,
}

impl Role {
    fn color(self) -> Rgb {
        match self {
            Role::Input => Rgb([0x00, 0x72, 0xb2]),
            Role::Inner => Rgb([0x8a, 0x93, 0x9d]),
            Role::Output => Rgb([0xc4, 0x7d, 0x00]),
        }
    }
}

/// The bar of a box in which second derivatives arise.
const CURVED: Rgb = Rgb([0xb0, 0x4a, 0x8b]);

/// A layer, or a chain of them.
struct Block {
    name: String,
    detail: String,
    whole_name: String,
    role: Role,
    curved: bool,
}

/// The drawing with at most `most` boxes, its title, and how it is to be read.
pub(super) fn draw<T: Scalar>(net: &Network<T>, most: usize) -> Result<(Drawing, String, String)> {
    let layers = net.layers().len();
    let chains = if layers > most { folded(net) } else { net.layers().map(|(id, _)| vec![id]).collect() };
    ensure!(
        chains.len() <= most,
        TooLarge,
        "a graph of {layers} layers, {} with its chains folded: at most {most} can be drawn",
        chains.len()
    );
    let mut block_of = vec![0; layers];
    chains.iter().enumerate().for_each(|(b, chain)| chain.iter().for_each(|id| block_of[id.index()] = b));
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for (id, _) in net.layers() {
        let reader = block_of[id.index()];
        edges.extend(net.operands(id).iter().map(|o| (block_of[o.index()], reader)).filter(|(s, t)| s != t));
    }
    edges.sort_unstable();
    edges.dedup();
    ensure!(edges.len() <= MOST_EDGES, TooLarge, "a graph of {} edges: at most {MOST_EDGES} can be drawn", edges.len());
    let blocks: Vec<Block> = chains.iter().map(|chain| block(net, chain)).collect();
    let nodes: Vec<Node> = blocks.iter().map(|b| Node { width: box_width(b), first: b.role == Role::Input }).collect();
    let placed = Layered::new(&nodes, &edges);
    ensure!(
        placed.links.len() <= MOST_LINES,
        TooLarge,
        "a graph whose edges cross {} ranks: at most {MOST_LINES} can be drawn",
        placed.links.len()
    );

    let ranks = placed.rank.iter().max().map_or(0, |r| r + 1);
    let mut d = Drawing::new(placed.width, ranks as f64 * PITCH - (PITCH - HEIGHT));
    draw_links(&mut d, &placed, &nodes);
    for (k, block) in blocks.iter().enumerate() {
        draw_box(&mut d, block, (placed.x[k], placed.rank[k] as f64 * PITCH), nodes[k].width);
    }
    let legend = legend(&blocks);
    d.put((0.0, d.height + 20.0), &legend);
    let title = format!(
        "{} → {}, {}",
        counted(net.inputs(), "input", "inputs"),
        counted(net.outputs(), "output", "outputs"),
        counted(layers, "layer", "layers")
    );
    let note = if chains.len() < layers { "chains of layers are folded".to_owned() } else { String::new() };
    Ok((d, title, note))
}

/// The layers in maximal chains: whoever is the only reader of its only operand stands in the operand's chain.
fn folded<T: Scalar>(net: &Network<T>) -> Vec<Vec<LayerId>> {
    let mut chains: Vec<Vec<LayerId>> = Vec::new();
    let mut chain_of = vec![0; net.layers().len()];
    for (id, _) in net.layers() {
        let before = match *net.operands(id) {
            [operand] => {
                let stays = matches!(net.layer(operand).kind(), Kind::Input) || net.output_layers().contains(&operand);
                (!stays && net.readers(operand).count() == 1 && !net.output_layers().contains(&id)).then_some(operand)
            }
            _ => None,
        };
        match before {
            Some(operand) => {
                chain_of[id.index()] = chain_of[operand.index()];
                chains[chain_of[id.index()]].push(id);
            }
            None => {
                chain_of[id.index()] = chains.len();
                chains.push(vec![id]);
            }
        }
    }
    chains
}

fn block<T: Scalar>(net: &Network<T>, chain: &[LayerId]) -> Block {
    let (first, last) = (chain[0], chain[chain.len() - 1]);
    let shape = net.layer(last).shape().iter().map(usize::to_string).collect::<Vec<_>>().join("×");
    let role = if matches!(net.layer(first).kind(), Kind::Input) {
        Role::Input
    } else if net.output_layers().contains(&last) {
        Role::Output
    } else {
        Role::Inner
    };
    let curved = chain.iter().any(|&id| net.layer(id).kind().is_curved());
    let room = WIDEST - PADDING;
    let (whole_name, detail) = match chain {
        [only] => {
            let layer = net.layer(*only);
            (layer.name().to_owned(), [layer.what(), shape].join(if layer.shape().is_empty() { "" } else { " · " }))
        }
        _ => {
            let name = |id| net.layer(id).name();
            (format!("{} … {}", name(first), name(last)), format!("{} layers, {shape}", thousands(chain.len())))
        }
    };
    // Bold letters are a little wider.
    let name = shorten(&whole_name, NAME.size * 1.06, room);
    Block { name, detail: shorten(detail.trim_end(), DETAIL.size, room), whole_name, role, curved }
}

fn box_width(block: &Block) -> f64 {
    let text = width(&block.name, NAME.size * 1.06).max(width(&block.detail, DETAIL.size));
    (text + PADDING).clamp(NARROWEST, WIDEST).ceil()
}

fn draw_box(d: &mut Drawing, block: &Block, (middle, top): (f64, f64), wide: f64) {
    let color = block.role.color();
    let [x, y, w, h] = [middle - wide / 2.0, top, wide, HEIGHT].map(short);
    // The whole name is shown by viewers that show titles; nobody reads more of it than this.
    let whole: String = block.whole_name.chars().take(400).collect();
    d.raw(&format!(
        r#"<g><title>{}</title><rect x="{x}" y="{y}" width="{w}" height="{h}" rx="6" fill="{}" stroke="{color}" stroke-width="1.2"/>"#,
        escape(&whole),
        PAPER.mix(color, 0.12)
    ));
    if block.curved {
        draw_bar(d, (middle - wide / 2.0, top), HEIGHT);
    }
    d.text((middle, top + 17.5), NAME, &block.name);
    d.text((middle, top + 33.0), DETAIL, &block.detail);
    d.raw("</g>");
}

/// Curves from rank to rank, straight through the ranks that an edge passes.
fn draw_links(d: &mut Drawing, placed: &Layered, nodes: &[Node]) {
    const ARROW: f64 = 6.0;
    let mut entering = vec![Vec::new(); nodes.len()];
    for (k, &(u, v)) in placed.links.iter().enumerate() {
        if !placed.is_bend(v) {
            entering[v].push((placed.x[u], k));
        }
    }
    // Where each link ends: those of one box side by side, in the order in which they come.
    let mut end: Vec<f64> = placed.links.iter().map(|&(_, v)| placed.x[v]).collect();
    for (v, mut list) in entering.into_iter().enumerate() {
        list.sort_by(|a, b| a.0.total_cmp(&b.0));
        let step = ((nodes[v].width - 24.0) / list.len() as f64).min(22.0);
        let middle = (list.len() as f64 - 1.0) / 2.0;
        list.iter().enumerate().for_each(|(k, &(_, link))| end[link] += (k as f64 - middle) * step);
    }
    let (mut lines, mut arrows) = (String::new(), String::new());
    for (&(u, v), &x2) in placed.links.iter().zip(&end) {
        let (x1, y1) = (placed.x[u], placed.rank[u] as f64 * PITCH + HEIGHT);
        let y2 = placed.rank[v] as f64 * PITCH;
        let stop = if placed.is_bend(v) { y2 } else { y2 - ARROW };
        let between = (y1 + stop) / 2.0;
        let [a, b, c, e, m] = [x1, y1, x2, stop, between].map(short);
        if (x1 - x2).abs() < 0.01 {
            lines += &format!("M{a} {b}V{e}");
        } else {
            lines += &format!("M{a} {b}C{a} {m} {c} {m} {c} {e}");
        }
        if placed.is_bend(v) {
            lines += &format!("V{}", short(y2 + HEIGHT));
        } else {
            let [left, right, tip] = [x2 - 3.5, x2 + 3.5, y2 - 0.5].map(short);
            arrows += &format!("M{left} {e}H{right}L{c} {tip}z");
        }
    }
    d.raw(&format!(r#"<path d="{lines}" fill="none" stroke="{MUTED}" stroke-width="1.2"/>"#));
    d.raw(&format!(r#"<path d="{arrows}" fill="{MUTED}"/>"#));
}

/// The mark of a curved box, inside its left edge.
fn draw_bar(d: &mut Drawing, (left, top): (f64, f64), height: f64) {
    let [x, y, h] = [left + 4.0, top + 5.0, height - 10.0].map(short);
    d.raw(&format!(r#"<rect x="{x}" y="{y}" width="3.5" height="{h}" rx="1.75" fill="{CURVED}"/>"#));
}

fn legend(blocks: &[Block]) -> Drawing {
    let mut d = Drawing::new(0.0, 16.0);
    let item = |d: &mut Drawing, words: &str| {
        let x = d.width;
        d.text((x + 18.0, 12.0), LABEL, words);
        d.width = x + 18.0 + width(words, LABEL.size) + 14.0;
        x
    };
    for (role, words) in [(Role::Input, "input"), (Role::Output, "output")] {
        let (left, color) = (short(item(&mut d, words)), role.color());
        let fill = PAPER.mix(color, 0.12);
        d.raw(&format!(r#"<rect x="{left}" y="2" width="12" height="12" rx="3" fill="{fill}" stroke="{color}"/>"#));
    }
    if blocks.iter().any(|b| b.curved) {
        let left = item(&mut d, "curved");
        draw_bar(&mut d, (left, -4.0), 24.0);
    }
    d
}
