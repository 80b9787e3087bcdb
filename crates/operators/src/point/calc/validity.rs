//! Where results are data: the operations of an expression, joined by the operations that compute it.
//!
//! A result is data where every pixel that it depends on is. Three things see more: `where` depends on its condition
//! and on the branch that it takes there, `isnodata` asks, `nodata()` is none.

use super::graph::{Graph, Id};
use super::kind::{Constant, Kind};
use super::operation::Operation;
use super::typing::Typed;

/// A value and the truth value that says whether it is data; none where it always is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checked {
    pub(super) value: Id,
    pub(super) valid: Option<Id>,
}

/// The operations of `typed` in which every pixel of the inputs is data (`all_valid`), or in which its flag is asked.
pub(super) fn check_validity(typed: &Typed, all_valid: bool) -> (Graph, Vec<Checked>) {
    let mut graph = typed.graph.emptied();
    let mut known: Vec<Checked> = Vec::with_capacity(typed.graph.nodes().len());
    for node in typed.graph.nodes() {
        let operands = node.operands().iter().map(|&id| known[id as usize]).collect::<Vec<_>>();
        let checked = match (node.operation, &*operands) {
            (Operation::Pixel(place), _) => Checked {
                value: graph.add(node.operation, node.kind, &[]),
                valid: (!all_valid).then(|| graph.add(Operation::Flags(place), Kind::Bool, &[])),
            },
            (Operation::Nodata, _) => {
                let no = graph.truth(false);
                Checked { value: no, valid: Some(no) }
            }
            (Operation::Guard, &[value, other]) => {
                Checked { value: value.value, valid: both(&mut graph, value.valid, other.valid) }
            }
            (Operation::IsNodata, &[asked]) => {
                let yes = graph.truth(true);
                let valid = asked.valid.unwrap_or(yes);
                Checked { value: graph.add(Operation::Invert, Kind::Bool, &[valid]), valid: None }
            }
            (Operation::Where, &[condition, a, b]) => choose(&mut graph, node.kind, condition, a, b),
            (Operation::Constant(bits), _) => Checked { value: graph.constant(node.kind, bits), valid: None },
            _ => {
                let values = operands.iter().map(|operand| operand.value).collect::<Vec<_>>();
                let valid =
                    operands.iter().fold(None, |valid, operand| both(&mut graph, valid, operand.valid));
                Checked { value: graph.add(node.operation, node.kind, &values), valid }
            }
        };
        known.push(checked);
    }
    let outputs = typed.outputs.iter().map(|&id| known[id as usize]).collect();
    (graph, outputs)
}

/// Both are data. The same question is asked once: operands have most of their flags in common.
fn both(graph: &mut Graph, a: Option<Id>, b: Option<Id>) -> Option<Id> {
    let (Some(a), Some(b)) = (a, b) else { return a.or(b) };
    let holds = |whole: Id, part: Id| {
        let node = graph.node(whole);
        whole == part || node.operation == Operation::And && node.operands().contains(&part)
    };
    let constant = |id: Id| graph.constant_of(id).map(|value| value == Constant::Bool(true));
    Some(match (constant(a), constant(b)) {
        (Some(false), _) | (_, Some(true)) => a,
        (_, Some(false)) | (Some(true), _) => b,
        _ if holds(a, b) => a,
        _ if holds(b, a) => b,
        _ => graph.add(Operation::And, Kind::Bool, &[a, b]),
    })
}

fn choose(graph: &mut Graph, kind: Kind, condition: Checked, a: Checked, b: Checked) -> Checked {
    let value = if a.value == b.value {
        a.value
    } else {
        graph.add(Operation::Where, kind, &[condition.value, a.value, b.value])
    };
    let branch = if a.valid == b.valid {
        a.valid
    } else {
        let yes = graph.truth(true);
        let branches = [condition.value, a.valid.unwrap_or(yes), b.valid.unwrap_or(yes)];
        Some(graph.add(Operation::Where, Kind::Bool, &branches))
    };
    Checked { value, valid: both(graph, condition.valid, branch) }
}
