//! A network as a function of a few of its inputs, the others held fixed.

use colorjet::{Broadcast, ConvOptions, Kind, Layer, LayerId, Network, NetworkBuilder, Result};

/// The network `t ↦ y(x + Σ t_k e_{inputs[k]})`: its derivatives at `t = 0` are columns of those at `x`.
pub fn restricted(net: &Network, x: &[f64], inputs: &[usize]) -> Result<Network> {
    let mut builder = Network::builder();
    let moved = builder.input("moved", &[inputs.len()])?;
    let mut copies: Vec<LayerId> = Vec::new();
    let mut first = 0;
    for (id, layer) in net.layers() {
        let operands: Vec<LayerId> = net.operands(id).iter().map(|o| copies[o.index()]).collect();
        copies.push(match layer.kind() {
            Kind::Input => {
                let units = first..first + layer.units();
                first = units.end;
                let source = units.clone().map(|j| inputs.iter().position(|&i| i == j).map(|k| k as u32));
                let steps = format!("steps of {}", layer.name());
                let steps = builder.gather(&steps, &[moved], source, layer.shape(), 0.0)?;
                builder.weighted_sum(layer.name(), &[steps], &[None], Some(x[units].to_vec()))?
            }
            _ => copy(&mut builder, layer, &operands)?,
        });
    }
    let outputs: Vec<LayerId> = net.output_layers().iter().map(|o| copies[o.index()]).collect();
    builder.build(&outputs)
}

fn copy(builder: &mut NetworkBuilder, layer: &Layer<f64>, operands: &[LayerId]) -> Result<LayerId> {
    let (name, shape) = (layer.name(), layer.shape());
    match layer.kind() {
        Kind::Dense(l) => builder.dense(name, operands[0], l.weight().clone(), l.bias().cloned()),
        Kind::Sparse(l) => builder.sparse(name, operands[0], l.matrix().clone(), l.bias().cloned()),
        Kind::Conv(l) => {
            let options = ConvOptions {
                stride: l.windows().iter().map(|w| w.stride).collect(),
                padding: l.windows().iter().map(|w| [w.before, w.after]).collect(),
                dilation: l.windows().iter().map(|w| w.dilation).collect(),
                groups: l.groups(),
            };
            let weight = ndarray::ArrayD::from_shape_vec(l.weight_shape(), l.weight().to_vec());
            let weight = weight.expect("as many weights as the shape says");
            let bias = l.bias().map(|b| ndarray::Array1::from(b.to_vec()));
            builder.conv(name, operands[0], weight, bias, &options)
        }
        Kind::Gather(l) => builder.gather(name, operands, l.index(), shape, l.fill()),
        Kind::Sum(l) => {
            let values = |b: &Broadcast<f64>| b.values().to_vec();
            let scales: Vec<_> = l.scales().iter().map(|s| s.as_ref().map(values)).collect();
            builder.weighted_sum(name, operands, &scales, l.shift().map(values))
        }
        Kind::Elementwise(l) => builder.activation(name, operands[0], l.activation().clone()),
        Kind::Product => builder.product(name, operands[0], operands[1]),
        Kind::Select(l) => builder.max(name, operands, l.candidates().map(<[u32]>::to_vec), shape),
        other => unreachable!("{} is a kind of a later version than this example", other.name()),
    }
}
