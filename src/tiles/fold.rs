//! First layers whose rows are not carried: where a function reads a sum of inputs with the same weights everywhere,
//! `z_c(p) = Σ_δ k_{cδ} x(p + δ)`, its rows are constants times slopes, `J_{cδ} = σ'_c k_{cδ}`, `S_{cδ} = σ''_c k_{cδ}²`.
//! A reader's sums of them,
//!
//! ```text
//! Σ_{c,t} w_{oct} J_{c,δ−t}(p + t) = Σ_{c,t} (w_{oct} k_{c,δ−t}) σ'_c(p + t),
//! ```
//!
//! read one line for each channel in place of one for each lane; the constants are folded into the weights.
//!
//! Exact at borders too: all terms of a lane belong to one input, so a lane is wrong only where its input does not
//! exist, and is not read there.

use super::Wanted;
use super::locals::Local;
use crate::layer::Kind;
use crate::layer::stencil::Weights;
use crate::network::{LayerId, Network};
use crate::scalar::Scalar;

/// Most weights of a layer with constants folded in.
const MOST_WEIGHTS: usize = 1 << 14;

/// The layers whose slopes are carried alone, in place of their rows.
pub(super) fn folded<T: Scalar>(
    net: &Network<T>,
    locals: &[Option<Local>],
    wanted: Wanted,
    needed: &[bool],
) -> Vec<bool> {
    let local = |id: LayerId| locals[id.index()].as_ref().filter(|_| needed[id.index()]);
    let shared = |id: LayerId| local(id).is_some_and(|local| is_shared(net, local, id));
    let of = |id: LayerId| {
        let operand = *net.operands(id).first()?;
        let first = local(operand).filter(|_| is_constant(net, locals, operand) && local(id).is_some())?;
        let is_result = !wanted.is_sums() && net.output_layers().contains(&id);
        let weights = |reader: LayerId| -> usize {
            let Some(reader) = local(reader) else { return 0 };
            let links = reader.fans.iter().flat_map(|fan| fan.links.iter().map(|link| (fan.channels.len(), link)));
            links.map(|(channels, link)| channels * first.lanes[link.channel].len()).sum()
        };
        // Readers that are not carried may want squares of its rows.
        let fits = |r: LayerId| match local(r) {
            Some(_) => shared(r) && weights(r) <= MOST_WEIGHTS,
            None => !net.layer(r).kind().is_curved(),
        };
        let is_function = matches!(net.layer(id).kind(), Kind::Elementwise(_));
        Some(is_function && !is_result && net.readers(id).all(|(r, _)| fits(r)))
    };
    net.layers().map(|(id, _)| of(id).unwrap_or(false)).collect()
}

/// Whether a layer reads one other, with the same weights everywhere.
fn is_shared<T: Scalar>(net: &Network<T>, local: &Local, id: LayerId) -> bool {
    let linear = net.layer(id).kind().linear();
    net.operands(id).len() == 1 && linear.is_some_and(|l| matches!(l.weights(&local.place), Weights::Shared(_)))
}

/// Whether the lanes of a layer are its weights: it reads an input, each lane through one link.
pub(super) fn is_constant<T: Scalar>(net: &Network<T>, locals: &[Option<Local>], id: LayerId) -> bool {
    let Some(local) = locals[id.index()].as_ref().filter(|local| is_shared(net, local, id)) else { return false };
    matches!(net.layer(net.operands(id)[0]).kind(), Kind::Input)
        && local.fans.iter().all(|fan| fan.links.len() == local.lanes[fan.channels.start].len())
}

/// For each lane of a channel, the place of its constant among the weights of the first layer.
pub(super) fn constants(first: &Local, input: &Local, wrapped: [usize; 3]) -> Vec<Vec<u32>> {
    let mut constants = vec![Vec::new(); first.place.channels];
    for fan in &first.fans {
        let lanes = &first.lanes[fan.channels.start];
        let mut of_fan = vec![0; lanes.len()];
        for link in &fan.links {
            let lane = input.lanes[link.channel][0].seen_at(link.shift, wrapped);
            of_fan[lanes.binary_search(&lane).expect("a lane for each link")] = link.weight as u32;
        }
        for (k, channel) in fan.channels.clone().enumerate() {
            constants[channel] = of_fan.iter().map(|&weight| weight + k as u32).collect();
        }
    }
    constants
}
